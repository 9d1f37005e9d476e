"""One Chromium for all visits of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.visiting import Visitors


@pytest.fixture(scope="session")
def visitors(tmp_path_factory: pytest.TempPathFactory, pages_port: int) -> Iterator[Visitors]:
    with Visitors(tmp_path_factory.mktemp("visitors") / "driver.log", pages_port) as running:
        yield running
