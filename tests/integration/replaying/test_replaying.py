"""A replay over real storage: what is repaired lands once and is a failed event no more, whatever happens between."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream.errors import Conflict, Unavailable
from clickstream.model.message import Delivery, Message
from clickstream.model.pipeline_hour import hours_from_json
from clickstream.replaying.failed_rows import FailedRows
from clickstream.replaying.replayer import Replayed, Replayer
from clickstream.storage.account import table_uri
from clickstream.table.delta import Table
from clickstream.table.specs import FAILED_TABLE
from local.azurite import Azurite
from tests.functional.memory import MemorySink
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import START, event
from tests.integration.replaying.world import BROKEN, FIXED, PROCESSOR, World, failed_message, request, sale

pytestmark = pytest.mark.integration


@pytest.fixture
def world(azurite: Azurite) -> World:
    return World(azurite)


def test_fixed_definitions_turn_failed_events_into_events_each_once(world: World) -> None:
    nameless = failed_message({"name": "sale", "properties": {"price": 7}}, "without-client-id")
    world.fail(*(sale(number) for number in range(3)), nameless, failed_message({"name": 5}, "hopeless"))
    world.compact()
    answer = world.replay()
    assert {name: answer[name] for name in ("examined", "repaired", "still_failed", "removed", "remaining")} == {
        "examined": 5,
        "repaired": 4,
        "still_failed": 1,
        "removed": 4,
        "remaining": 1,
    }
    world.capture()
    world.compact()
    rows = {row["event_id"]: row for row in world.lake.rows()}
    assert sorted(rows) == ["e0", "e1", "e2", "without-client-id"]
    assert len(world.lake.rows()) == 4
    assert rows["e2"]["received_at"] == rows["e2"]["occurred_at"] == (START + timedelta(minutes=2)).astimezone(UTC)
    assert (rows["e2"]["anonymous_id"], rows["e2"]["ip"]) == ("v" * 32, "203.0.113.0")
    assert world.failed_ids() == ["hopeless"]
    world.compact()
    assert world.failed_ids() == ["hopeless"], "the watermarks of the table survive the removal"


def test_what_fails_again_stays_as_it_was_and_makes_no_new_row(world: World) -> None:
    world.fail(sale(1), sale(2))
    world.compact()
    before = world.lake.rows("failed_events")
    answer = world.replay(BROKEN)
    assert (answer["still_failed"], answer["removed"], answer["remaining"]) == (2, 0, 2)
    assert world.sink.messages == []
    assert world.lake.rows("failed_events") == before
    assert answer["examples"][0] == {
        "failed_event_id": "f1",
        "outcome": "still_failed",
        "code": "definition_violation",
        "pointer": "/properties/price",
        "message": answer["examples"][0]["message"],
    }


def test_a_dry_run_tells_and_changes_nothing(world: World) -> None:
    world.fail(sale(1), sale(2))
    world.compact()
    answer = world.replay(dry_run=True)
    assert (answer["repaired"], answer["removed"], answer["remaining"]) == (2, 0, 2)
    assert world.sink.messages == []
    assert world.failed_ids() == ["f1", "f2"]


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"failed_event_ids": ["f1", "f3", "unknown"]}, [0, 2, 4]),
        ({"received_from": "2026-03-10T12:03:00Z"}, [0, 1, 2]),
        ({"received_to": "2026-03-10T14:03:00+02:00"}, [3, 4]),
        ({"received_from": "2026-03-10T12:01:00Z", "received_to": "2026-03-10T12:03:00Z"}, [0, 3, 4]),
        ({"failure_class": "definition_violation", "pointer": "/properties/price", "dialect": "plain"}, []),
        ({"failure_class": "size_violation"}, [0, 1, 2, 3, 4]),
        ({"pointer": ""}, [0, 1, 2, 3, 4]),
        ({"dialect": "snowplow"}, [0, 1, 2, 3, 4]),
        ({"event_name": "sale"}, []),
        ({"event_name": "other"}, [0, 1, 2, 3, 4]),
        ({"message_contains": "string"}, []),
        ({"message_contains": "String'; --"}, [0, 1, 2, 3, 4]),
    ],
)
def test_filters_say_which_are_replayed(world: World, filters: dict[str, Any], left: list[int]) -> None:
    world.fail(*(sale(number) for number in range(5)))
    world.compact()
    answer = world.replay(filters=filters)
    assert world.failed_ids() == [f"f{number}" for number in left]
    assert (answer["examined"], answer["remaining"]) == (5 - len(left), 0)


def test_rows_of_other_sites_are_neither_read_nor_removed(world: World) -> None:
    other = BROKEN.model_copy(update={"site": "blog"})
    world.fail(sale(1), failed_message({"name": "sale", "properties": {"price": 1}}, "f1-of-blog", other))
    world.compact()
    asked = {"failed_event_ids": ["f1", "f1-of-blog"]}
    assert world.replay(filters=asked)["examined"] == 1
    assert world.failed_ids() == ["f1-of-blog"]


def test_a_limit_goes_on_where_it_ended_even_past_what_cannot_be_repaired(world: World) -> None:
    hopeless = [
        failed_message({"name": 5}, f"hopeless-{number}", received_at=START + timedelta(seconds=number))
        for number in range(3)
    ]
    world.fail(*hopeless, *(sale(number) for number in range(1, 4)))
    world.compact()
    after, repaired, rounds = None, 0, 0
    while True:
        answer = world.replay(limit=2, **({"after": after} if after else {}))
        repaired += answer["repaired"]
        rounds += 1
        after = answer["next"]
        if after is None:
            break
    assert (rounds, repaired, answer["remaining"]) == (3, 3, 3)
    assert world.failed_ids() == ["hopeless-0", "hopeless-1", "hopeless-2"]


def test_a_body_that_failed_at_compaction_is_sent_once_compaction_reads_it(world: World) -> None:
    world.capture_bodies(b'{"site": "shop", "event_id": "e1"}', b"no event", event("fine"))
    world.compact()
    [row] = [row for row in world.lake.rows("failed_events") if row["site"] == "shop"]
    assert world.replay()["still_failed"] == 1
    # As if a later version of compaction read what this one does not.
    table = Table.open_or_create(FAILED_TABLE, world.lake.account, world.lake.settings.lake_container)
    table.remove("failed_event_id", {row["failed_date"]: {row["failed_event_id"]}})
    repairable = {**row, "payload": event("late")}
    table = Table.open_or_create(FAILED_TABLE, world.lake.account, world.lake.settings.lake_container)
    table.append(pa.Table.from_pylist([repairable], schema=FAILED_TABLE.schema), {}, {})
    answer = world.replay()
    assert (answer["repaired"], answer["removed"]) == (1, 1)
    world.capture()
    world.compact()
    assert world.lake.ids() == ["fine", "late"]


class Stops(MemorySink):
    """Takes the first group and then nothing more."""

    async def send(self, messages: Sequence[Message], until: datetime | None = None) -> Delivery:
        self.down = bool(self.messages)
        return await super().send(messages, until)


def test_when_the_hub_fails_halfway_what_is_durable_is_removed_and_the_rest_stays(azurite: Azurite) -> None:
    world = World(azurite, sink=Stops())
    world.fail(*(sale(number) for number in range(150)))
    world.compact()
    with pytest.raises(Unavailable):
        world.replay()
    assert len(world.sink.messages) == 100
    table = open_failed(world)
    [counts] = table.counts_since(table.version - 1)
    assert sum(hour.request_accepted for hour in hours_from_json(counts)) == 100
    assert len(world.failed_ids()) == 50


def test_two_replays_at_once_that_send_the_same_leave_each_event_once(world: World) -> None:
    world.fail(*(sale(number) for number in range(20)))
    world.compact()

    class Together(MemorySink):
        async def send(self, messages: Sequence[Message], until: datetime | None = None) -> Delivery:
            delivered = await super().send(messages, until)
            await both.wait()
            return delivered

    async def replay_twice() -> list[Replayed]:
        replayers = [
            Replayer(FailedRows(world.lake.account, world.lake.settings.lake_container, "events"), PROCESSOR, sink)
            for _ in range(2)
        ]
        return await asyncio.gather(*(replayer.replay(request(), FIXED) for replayer in replayers))

    both = asyncio.Barrier(2)
    sink = world.sink = Together()
    answers = asyncio.run(replay_twice())
    assert [answer.counts["repaired"] for answer in answers] == [20, 20]
    assert sorted(answer.removed for answer in answers) == [0, 20]
    assert {answer.remaining for answer in answers} == {0}
    world.capture()
    world.compact()
    assert world.lake.ids() == sorted(f"e{number}" for number in range(20))
    assert world.failed_ids() == []
    totals = world.lake.totals()
    assert (totals.answered, totals.rows, totals.redelivered, totals.difference) == (20, 20, 20, 0), "each counts once"


def test_replays_and_compactions_at_the_same_time_lose_and_double_nothing(world: World) -> None:
    world.fail(*(sale(number) for number in range(10)))
    world.compact()
    for first in range(10, 40, 10):
        world.fail(*(sale(number) for number in range(first, first + 10)))
    problems: list[BaseException] = []

    def guard(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            problems.append(error)

    def replay_often() -> None:
        for _ in range(4):
            asyncio.run(world.replayer().replay(request(), FIXED))

    works = [world.compact, world.compact, replay_often, replay_often]
    threads = [threading.Thread(target=guard, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    world.replay()
    world.capture()
    world.compact()
    assert world.lake.ids() == sorted(f"e{number}" for number in range(40))
    assert world.failed_ids() == []


# --- the table -----------------------------------------------------------------------------------------------------


def open_failed(world: World) -> Table:
    return Table.open_or_create(FAILED_TABLE, world.lake.account, world.lake.settings.lake_container)


def test_a_removal_made_on_an_older_version_conflicts_with_removals_and_not_with_appends(world: World) -> None:
    world.fail(sale(1), sale(2), sale(3))
    world.compact()
    first, second, third = open_failed(world), open_failed(world), open_failed(world)
    world.fail(sale(4))
    world.compact()
    day = START.date()
    assert first.remove("failed_event_id", {day: {"f1"}}) == 1
    with pytest.raises(Conflict):
        second.remove("failed_event_id", {day: {"f2"}})
    with pytest.raises(Conflict):  # so a compactor that was overtaken looks again
        third.append(FAILED_TABLE.schema.empty_table(), {"app": 1}, {})
    assert world.failed_ids() == ["f2", "f3", "f4"]
    assert open_failed(world).remove("failed_event_id", {day: {"f1", "f'2", "f\\2"}}) == 0


def test_plain_readers_need_nothing_new_and_watermarks_stay(world: World) -> None:
    world.fail(sale(1), sale(2))
    world.compact()
    world.fail(sale(3))
    world.compact()
    prefix = "ns/failed-events/0"
    marks = [open_failed(world).application_version(f"{prefix}/{name}") for name in ("file", "sequence")]
    assert None not in marks
    world.replay(filters={"failed_event_ids": ["f1", "f3"]})
    uri = table_uri(world.lake.settings.lake_container, "failed_events")
    table = DeltaTable(uri, storage_options=world.lake.account.delta_options())
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)
    assert [open_failed(world).application_version(f"{prefix}/{name}") for name in ("file", "sequence")] == marks
    table.create_checkpoint()
    assert [open_failed(world).application_version(f"{prefix}/{name}") for name in ("file", "sequence")] == marks
    container = world.lake.service.get_container_client(world.lake.settings.lake_container)
    log = sorted(b.name for b in container.list_blobs("failed_events/_delta_log/") if b.name.endswith(".json"))
    last = [json.loads(line) for line in container.download_blob(log[-1]).readall().splitlines()]
    removed = [action["remove"] for action in last if "remove" in action]
    added = [action["add"] for action in last if "add" in action]
    assert (len(removed), len(added)) == (2, 1), "the file of f3 alone is gone, that of f1 and f2 replaced"
    assert not any(action.get("deletionVector") for action in removed + added)
    assert json.loads(added[0]["stats"])["numRecords"] == 1
    assert world.failed_ids() == ["f2"]


# --- crashes -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


def replay_over(world: World, storage: FailingStorage, dies_at: int, does_the_last: bool) -> None:
    """A replay whose storage dies at one request."""
    storage.die_at(dies_at, does_the_last=does_the_last)
    account = replace(world.lake.account, blob_endpoint=storage.endpoint)
    try:
        asyncio.run(world.replayer(account).replay(request(), FIXED))
    except Unavailable:
        pass
    finally:
        storage.die_at(None)


@pytest.mark.parametrize("dies_at", range(1, 30, 4))
@pytest.mark.parametrize("does_the_last", [False, True], ids=["refused", "answer lost"])
def test_a_replay_that_dies_at_any_request_is_finished_by_the_next(
    world: World, storage: FailingStorage, dies_at: int, does_the_last: bool
) -> None:
    world.fail(*(sale(number) for number in range(3)))
    world.compact()
    replay_over(world, storage, dies_at, does_the_last)
    world.capture()
    world.compact()
    world.replay()
    world.capture()
    world.compact()
    assert world.lake.ids() == ["e0", "e1", "e2"]
    assert world.failed_ids() == []


STEPS = st.lists(
    st.sampled_from(["fail", "fail", "replay", "capture", "compact"]) | st.tuples(st.integers(1, 40), st.booleans()),
    min_size=3,
    max_size=9,
)


@given(STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_schedule_of_failures_replays_crashes_and_compactions_ends_with_each_event_once(
    azurite: Azurite, storage: FailingStorage, steps: list[str | tuple[int, bool]]
) -> None:
    world, sent = World(azurite), 0
    for step in steps:
        if isinstance(step, tuple):
            replay_over(world, storage, *step)
        elif step == "fail":
            # Every second one says no id, and so takes that of its failure.
            world.fail(sale(sent), sale(sent + 1, event_id=None))
            sent += 2
        elif step == "replay":
            world.replay()
        elif step == "capture":
            world.capture()
        else:
            world.compact()
    world.compact()
    world.replay()
    world.capture()
    world.compact()
    assert world.lake.ids() == sorted(f"{'e' if number % 2 == 0 else 'f'}{number}" for number in range(sent))
    assert world.failed_ids() == []
