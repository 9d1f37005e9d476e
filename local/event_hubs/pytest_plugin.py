"""A pytest plugin: the fixture `event_hubs` starts an emulator for a test.

pytest imports this module in every run if the distribution is installed. The fixture imports the emulator, so that
other tests do not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .process import EventHubsEmulator

MARKER = """event_hubs(hubs={"events": 2}, capture=False, **more): arguments of the fixture `event_hubs`.
hubs maps names to numbers of partitions; capture is True for files below tmp_path / "capture", or a CaptureSettings;
more are further arguments of EventHubsEmulator."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def event_hubs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventHubsEmulator]:
    """A new emulator without events and faults. The marker `event_hubs` sets its hubs and Capture."""
    from .process import CaptureToFolder, EventHubsEmulator

    marker = request.node.get_closest_marker("event_hubs")
    more: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}
    hubs = more.pop("hubs", {"events": 2})
    if more.get("capture") in (True, False):
        more["capture"] = CaptureToFolder(tmp_path / "capture", skip_empty=True) if more["capture"] else None
    with EventHubsEmulator(tmp_path / "event_hubs", hubs, **more) as running:
        yield running
