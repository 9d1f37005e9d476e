"""Words that the product writes for itself, said by a client on every public route: none of them is believed.

The list is that of docs/decisions/0017-control-is-not-data.md.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from clickstream.capture.marks import hour
from tests.functional.offline import RECEIVED, WAYS, Offline, Way
from tests.support.control_literals import LITERALS, RAW


def planted(way: Way, literal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Events that say it: alone, beside an event's own words, before and after them, and within."""
    event = way.event()
    inner = {name: {**value, **literal} for name, value in event.items() if isinstance(value, dict)}
    return [
        dict(literal),
        {**literal, **event},
        {**event, **literal},
        {**event, **inner},
        {**event, "properties": dict(literal), "context": dict(literal), "data": dict(literal), "props": dict(literal)},
        {**event, "name": json.dumps(literal), "event": json.dumps(literal), "n": json.dumps(literal)},
    ]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_nothing_that_a_client_says_is_taken_for_the_products_own_word(way: Way) -> None:
    offline = Offline()
    for literal in LITERALS.values():
        for original in planted(way, literal):
            await offline.send(way, original)
    for body in [*RAW, *(b"[%b]" % body for body in RAW)]:
        await offline.send(way, body)
    told = Counter(verdict.status for verdict in offline.verdicts)
    assert told["accepted"] or way.method == "HEAD"
    read = offline.read()
    assert (read.events.num_rows, read.failed.num_rows, read.erased) == (told["accepted"], told["failed"], 0)
    for rows in (read.events, read.failed):
        assert set(rows["site"].to_pylist()) <= {"shop"}
        assert set(map(hour, rows["received_at"].to_pylist())) <= {hour_of_receipt()}
        assert set(rows["hub_partition"].to_pylist()) <= {"spill"}
        assert set(rows["capture_file"].to_pylist()) <= {
            f"{hub}/2026/03/01/12/01a1fd37-af07-70ce-9183-8c1d672d2e47.avro" for hub in ("events", "failed-events")
        }
    assert set(read.failed["stage"].to_pylist()) <= {"collect"}
    assert set(read.failed["key_kind"].to_pylist()) <= {"public"}
    assert set(read.events["dialect"].to_pylist()) <= {way.dialect.name}
    assert {(hour.site, hour.hub_partition, hour.hour) for hour in read.hours} <= {("shop", "spill", hour_of_receipt())}
    assert offline.counts.total("shop") == sum(hour.captured for hour in read.hours) == len(offline.verdicts)
    assert sum(hour.request_accepted + hour.request_failed for hour in read.hours) == 0, "no event writes the books"


def hour_of_receipt() -> Any:
    return hour(RECEIVED)


async def test_every_route_takes_what_its_clients_send() -> None:
    """Without this the test above could pass by refusing everything."""
    for way in WAYS:
        offline = Offline()
        await offline.send(way, way.event())
        assert [verdict.status for verdict in offline.verdicts] == ["accepted"], way.name
        assert offline.read().events["event_name"].to_pylist() != []
