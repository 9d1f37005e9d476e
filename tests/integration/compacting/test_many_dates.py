"""Events of thousands of days open few partitions at once: what one commit does not take, the next one does."""

from __future__ import annotations

import logging
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from clickstream.compacting.committing import MAX_DATES
from clickstream.compacting.compactor import Compactor
from clickstream.errors import Unavailable
from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import NOW, START, Lake, event

pytestmark = pytest.mark.integration
# So many dates a commit may have here, of two commits and a few more; the last day has most events, one of them twice.
FEW = 5
DAYS = 2 * FEW + 3
IDS = [*(f"e{day:04}" for day in range(DAYS)), "last"]


def bodies() -> list[bytes]:
    """The events of years, out of order."""
    days = [START - timedelta(days=(7 * day) % DAYS) for day in range(DAYS)]
    history = [event(event_id, occurred_at=at) for event_id, at in zip(IDS, days, strict=False)]
    return [*history, event("last"), event("last")]


def dates_by_commit(lake: Lake) -> list[int]:
    """In how many partitions each commit wrote."""
    written: dict[int, set[date]] = defaultdict(set)
    for row in lake.rows():
        written[row["batch"]].add(row["event_date"])
    return [len(dates) for _, dates in sorted(written.items())]


def test_events_of_more_days_than_a_year_has_open_no_more_partitions_at_once_than_a_commit_may(
    azurite: Azurite,
) -> None:
    lake = Lake(azurite)
    lake.capture(0, [event(f"e{day}", occurred_at=START - timedelta(days=day)) for day in range(MAX_DATES + 1)])
    report = lake.compact()
    assert (report.rows, report.dates_beyond) == (MAX_DATES + 1, 1)
    assert dates_by_commit(lake) == [MAX_DATES, 1]


def test_history_that_a_tenant_imports_comes_by_one_commit_after_another_and_the_report_says_so(
    azurite: Azurite, caplog: pytest.LogCaptureFixture
) -> None:
    lake = Lake(azurite, max_dates=FEW)
    lake.capture(0, bodies())
    with caplog.at_level(logging.WARNING):
        report = lake.compact()
    assert (report.captured, report.rows, report.duplicates, report.redelivered) == (DAYS + 2, DAYS + 1, 1, 1)
    assert report.dates_beyond == DAYS - FEW
    assert f"events of {DAYS} dates are committed {FEW} dates at a time" in caplog.text
    assert dates_by_commit(lake) == [FEW, FEW, 3]
    first = {row["event_date"] for row in lake.rows() if row["batch"] == 1}
    assert START.date() in first, "what most events are of waits for nothing"
    assert lake.ids() == sorted(IDS)
    counted = lake.totals()
    assert (counted.captured, counted.rows, counted.duplicates, counted.redelivered) == (DAYS + 2, DAYS + 1, 1, 1)
    assert lake.compact().captured == 0


@pytest.mark.parametrize("place", ["captured", "spilled"])
@pytest.mark.parametrize(
    ("only", "dies_at"), [("/event_date=", 3), ("/event_date=", 8), ("/event_date=", 12), ("/events/_delta_log/0", 17)]
)
def test_a_compactor_that_ends_between_the_commits_of_a_file_loses_nothing_and_doubles_nothing(
    azurite: Azurite, place: str, only: str, dies_at: int
) -> None:
    """It dies as it writes the so manieth file of rows, of which a commit has five; or as a commit's answer is lost."""
    lake = Lake(azurite, max_dates=FEW)
    (lake.capture(0, bodies()) if place == "captured" else lake.spill(bodies()))
    account = lake.account
    with FailingStorage(azurite.blob_endpoint, only) as storage, pytest.raises(Unavailable):
        storage.die_at(dies_at, does_the_last=True)
        lake.account = replace(account, blob_endpoint=storage.endpoint)
        lake.compact()
    lake.account = account
    if only == "/event_date=":
        assert len(dates_by_commit(lake)) == (dies_at - 1) // FEW
    lake.compact()
    assert lake.ids() == sorted(IDS)
    counted = lake.totals()
    assert counted.rows == DAYS + 1
    assert counted.captured == counted.rows + counted.duplicates
    # "last" was sent twice at one moment, so one of its messages is the other delivered again.
    assert counted.captured - counted.redelivered == DAYS + 1
    assert lake.compact().captured == 0


def test_what_a_run_has_no_time_for_is_the_next_ones(azurite: Azurite) -> None:
    lake = Lake(azurite, max_dates=FEW)
    lake.capture(0, bodies())
    compactor = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: NOW, max_dates=FEW)
    assert [compactor.run(deadline=NOW).rows for _ in range(3)] == [FEW + 1, FEW, 3]
    assert lake.ids() == sorted(IDS)
    assert lake.compact().captured == 0


def test_two_compactors_at_once_take_each_event_of_years_once(azurite: Azurite) -> None:
    lake = Lake(azurite, max_dates=FEW)
    lake.capture(0, bodies())
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: lake.compact(), range(2)))
    assert lake.ids() == sorted(IDS)
    counted = lake.totals()
    assert (counted.rows, counted.captured - counted.redelivered) == (DAYS + 1, DAYS + 1)
