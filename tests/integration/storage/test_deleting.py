"""Blobs are deleted by hundreds a request, and those that somebody else has deleted keep none of the others."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import obstore
import pytest

from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import Lake

pytestmark = pytest.mark.integration
COUNT = 300


@pytest.fixture
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as storage:
        yield storage


@pytest.mark.parametrize(
    ("gone", "most_requests"), [([], 5), ([0, 17, 299], 5 + 3 * 64)], ids=["all there", "some gone"]
)
def test_hundreds_of_blobs_are_deleted_by_a_request(
    azurite: Azurite, storage: FailingStorage, gone: list[int], most_requests: int
) -> None:
    lake = Lake(azurite)
    account = replace(lake.account, blob_endpoint=storage.endpoint)
    container = account.container(lake.settings.spill_container)
    paths = [f"events/{number:03}.avro" for number in range(COUNT)]
    there = [path for number, path in enumerate(paths) if number not in gone]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda path: obstore.put(container.store, path, b"x"), [*there, "events/kept.avro"]))
    storage.die_at(None)
    container.delete_all(paths)
    assert storage.seen <= most_requests
    assert [blob["path"] for blobs in obstore.list(container.store) for blob in blobs] == ["events/kept.avro"]
