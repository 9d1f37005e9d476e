"""Compaction that dies at any request to storage, any number of times, leaves every event once and every count true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from clickstream.compacting.totals import Totals, read_totals
from clickstream.errors import Unavailable
from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import Lake, event, failed_event

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


@dataclass
class Model:
    """A model in plain Python of what the tables must have in the end."""

    lake: Lake
    second: int = 0
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    failures: set[str] = field(default_factory=set)
    captured: int = 0
    answered: int = 0

    def answer(self, count: int) -> None:
        """Write a collector's counts of answered events."""
        self.lake.answer(count)
        self.answered += count

    def capture(self, hub: str, partition: str, words: list[str]) -> None:
        """Write a captured file with one body per word: an event with this id, or for an empty word no event."""
        self.second += 1
        first = self.numbers.get((hub, partition), 0)
        make = event if hub == "events" else failed_event
        bodies = [make(word) if word else b"no event" for word in words]
        path = self.lake.capture(self.second, bodies, hub=hub, partition=partition, first_sequence=first)
        self.numbers[hub, partition] = first + len(words)
        self.captured += len(words)
        (self.ids if hub == "events" else self.failures).update(word for word in words if word)
        self.failures.update(f"{path}#{first + at}" for at, word in enumerate(words) if not word)

    def check(self) -> None:
        """Assert one row per id, and counts that add up."""
        assert self.lake.ids() == sorted(self.ids)
        failed = sorted(row["failed_event_id"] for row in self.lake.rows("failed_events"))
        assert failed == sorted(self.failures)
        totals = read_totals(self.lake.account, self.lake.settings.lake_container)
        garbage = sum("#" in failure for failure in self.failures)
        valid = len(self.ids) + len(self.failures) - garbage
        assert totals == Totals(
            answered=self.answered,
            acknowledged=valid + garbage,
            captured=self.captured,
            redelivered=self.captured - valid - garbage,
            rows=len(self.ids),
            failed=len(self.failures),
            duplicates=self.captured - valid - garbage,
        )


def run(lake: Lake, storage: FailingStorage, dies_at: int | None, does_the_last: bool) -> bool:
    """Compact over failing storage. Returns whether the run completed."""
    storage.die_at(dies_at, does_the_last=does_the_last)
    account = lake.account
    lake.account = replace(account, blob_endpoint=storage.endpoint)
    try:
        lake.compact()
        return True
    except Unavailable:
        return False
    finally:
        lake.account = account
        storage.die_at(None)


@pytest.mark.parametrize("dies_at", range(1, 62, 5))
@pytest.mark.parametrize("does_the_last", [False, True], ids=["refused", "answer lost"])
def test_a_crash_at_any_request_loses_nothing_and_doubles_nothing(
    azurite: Azurite, storage: FailingStorage, dies_at: int, does_the_last: bool
) -> None:
    lake = Lake(azurite)
    model = Model(lake)
    model.capture("failed-events", "1", ["f", ""])
    model.capture("events", "0", ["a", "", "shared"])
    model.answer(5)
    model.answer(2)
    run(lake, storage, dies_at, does_the_last)
    model.capture("events", "1", ["b", "", "shared"])
    model.answer(4)
    lake.compact()
    model.check()
