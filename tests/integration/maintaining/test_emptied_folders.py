"""A run of `maintain` over containers with a hierarchical namespace: against a stand-in, not Azure."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from clickstream.maintaining.maintainer import Maintainer
from clickstream.storage.account import StorageAccount
from clickstream.storage.blobs import Container
from local.azurite import Azurite
from tests.integration.compacting.lake import START, event
from tests.integration.maintaining.maintained_lake import LATER, MaintainedLake
from tests.integration.storage.hierarchical import HierarchicalContainer

pytestmark = pytest.mark.integration


def test_captured_files_and_spilled_blobs_that_are_gone_leave_no_folders_of_their_time(azurite: Azurite) -> None:
    lake = MaintainedLake(azurite)
    paths = [lake.capture(minute * 60, [event(f"e{minute}")], first_sequence=minute) for minute in (0, 1, 100)]
    lake.compact()
    with HierarchicalContainer() as capture, HierarchicalContainer() as spill:
        stores = {lake.settings.capture_container: capture.store(), lake.settings.spill_container: spill.store()}

        class HalfHierarchical(StorageAccount):
            def container(self, name: str) -> Container:
                return stores.get(name) or lake.account.container(name)

        account = HalfHierarchical(**{each.name: getattr(lake.account, each.name) for each in fields(StorageAccount)})
        for path in paths:
            capture.put(path)
        spilled = [f"events/{LATER - timedelta(hours=hours):%Y/%m/%d/%H}/0.avro" for hours in (2, 30, 50)]
        for path in spilled:
            spill.put(path)
            spill.delete(path)
        maintainer = Maintainer(account, lake.settings, lambda: LATER)
        report = maintainer.run(LATER + timedelta(minutes=10))
        assert (report.capture_files, report.finished) == (2, True)
        assert capture.files == {paths[2]}, "the last file shows that there is such a partition"
        deepest = {each for each in capture.folders if each.count("/") == 7}
        assert deepest == {paths[2].rpartition("/")[0]}
        assert f"ns/events/0/{START:%Y/%m/%d/%H}" not in capture.folders
        assert {each for each in spill.folders if each.count("/") == 4} == {spilled[0].rpartition("/")[0]}

        # An hour that was not over when its last file went is over by the next run, which deletes no file.
        hour = f"ns/events/0/{START - timedelta(hours=1):%Y/%m/%d/%H}"
        capture.folders.add(hour)
        assert maintainer.run(LATER + timedelta(minutes=10)).capture_files == 0
        assert hour not in capture.folders
