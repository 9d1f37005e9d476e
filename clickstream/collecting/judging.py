"""One event judged by its site's rules: the message of an event, or that of a failed event with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from clickstream.collecting import client_event
from clickstream.collecting.dialect import Dialect, Item, Verdict
from clickstream.collecting.failures import failed_event, failed_message
from clickstream.collecting.pipeline import Envelope, Seen, canonical
from clickstream.collecting.seeing import Watcher
from clickstream.delivery.message import Message
from clickstream.errors import InvalidRequest
from clickstream.event import SCHEMA_VERSION, Event
from clickstream.sites.directory import WriteAccess


@dataclass(frozen=True, slots=True)
class Outcome:
    """One event's message, for the hub of events or that of failed events, and its verdict."""

    message: Message
    verdict: Verdict
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules in force. `sender` is the device that sent a request; None where a server speaks for another."""

    watcher: Watcher
    max_message_bytes: int

    def judge(
        self,
        item: Item,
        dialect: Dialect,
        access: WriteAccess,
        sender: Seen | None,
        received_at: datetime,
        new_id: Callable[[], str],
    ) -> Outcome:
        """The outcome, whatever the item is."""
        seen = sender or Seen()
        try:
            if item.problem is not None:
                raise item.problem
            if not isinstance(item.original, dict):
                kind = "null" if item.original is None else type(item.original).__name__
                raise InvalidRequest(f"an event is an object, not {kind}", code="schema_violation", pointer="")
            stated = client_event.check(dialect.read(item.original))
            seen = sender or self.watcher.spoken_for(stated, received_at, access.site.site)
            event = canonical(Envelope(stated, seen, received_at, access, dialect.name, new_id))
            verdict = Verdict(
                "accepted", event.event_id, consent=event.consent, violations=tuple(event.violations or ())
            )
            return Outcome(self._event_message(event), verdict, event.user_agent)
        except InvalidRequest as problem:
            failed = failed_event(problem, item, access, seen, dialect.name, received_at, new_id())
            verdict = Verdict("failed", failed.failed_event_id, problem.code, problem.pointer, problem.message)
            return Outcome(failed_message(failed), verdict)

    def _event_message(self, event: Event) -> Message:
        body = event.to_json()
        if len(body) > self.max_message_bytes:
            raise InvalidRequest(
                f"an event has at most {self.max_message_bytes} bytes, this one {len(body)}",
                code="size_violation",
                pointer="",
            )
        properties = {
            "site": event.site,
            "event_type": event.event_type,
            "event_name": event.event_name,
            "schema_version": SCHEMA_VERSION,
        }
        return Message(body, event.visitor, properties)
