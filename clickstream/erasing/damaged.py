"""Erasure in damaged files: finds the bodies that are left in a file, so that only those of one person are removed.

A body is compact JSON as the collector wrote it, unless the file is compressed. It is overwritten with as many spaces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from clickstream.capture.spill import encode_spill
from clickstream.model.message import Message

UNKNOWN_SITE = "unknown"
# All searches together read at most this many times the file's bytes, whatever it holds.
MAX_READINGS = 4
_BEGIN = re.compile(rb'\{"(?:failed_)?event_id":"')
_PART = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}]', re.DOTALL)
_SITE = re.compile(rb'"site":"([a-z0-9_-]{1,63})"')


@dataclass(frozen=True, slots=True)
class Body:
    """One complete body: the bytes from `start` to `end` of the file, and its site."""

    start: int
    end: int
    site: str


def bodies_in(data: bytes) -> Sequence[Body]:
    """The complete bodies, in order."""
    return list(_bodies(data))


def _bodies(data: bytes) -> Iterator[Body]:
    left, at = MAX_READINGS * len(data), 0
    while left > 0 and (begin := _BEGIN.search(data, at)):
        start = begin.start()
        end = _end(data, start, start + left)
        left -= end - start
        try:
            document = orjson.loads(data[start:end])
        except ValueError:
            at = begin.end()
            continue
        site = document.get("site")
        yield Body(start, end, site if isinstance(site, str) else UNKNOWN_SITE)
        at = end


def _end(data: bytes, start: int, limit: int) -> int:
    """The index after the object that starts at `start`, or the end of the search if the object does not end."""
    depth = 0
    for part in _PART.finditer(data, start, limit):
        depth += {b"{": 1, b"}": -1}.get(part[0], 0)
        if depth == 0:
            return part.end()
    return min(limit, len(data))


def readable(data: bytes, bodies: Sequence[Body]) -> bytes:
    """A readable Avro file of these bodies; the number of a record is its index in `bodies`."""
    messages = [Message(data[body.start : body.end], "", {}) for body in bodies]
    return encode_spill(messages, datetime.fromtimestamp(0, UTC))


def blanked(data: bytes, bodies: Collection[Body]) -> bytes:
    """The file with spaces instead of these bodies."""
    changed = bytearray(data)
    for body in bodies:
        changed[body.start : body.end] = b" " * (body.end - body.start)
    return bytes(changed)


def sites_in(data: bytes) -> Mapping[str, int]:
    """The number of bodies by site, counted by the sites that the bytes name."""
    return Counter(match[1].decode() for match in _SITE.finditer(data))
