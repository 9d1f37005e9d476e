"""Maintenance that dies at any request to storage leaves every row, and the next run does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from clickstream.errors import Unavailable
from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.maintaining.maintained_lake import LATER, MaintainedLake, row, rows

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


@pytest.mark.parametrize("dies_at", range(1, 62, 8))
@pytest.mark.parametrize("does_the_last", [False, True], ids=["refused", "answer lost"])
def test_a_crash_at_any_request_leaves_every_row_once(
    azurite: Azurite, storage: FailingStorage, dies_at: int, does_the_last: bool
) -> None:
    lake = MaintainedLake(azurite)
    lake.site("shop", 10)
    lake.site("blog", None)
    for number in range(3):
        current, expired = row(f"kept {number}", site="blog"), row(f"expired {number}")
        lake.writer().append(rows(current, expired, row(f"new {number}", LATER)), {"p": number}, {})
    account = lake.account
    lake.account = replace(account, blob_endpoint=storage.endpoint)
    storage.die_at(dies_at, does_the_last=does_the_last)
    try:
        lake.maintain()
    except Unavailable:
        pass
    finally:
        storage.die_at(None)
        lake.account = account
    always = {*(f"kept {number}" for number in range(3)), *(f"new {number}" for number in range(3))}
    assert len(lake.ids()) == len(set(lake.ids()))
    assert set(lake.ids()) >= always
    report = lake.maintain(datetime.now(UTC) + timedelta(hours=3))
    assert report.finished
    assert lake.writer().application_version("p") == 2
    assert {each["event_id"] for each in lake.rows() if each["site"] == "blog"} == {f"kept {n}" for n in range(3)}
    assert not [each for each in lake.ids() if each.startswith("expired")]
    lake.service.close()
