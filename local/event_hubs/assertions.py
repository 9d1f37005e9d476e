"""Assertions about the events that a hub has received."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

# Sends method, path and JSON body to the admin port, and returns the parsed answer.
Ask = Callable[[str, str, object], Any]
SHOWN_IDS = 10


class NotReceived(AssertionError):
    """The expected events did not arrive in time. The message lists the last events of the hub."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event as the hub stores it."""

    partition: str
    sequence_number: int
    enqueued_at: datetime
    partition_key: str | None
    properties: Mapping[str, Any]
    """The AMQP properties: `message-id`, `content-type`, ..."""
    application_properties: Mapping[str, Any]
    body: bytes

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Parse one event of the admin port's answer."""
        return cls(
            answer["partition"],
            answer["sequence_number"],
            datetime.fromtimestamp(answer["enqueued_ms"] / 1000, UTC),
            answer["partition_key"],
            answer["properties"],
            answer["application_properties"],
            b64decode(answer["body"]),
        )

    def json(self) -> Any:
        """The body parsed as JSON. Raise ValueError if it is not JSON."""
        return json.loads(self.body)


class ReceivingHub:
    """The received events of one hub of a running emulator."""

    def __init__(self, name: str, ask: Ask) -> None:
        self.name = name
        self._ask = ask

    def events(self, event_id: str | None = None) -> list[ReceivedEvent]:
        """The events stored now, all or those with an id, sorted by partition and sequence number."""
        return self._find(event_id, 0, 0)

    def received(self, *, event_id: str | None = None, count: int = 1, seconds: float = 5) -> list[ReceivedEvent]:
        """Wait for at least `count` events, of the whole hub or with an id, and return them.

        The emulator answers as soon as they are stored, without polling. An event's id is its message id, or `event_id`
        or `id` in its application properties or JSON body. Raise NotReceived after `seconds` (at most 60).
        """
        events = self._find(event_id, count, seconds)
        if len(events) < count:
            what = "events" if event_id is None else f"events with the id {event_id!r}"
            raise NotReceived(
                f"{self.name} received {len(events)} of {count} {what} in {seconds:g} s; it has {self._last_events()}"
            )
        return events

    def _last_events(self) -> str:
        events = self.events()
        shown = ", ".join(event.body[:80].decode("utf-8", "replace") for event in events[-SHOWN_IDS:])
        return f"{len(events)} events" + (f", the last ones {shown}" if shown else "")

    def _find(self, event_id: str | None, count: int, seconds: float) -> list[ReceivedEvent]:
        search = {"hub": self.name, "event_id": event_id, "count": count, "wait_ms": round(seconds * 1000)}
        return [ReceivedEvent.from_answer(answer) for answer in self._ask("POST", "/events", search)]
