"""Recovery as docs/operating.md describes it: a lost table is rebuilt from the captured files."""

from __future__ import annotations

import obstore
import pytest

from local.azurite import Azurite
from tests.integration.compacting.lake import Lake, event, failed_event

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(azurite: Azurite) -> Lake:
    return Lake(azurite)


@pytest.mark.parametrize("lost", ["events/", "failed_events/", ""], ids=["events", "failed-events", "everything"])
def test_tables_that_are_lost_come_back_from_captured_files(lost: str, lake: Lake) -> None:
    lake.capture(0, [event("a"), event("b")])
    lake.capture(1, [event("c")], first_sequence=2)
    lake.capture(0, [failed_event("f")], hub="failed-events")
    lake.compact()
    before = lake.ids(), len(lake.rows("failed_events"))
    assert before == (["a", "b", "c"], 1)
    container = lake.account.container(lake.settings.lake_container).store
    paths = [blob["path"] for blobs in obstore.list(container, lost or None) for blob in blobs]
    assert paths
    for path in paths:
        obstore.delete(container, path)
    lake.compact()
    assert (lake.ids(), len(lake.rows("failed_events"))) == before
    lake.capture(2, [event("d")], first_sequence=3)
    lake.compact()
    assert lake.ids() == ["a", "b", "c", "d"]
