"""Random schedules of everything that can happen to compaction: the tables equal a model in plain Python.

Files arrive in order, late, damaged and repeated; the same events are in the hub and in the spill; an event cannot be
compacted, and is put aside and retried; events of one file have more dates than a commit takes; runs end at any
request, or a request is answered with 409, 412 or 500; two runs are concurrent.
`SCHEDULES=500` tries 500 schedules; the default is fewer.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream.compacting.totals import read_totals
from clickstream.errors import Unavailable
from local.azurite import Azurite
from local.event_hubs.avro import Record, write_file
from tests.integration.compacting.failing_storage import DEAD, FailingStorage
from tests.integration.compacting.lake import FAULTY, START, Lake, event, failed_event, poison

pytestmark = pytest.mark.integration
SCHEDULES = int(os.environ.get("SCHEDULES", "8"))
# What a body is: an event by its id and content, or no event at all.
WORDS = ["af", "ag", "bf", "cf", "df", "ef", "pf", "-"]
POISON = "pf"


@dataclass(frozen=True)
class Capture:
    """A captured file of a partition. Partition 1 lags hours behind: its files are late. Damaged ones end too early."""

    hub: str
    partition: str
    words: Sequence[str]
    damaged: bool


@dataclass(frozen=True)
class Spill:
    """A spilled blob."""

    hub: str
    words: Sequence[str]


@dataclass(frozen=True)
class Run:
    """A compaction over storage that fails at one request: that alone, or from then on."""

    fails_at: int
    does_it: bool
    status: int

    @property
    def recovers(self) -> bool:
        return self.status != DEAD


@dataclass(frozen=True)
class Retry:
    """What was put aside is tried again, by a version with the fault or without it, over storage that fails."""

    fails_at: int
    does_it: bool
    repaired: bool


@dataclass(frozen=True)
class TwoRuns:
    """Two compactions at once; storage fails for both."""

    fails_at: int


@dataclass(frozen=True)
class Answered:
    """Counts of so many answered events."""

    count: int


Step = Capture | Spill | Run | TwoRuns | Retry | Answered
HUBS = st.sampled_from(["events", "events", "failed-events"])
BODIES = st.lists(st.sampled_from(WORDS), max_size=4)
STEPS = st.lists(
    st.builds(Capture, HUBS, st.sampled_from("01"), BODIES, st.sampled_from([False, False, False, True]))
    | st.builds(Spill, HUBS, BODIES.filter(bool))
    | st.builds(Run, st.integers(1, 110), st.booleans(), st.sampled_from([DEAD, DEAD, 409, 412, 500]))
    | st.builds(TwoRuns, st.integers(1, 250))
    | st.builds(Retry, st.integers(1, 60), st.booleans(), st.booleans())
    | st.builds(Answered, st.integers(1, 9)),
    min_size=3,
    max_size=8,
)


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


@dataclass
class World:
    """A lake, and the ids that its tables must have in the end.

    `collected_failures` are failed events of the collector, `compaction_failures` are bodies that are no events.
    """

    lake: Lake
    storage: FailingStorage
    events: set[str] = field(default_factory=set)
    collected_failures: set[str] = field(default_factory=set)
    compaction_failures: set[str] = field(default_factory=set)
    answered: int = 0
    seconds: Iterator[int] = field(default_factory=count)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        if isinstance(step, Capture):
            self._capture(step)
        elif isinstance(step, Answered):
            self.lake.answer(step.count)
            self.answered += step.count
        elif isinstance(step, Spill):
            path = self.lake.spill([body(step.hub, word) for word in step.words], hub=step.hub)
            self._expect(step.hub, path, 0, step.words)
        elif isinstance(step, Run):
            self.storage.die_at(step.fails_at, does_the_last=step.does_it, status=step.status, recovers=step.recovers)
            self._compact()
        elif isinstance(step, Retry):
            self.storage.die_at(step.fails_at, does_the_last=step.does_it)
            with contextlib.suppress(Unavailable):
                self._over_failing_storage().retry(*([] if step.repaired else [FAULTY]))
        else:
            self.storage.die_at(step.fails_at)
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda _: self._compact(), range(2)))

    def _capture(self, step: Capture) -> None:
        second = next(self.seconds) + (0 if step.partition == "0" else -7_200)
        first = self.numbers.get((step.hub, step.partition), 0)
        self.numbers[step.hub, step.partition] = first + len(step.words)
        bodies = [body(step.hub, word) for word in step.words]
        raw = None
        if step.damaged:
            enqueued_ms = int((START + timedelta(seconds=second)).timestamp() * 1000)
            records = [
                Record(first + i, i, enqueued_ms, {"x-opt-enqueued-time": enqueued_ms}, {}, each)
                for i, each in enumerate([*bodies, b"{}"])
            ]
            raw = write_file(records, b"\x07" * 16)[:-9]
        path = self.lake.capture(second, bodies, hub=step.hub, partition=step.partition, first_sequence=first, raw=raw)
        if not step.damaged:
            self._expect(step.hub, path, first, step.words)

    def _expect(self, hub: str, path: str, first: int, words: Sequence[str]) -> None:
        (self.events if hub == "events" else self.collected_failures).update(word for word in words if word != "-")
        self.compaction_failures.update(f"{path}#{first + at}" for at, word in enumerate(words) if word == "-")

    def _over_failing_storage(self) -> Lake:
        lake = copy(self.lake)
        lake.account = replace(self.lake.account, blob_endpoint=self.storage.endpoint)
        return lake

    def _compact(self) -> None:
        with contextlib.suppress(Unavailable):
            self._over_failing_storage().compact(FAULTY)

    def check(self) -> None:
        self.storage.die_at(None)
        for _ in range(2):
            self.lake.compact(FAULTY)
        assert self.lake.compact(FAULTY).captured == 0, "nothing waits any more"
        assert self.lake.spilled() == []
        self.lake.retry()
        assert all(each.problem for each in self.lake.retry()), "only what is damaged is still put aside"
        rows = self.lake.rows()
        assert sorted(row["event_id"] + row["fingerprint"] for row in rows) == sorted(self.events)
        unmarked = [row["event_id"] for row in rows if not row["id_reused"]]
        assert sorted(unmarked) == sorted({word[0] for word in self.events}), "of each id one row is the first"
        failed = sorted(row["failed_event_id"] for row in self.lake.rows("failed_events"))
        assert failed == sorted(self.collected_failures | self.compaction_failures)
        totals = read_totals(self.lake.account, self.lake.settings.lake_container)
        valid = len(self.events) + len(self.collected_failures)
        # Every message is counted once however often it was read, and every answer.
        assert (totals.rows, totals.failed) == (len(self.events), len(failed))
        assert (totals.answered, self.lake.answers()) == (self.answered, [])
        assert totals.acknowledged + totals.spilled == valid + len(self.compaction_failures)
        assert totals.captured == totals.rows + totals.failed + totals.duplicates
        assert totals.captured == totals.acknowledged + totals.spilled + totals.redelivered


def body(hub: str, word: str) -> bytes:
    if word == "-":
        return b"no event"
    if hub != "events":
        return failed_event(word)
    day = START - timedelta(days=ord(word[0]) % 3)
    return (poison if word == POISON else event)(word[0], fingerprint=word[1], occurred_at=day)


@given(STEPS)
@settings(max_examples=SCHEDULES, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_tables_equal_the_model_whatever_happens_in_which_order(
    azurite: Azurite, storage: FailingStorage, steps: Sequence[Step]
) -> None:
    world = World(Lake(azurite, max_bytes=1_500, max_dates=1), storage)
    for step in steps:
        world.take(step)
    world.check()
