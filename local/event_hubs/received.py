"""Find stored events by id for assertions, and wait for them without polling."""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .hubs import Hub
from .messages import Decoded, decode_event

ID_NAMES = ("event_id", "id")
MAX_WAIT_MS = 60_000


class InvalidSearch(ValueError):
    """The search is invalid. The message names the problem."""


@dataclass(frozen=True, slots=True)
class Search:
    """Wait for at least `count` events with an id, or of the whole hub without one, for at most `wait_ms`."""

    hub: str
    event_id: str | None = None
    count: int = 1
    wait_ms: int = 0

    @classmethod
    def parse(cls, value: object) -> Search:
        """Parse a search. Raise InvalidSearch for an unknown member, a missing hub, or a value of the wrong type."""
        if not isinstance(value, dict) or not isinstance(value.get("hub"), str):
            raise InvalidSearch('name a hub: {"hub": "events"}')
        if unknown := set(value) - set(cls.__dataclass_fields__):
            raise InvalidSearch(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(cls.__dataclass_fields__)}")
        if not isinstance(value.get("event_id"), str | None):
            raise InvalidSearch("event_id must be text")
        for name, most in (("count", None), ("wait_ms", MAX_WAIT_MS)):
            number = value.get(name, 0)
            if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= (most or number):
                raise InvalidSearch(f"{name} must be a whole number from 0{f' to {most}' if most else ''}")
        return cls(**value)


async def find(hub: Hub, search: Search) -> list[dict[str, Any]]:
    """Wait for the search, then return the matching events, sorted by partition and sequence number.

    At the time limit these may be fewer than `count`.
    """
    wake = asyncio.Event()
    events: list[dict[str, Any]] = []
    reached = {partition.id: 0 for partition in hub.partitions}
    for partition in hub.partitions:
        partition.listeners.add(wake.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(search.wait_ms / 1000):
                while True:
                    wake.clear()
                    events += _new_events(hub, search.event_id, reached)
                    if len(events) >= search.count:
                        break
                    await wake.wait()
    finally:
        for partition in hub.partitions:
            partition.listeners.discard(wake.set)
    return sorted(events, key=lambda event: (int(event["partition"]), event["sequence_number"]))


def _new_events(hub: Hub, event_id: str | None, reached: dict[str, int]) -> Iterator[dict[str, Any]]:
    for partition in hub.partitions:
        for event in partition.read(reached[partition.id], partition.next_sequence):
            content = decode_event(event.carried)
            if event_id is None or event_id in ids_of(content):
                yield {
                    "partition": partition.id,
                    "sequence_number": event.sequence,
                    "enqueued_ms": event.enqueued_ms,
                    "partition_key": event.key,
                    "properties": {name: _json_value(value) for name, value in content.properties.items()},
                    "application_properties": {
                        name: _json_value(value) for name, value in content.application_properties.items()
                    },
                    "body": b64encode(content.body).decode(),
                }
        reached[partition.id] = partition.next_sequence


def ids_of(content: Decoded) -> set[str]:
    """Possible ids of an event: its message id, and `event_id` and `id` in its properties or JSON object."""
    ids = {str(content.properties.get("message-id", ""))}
    ids |= {str(content.application_properties[name]) for name in ID_NAMES if name in content.application_properties}
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(content.body)
        if isinstance(document, dict):
            ids |= {str(document[name]) for name in ID_NAMES if name in document}
    return ids - {""}


def _json_value(value: Any) -> Any:
    """The value as JSON; types that JSON lacks as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, str | int | float) else str(value)
