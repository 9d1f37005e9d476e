"""The Jitsu dialect: messages of Segment's form, each to the path of its type.

Outside rules: the sources of @jitsu/js.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Reading, Verdict
from clickstream.collecting.request import Request
from clickstream.collecting.segment import TYPES, parse_body, read_batch, read_call
from clickstream.collecting.segment_message import read_message
from clickstream.errors import NotFound

MASK = "***"


def split(request: Request) -> Reading:
    """The message of a call, or those of a batch. Raise NotFound for a call that there is not."""
    kind = request.route["type"].lower()
    if kind == "batch":
        return _without_masked_key(read_batch(parse_body(request.body), request.headers))
    if kind not in TYPES:
        raise NotFound(f"there is no call {kind[:40]!r}")
    return _without_masked_key(read_call(parse_body(request.body), kind, request.headers))


def read(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a message. It may name nobody: with `disableUserIds` the client takes every id off."""
    return read_message(original)


def succeed(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """What Jitsu answers."""
    return Answer(b'{"ok":true}')


def _without_masked_key(reading: Reading) -> Reading:
    """The client states its key in the header, and writes a mask of it into the body."""
    if reading.write_key is not None and reading.write_key.endswith(MASK):
        return replace(reading, write_key=None)
    return reading


DIALECT = Dialect(
    name="jitsu",
    read=read,
    endpoints=(
        Endpoint("collect_jitsu", "api/s/{type}", split, respond=succeed),
        Endpoint("collect_jitsu_server", "api/s/s2s/{type}", split, respond=succeed),
    ),
)
