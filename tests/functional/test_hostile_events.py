"""Hostile events in every protocol, from the request to rows that could be written: each of them becomes one row.

`HOSTILE_EVENTS=200000` tries as many, `HOSTILE_SEED=7` others.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

from clickstream.capture.marks import hour
from tests.functional.offline import RECEIVED, WAYS, Offline, Way
from tests.support.control_literals import LITERALS

EVENTS = int(os.environ.get("HOSTILE_EVENTS", "3000"))
SEED = int(os.environ.get("HOSTILE_SEED", "0"))
READ_AT_ONCE = 4_000
TEXTS = [
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\ud800",
        "\udfff\ud800",
        "\U0001f600",
        "\u202eevil",
        "\ufeff",
        "\u2028",
        "\x85",
        "\x1b[31m",
    ),
    *(
        "null",
        "NaN",
        "Infinity",
        "-",
        "--",
        "'",
        '"',
        "\\",
        "\\u0000",
        "{",
        "[",
        "}",
        "]",
        '{"a":',
        "<script>",
        "%00",
        "%",
        "=&=",
    ),
    *(
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999+14:00",
        "2026-02-30T00:00:00Z",
        "2026-03-01T12:00:00",
        "1e400",
    ),
    *(
        "1970-01-01T00:00:00-23:59",
        "+275760-09-13T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "٢٠٢٦-03-01T12:00:00Z",
        "-1",
        "1_000",
    ),
    *(
        "javascript:alert(1)",
        "http://",
        "http://[::1]:99999/",
        "//evil",
        "http://a@b:c@d/",
        "data:,x",
        "http://x/?a=%25%32%35",
    ),
    *("../../state/progress.json", "quarantine/x.avro", "=cmd|' /C calc'!A0", "p0_" + "0" * 32, "x" * 9_000, "é" * 600),
]
NUMBERS = [
    0,
    -0.0,
    -1,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**400,
    1e308,
    5e-324,
    0.1,
    float("nan"),
    float("inf"),
]
NAMES = [
    "",
    " ",
    "$set",
    "__proto__",
    "a.b",
    "a/b~c",
    "\ud800",
    "\x00",
    "name",
    "event",
    "type",
    "e",
    "properties",
    "context",
]
NAMES += [
    "timestamp",
    "sentAt",
    "created_at",
    "url",
    "u",
    "ip",
    "user_id",
    "anonymous_id",
    "consent",
    "page_url",
    "items",
    "p",
]


def value(random: Random, depth: int = 0) -> Any:
    """Anything that JSON can hold, and what Python's JSON can hold besides."""
    kind = random.randrange(9 if depth < 4 else 5)
    if kind < 2:
        return random.choice(TEXTS)
    if kind == 2:
        return random.choice(NUMBERS)
    if kind == 3:
        return random.choice([None, True, False])
    if kind == 4:
        return deepcopy(dict(random.choice(list(LITERALS.values()))))
    if kind == 5:
        nested: Any = value(random, 4)
        for _ in range(random.choice([1, 3, 15, 16, 17, 60])):
            nested = [nested] if random.random() < 0.5 else {random.choice(NAMES): nested}
        return nested
    if kind == 6:
        return {f"{random.choice(NAMES)}{n}": value(random, 4) for n in range(random.choice([1, 2, 300]))}
    if kind == 7:
        return [value(random, depth + 1) for _ in range(random.randrange(5))]
    return {random.choice(NAMES): value(random, depth + 1) for _ in range(random.randrange(4))}


def changed(random: Random, original: dict[str, Any]) -> dict[str, Any]:
    """The event with a value changed, added or taken away, somewhere."""
    place = original
    while random.random() < 0.5 and (inner := [item for item in place.values() if isinstance(item, dict)]):
        place = random.choice(inner)
    name = random.choice([*place, *random.sample(NAMES, 2)])
    if random.random() < 0.15:
        place.pop(name, None)
    else:
        place[name] = value(random)
    return original


def cut(random: Random, body: bytes) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def flipped(random: Random, body: bytes) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + bytes([random.randrange(256)]) + body[at + random.randrange(2) :]


def doubled(random: Random, body: bytes) -> bytes:
    """A key twice, with another value."""
    return body.replace(b'{"', b'{"name":%b,"' % json.dumps(value(random, 4)).encode(), 1)


def repeated(random: Random, body: bytes) -> bytes:
    return random.choice([b"[%b,%b]", b"%b\n%b", b"%b%b"]) % (body, body)


def packed(random: Random, body: bytes) -> bytes:
    return gzip.compress(body, 1)


def utf_16(random: Random, body: bytes) -> bytes:
    return body.decode("utf-8", "replace").encode("utf-16")


DAMAGE: list[Callable[[Random, bytes], bytes]] = [cut, flipped, flipped, doubled, repeated, packed, utf_16]


def hostile(random: Random, way: Way) -> dict[str, Any] | bytes:
    original = way.event()
    for _ in range(random.choice([1, 1, 2, 4])):
        original = changed(random, original)
    if way.method != "POST" or random.random() < 0.7:
        return original
    return random.choice(DAMAGE)(random, way.state(original)[0])


def check(offline: Offline) -> Counter[str]:
    """All that was judged is a row, of the only site there is; nothing else is counted."""
    told = Counter[str](verdict.status for verdict in offline.verdicts)
    read = offline.read()
    assert (read.events.num_rows, read.failed.num_rows, read.erased) == (told["accepted"], told["failed"], 0)
    assert set(read.failed["stage"].to_pylist()) <= {"collect"}, "what was accepted is an event for compaction, too"
    assert {(each.site, each.hub_partition, each.hour) for each in read.hours} <= {("shop", "spill", hour(RECEIVED))}
    assert offline.counts.total("shop") == sum(each.captured for each in read.hours) == told.total()
    assert sum(each.request_accepted + each.request_failed for each in read.hours) == 0, "no event writes the books"
    offline.verdicts.clear()
    offline.counts.counted.clear()
    return told


async def test_every_hostile_event_of_every_protocol_becomes_one_row_and_stops_no_other() -> None:
    random = Random(SEED)
    offline, total, slowest = Offline(), Counter[str](), (0.0, "")
    began = time.monotonic()
    while total.total() < EVENTS:
        while len(offline.verdicts) < min(READ_AT_ONCE, EVENTS - total.total()):
            way = random.choice(WAYS)
            sent = hostile(random, way)
            started = time.monotonic()
            await offline.send(way, sent)
            slowest = max(slowest, (time.monotonic() - started, f"{way.name} {str(sent)[:300]}"))
        total += check(offline)
    seconds = time.monotonic() - began
    print(f"{dict(total)}, {offline.refused} requests refused, {seconds:.0f} s; slowest {slowest}")
    assert min(total["accepted"], total["failed"]) > EVENTS // 10, "both kinds are tried"
