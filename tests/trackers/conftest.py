"""One Chromium for all the pages of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.trackers.harness import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser") / "driver.log") as running:
        yield running
