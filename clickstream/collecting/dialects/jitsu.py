"""The Jitsu dialect: messages of Segment's form, each sent to the path of its type.

Source: the code of @jitsu/js.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from clickstream.collecting.dialect import Dialect, Endpoint, Reading, answering
from clickstream.collecting.dialects.segment import TYPES, body_keys, object_of, read_batch, read_call
from clickstream.collecting.dialects.segment_message import read_message
from clickstream.collecting.request import Request
from clickstream.errors import NotFound

MASK = "***"


def split(request: Request, limit: int) -> Reading:
    """The message of a call, or those of a batch. Raise NotFound for an unknown call."""
    kind = request.route["type"].lower()
    if kind == "batch":
        return _without_masked_key(read_batch(object_of(request.body), request.headers, limit))
    if kind not in TYPES:
        raise NotFound(f"there is no call {kind[:40]!r}")
    return _without_masked_key(read_call(object_of(request.body), kind, request.headers))


def read(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a message. It may have no id at all: with `disableUserIds` the client removes all of them."""
    return read_message(original)


def _without_masked_key(reading: Reading) -> Reading:
    """The reading without a masked key: the client sends its key in a header, and a masked one in the body."""
    if reading.write_key is not None and reading.write_key.endswith(MASK):
        return replace(reading, write_key=None)
    return reading


succeed = answering(b'{"ok":true}')  # as Jitsu

DIALECT = Dialect(
    name="jitsu",
    read=read,
    endpoints=(
        Endpoint("collect_jitsu", "api/s/{type}", split, body_keys=body_keys, respond=succeed),
        Endpoint("collect_jitsu_server", "api/s/s2s/{type}", split, body_keys=body_keys, respond=succeed),
    ),
)
