"""Captured files as nobody should write them: compaction goes on, and every file is rows or put aside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from io import BytesIO
from random import Random
from typing import Any

import fastavro
import pytest

from clickstream.capture.spill import SCHEMA
from local.azurite import Azurite
from local.event_hubs.avro import Record, write_file
from tests.integration.compacting.lake import Lake, event, failed_event
from tests.support.control_literals import LITERALS, RAW

pytestmark = pytest.mark.integration
FILES = int(os.environ.get("HOSTILE_FILES", "60"))
MARKER = b"\x07" * 16
NUMBERS = [0, -1, 2**63 - 1, -(2**63), 2**40]
MOMENTS_MS = [0, -1, 2**62, -62_135_596_800_000, 253_402_300_799_999, 253_402_300_800_000, 1_773_144_000_000]


def bodies(random: Random) -> list[bytes]:
    """Events, events with a field of another kind, and bytes that are none."""
    result = []
    for _ in range(random.randrange(1, 6)):
        good = random.choice([event("x"), failed_event("x")])
        result.append(
            random.choice(
                [
                    random.randbytes(random.randrange(200)),
                    random.choice(RAW),
                    good[: random.randrange(len(good))],
                    good.replace(
                        b'"shop"',
                        random.choice([b"null", b"5", b"[]", b'"\\ud800"', b'""', b'"' + b"s" * 70_000 + b'"']),
                    ),
                    good.replace(b":1,", b":%d," % random.choice([*NUMBERS, 2**64, 10**30])),
                    good.replace(b"2026", random.choice([b"0001", b"9999", b"-2026", b"20260", b"\xff"])),
                    good[:-1] + b',"site":"other","request_accepted":9223372036854775807}',
                    b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
                    b"[" * 100_000,
                    b"",
                ]
            )
        )
    return result


def odd_records(random: Random) -> bytes:
    """Numbers, moments and properties that no hub gives."""
    literal = next(iter(random.choice(list(LITERALS.values())).items()))
    properties: dict[str, Any] = {
        "site": random.choice(["ghost", b"\xff", 5, None, 1.5]),
        str(literal[0]): str(literal[1])[:2_000],
        "x-opt-enqueued-time": random.choice(MOMENTS_MS),
    }
    records = [
        Record(
            random.choice([number, *NUMBERS]),
            random.choice(NUMBERS[:2]),
            random.choice(MOMENTS_MS[3:5]),
            {"x-opt-enqueued-time": random.choice([*MOMENTS_MS, "x", 1.5, b"\x00"]), **properties},
            properties,
            body,
        )
        for number, body in enumerate(bodies(random))
    ]
    return write_file(records, MARKER)


def in_codec(random: Random) -> bytes:
    records: list[dict[str, Any]] = [
        {
            "SequenceNumber": number,
            "Offset": "\x00",
            "EnqueuedTimeUtc": random.choice(
                ["3/10/2026 12:00:00 PM", "", "13/45/0000 99:99:99 XM", "2026-03-10T12:00:00Z"]
            ),
            "SystemProperties": {},
            "Properties": {},
            "Body": random.choice([None, body]),
        }
        for number, body in enumerate(bodies(random))
    ]
    file = BytesIO()
    fastavro.writer(
        file, fastavro.parse_schema(SCHEMA), records, codec=random.choice(["null", "deflate", "bzip2", "xz"])
    )
    return file.getvalue()


def of_another_schema(random: Random) -> bytes:
    fields: list[Any] = json.loads(json.dumps(SCHEMA["fields"]))
    change = random.choice(["without", "text", "null", "order", "more"])
    if change == "without":
        fields = [field for field in fields if field["name"] != random.choice(["Body", "SequenceNumber"])]
    elif change == "text":
        fields[-1]["type"] = "string"
    elif change == "null":
        fields[0]["type"] = ["null", "long"]
    elif change == "order":
        fields.reverse()
    else:
        fields.append({"name": "More", "type": {"type": "array", "items": "string"}, "default": []})
    record: dict[str, Any] = {
        "SequenceNumber": random.choice([0, None]) if change == "null" else 0,
        "Offset": "0",
        "EnqueuedTimeUtc": "3/10/2026 12:00:00 PM",
        "SystemProperties": {},
        "Properties": {},
        "Body": "text" if change == "text" else event("x"),
        "More": ["x"],
    }
    file = BytesIO()
    schema = {**SCHEMA, "fields": fields}
    fastavro.writer(file, fastavro.parse_schema(schema), [{f["name"]: record[f["name"]] for f in fields}])
    return file.getvalue()


def with_lies(random: Random) -> bytes:
    """Blocks that say they have more records than there are bytes, in so many blocks that numpy reads them."""
    header = write_file([], MARKER)
    huge = random.choice([2**31, 2**40, 2**62])
    return header + (varint(huge) + varint(4) + b"\x00" * 4 + MARKER) * random.choice([1, 60])


def varint(value: int) -> bytes:
    value <<= 1
    octets = bytearray()
    while value > 127:
        octets.append(value & 127 | 128)
        value >>= 7
    return bytes([*octets, value])


def flipped(random: Random) -> bytes:
    data = bytearray(odd_records(random))
    for _ in range(random.randrange(1, 4)):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def cut(random: Random) -> bytes:
    data = odd_records(random)
    return data[: random.randrange(len(data))]


KINDS: list[Callable[[Random], bytes]] = [
    odd_records,
    odd_records,
    in_codec,
    of_another_schema,
    with_lies,
    flipped,
    cut,
]


@pytest.mark.parametrize("hub", ["events", "failed-events"])
def test_compaction_goes_on_beside_any_captured_file_and_says_what_it_put_aside(azurite: Azurite, hub: str) -> None:
    random = Random(f"{hub}{os.environ.get('HOSTILE_SEED', '0')}")
    lake = Lake(azurite)
    good = event if hub == "events" else failed_event
    hostile = []
    for second in range(0, 2 * FILES, 2):
        hostile.append(lake.capture(second, [], hub=hub, raw=random.choice(KINDS)(random)))
        lake.capture(second + 1, [good(f"good{second}")], hub=hub, first_sequence=10**6 + second)
        lake.capture(second, [good(f"beside{second}")], hub=hub, partition="1", first_sequence=second)
    reports = [lake.compact() for _ in range(3)]
    table, column = ("events", "event_id") if hub == "events" else ("failed_events", "failed_event_id")
    rows = lake.rows(table)
    assert {f"{kind}{second}" for kind in ("good", "beside") for second in range(0, 2 * FILES, 2)} <= {
        row[column] for row in rows
    }
    assert reports[-1].captured == 0 and reports[-1].errors == {}
    put_aside = {path for report in reports for path in report.quarantined}
    assert set(lake.aside()) >= put_aside
    assert put_aside <= set(hostile)
    assert [error for report in reports for error in report.errors.values()] == [], "what is odd is known to be odd"
