"""Folders that are left empty go, and a file that is made at that moment stays: against a stand-in, not Azure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from clickstream.storage.emptied_folders import delete_emptied_folders, folders_before
from local.azurite import Azurite
from tests.integration.compacting.lake import Lake
from tests.integration.storage.hierarchical import HierarchicalContainer

pytestmark = pytest.mark.integration
ROOT = "ns/events/0"
MOMENT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@pytest.fixture
def hierarchical() -> Iterator[HierarchicalContainer]:
    with HierarchicalContainer() as container:
        yield container


def test_folders_of_times_that_are_over_go_and_all_others_stay(hierarchical: HierarchicalContainer) -> None:
    gone = [f"{ROOT}/2026/02/28/23/59/0.avro", f"{ROOT}/2026/03/01/00/00/0.avro", f"{ROOT}/2026/03/02/01/10/0.avro"]
    for path in (*gone, f"{ROOT}/2026/03/01/07/00/kept.avro", f"{ROOT}/2026/03/02/01/40/new.avro"):
        hierarchical.put(path)
    for path in gone:
        assert hierarchical.delete(path) == 202
    delete_emptied_folders(hierarchical.store(), ROOT, MOMENT, gone)
    assert hierarchical.files == {f"{ROOT}/2026/03/01/07/00/kept.avro", f"{ROOT}/2026/03/02/01/40/new.avro"}
    remaining = ("2026", "2026/03", "2026/03/01", "2026/03/01/07", "2026/03/01/07/00", "2026/03/02", "2026/03/02/01")
    assert hierarchical.folders == {
        "ns", "ns/events", ROOT, *(f"{ROOT}/{path}" for path in (*remaining, "2026/03/02/01/40")),
    }  # fmt: skip


def test_a_file_that_is_made_as_its_folder_is_deleted_keeps_it(hierarchical: HierarchicalContainer) -> None:
    gone, late = f"{ROOT}/2026/03/01/00/00/0.avro", f"{ROOT}/2026/03/01/00/00/1.avro"
    hierarchical.put(gone)
    hierarchical.delete(gone)

    def write_late(path: str) -> None:
        if path == f"{ROOT}/2026/03/01/00/00":
            hierarchical.put(late)

    hierarchical.before_delete = write_late
    delete_emptied_folders(hierarchical.store(), ROOT, MOMENT, [gone])
    assert hierarchical.files == {late}
    assert f"{ROOT}/2026/03/01/00/00" in hierarchical.folders


def test_a_flat_account_is_asked_one_question(azurite: Azurite, hierarchical: HierarchicalContainer) -> None:
    delete_emptied_folders(hierarchical.store(), ROOT, MOMENT, ["ns/events/0/2026/03/01/00/00/0.avro"])
    assert hierarchical.batches == 0
    lake = Lake(azurite)
    path = lake.capture(0, [b"{}"])
    container = lake.account.container(lake.settings.capture_container)
    delete_emptied_folders(container, ROOT, MOMENT, [path])
    names = [blob.name for blob in lake.service.get_container_client(lake.settings.capture_container).list_blobs()]
    assert names == [path]


def test_folders_are_by_hours_days_and_months_that_are_over() -> None:
    hours, days, months = folders_before("events", datetime(2026, 1, 1, 0, 5, tzinfo=UTC))
    assert (hours[0], days[0], months[0]) == ("events/2025/12/31/23", "events/2025/12/31", "events/2025/12")
    assert (months[-1], len(set(hours)), len(set(days)), len(set(months))) == ("events/2025/01", 168, 31, 12)
