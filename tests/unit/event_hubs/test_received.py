"""Search for events by id, and the validation of a search."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from local.event_hubs.codec import binary, described
from local.event_hubs.hubs import Hub, Partition
from local.event_hubs.messages import DATA, Decoded, Incoming
from local.event_hubs.received import InvalidSearch, Search, find, ids_of


def event(event_id: str) -> Incoming:
    return Incoming(described(DATA, binary(json.dumps({"event_id": event_id}).encode())), None)


async def test_who_waits_is_answered_the_moment_the_event_comes() -> None:
    partitions = [Partition(str(number), 1_000_000) for number in range(2)]
    hub = Hub("events", partitions, frozenset(), 0)
    partitions[1].append([event("a")], 1000)
    waiting = asyncio.create_task(find(hub, Search("events", "a", count=2, wait_ms=60_000)))
    await asyncio.sleep(0)
    partitions[0].append([event("b"), event("a")], 2000)
    async with asyncio.timeout(60):
        events = await waiting
    assert [(event["partition"], event["sequence_number"]) for event in events] == [("0", 1), ("1", 0)]
    assert not any(partition.listeners for partition in partitions)


async def test_who_waits_in_vain_is_told_what_there_is() -> None:
    partition = Partition("0", 1_000_000)
    partition.append([event("a")], 1000)
    hub = Hub("events", [partition], frozenset(), 0)
    assert len(await find(hub, Search("events", "a", count=2, wait_ms=1))) == 1
    assert await find(hub, Search("events", "b")) == []


@pytest.mark.parametrize(
    "content",
    [
        Decoded(b'{"event_id": "a", "n": 1}', {}, {}),
        Decoded(b'{"id": "a"}', {}, {}),
        Decoded(b"no JSON", {"message-id": "a"}, {}),
        Decoded(b"[1]", {}, {"event_id": "a"}),
        Decoded(b"", {}, {"id": "a"}),
    ],
    ids=["body", "short-name", "message", "property", "short-property"],
)
def test_an_event_is_found_wherever_its_id_stands(content: Decoded) -> None:
    assert "a" in ids_of(content)


def test_an_event_without_an_id_is_nobodys() -> None:
    assert ids_of(Decoded(b'{"name": "a"}', {}, {"site": "a"})) == set()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "name a hub"),
        ({}, "name a hub"),
        ({"hub": "events", "event": "a"}, "unknown: event"),
        ({"hub": "events", "event_id": 1}, "event_id must be text"),
        ({"hub": "events", "count": -1}, "count must be"),
        ({"hub": "events", "count": True}, "count must be"),
        ({"hub": "events", "wait_ms": 60_001}, "wait_ms must be a whole number from 0 to 60000"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(InvalidSearch, match=problem):
        Search.parse(value)
