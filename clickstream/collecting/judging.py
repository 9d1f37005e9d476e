"""One event judged by its site's rules: the message of an event, or that of a failed event with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from clickstream.collecting import client_event
from clickstream.collecting.dialect import Dialect, Item, Verdict
from clickstream.collecting.failures import Failure, failed_event, failed_message, stated_consent
from clickstream.collecting.guarding import decision_on, guarded
from clickstream.collecting.pipeline import Envelope, Seen, described
from clickstream.collecting.seeing import Watcher
from clickstream.delivery.message import Message
from clickstream.errors import InvalidRequest
from clickstream.event import SCHEMA_VERSION, Consent, Event
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.settings import Settings
from clickstream.sites.directory import Access


@dataclass(frozen=True, slots=True)
class Outcome:
    """One event's message, for the hub of events or that of failed events, and its verdict."""

    message: Message
    verdict: Verdict
    user_agent: str | None = None
    tracker: str | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules in force."""

    watcher: Watcher
    pseudonym_keys: PseudonymKeys
    max_message_bytes: int

    @classmethod
    def from_settings(cls, settings: Settings, max_message_bytes: int) -> Self:
        """By the operator's settings."""
        keys = PseudonymKeys.parse(settings.pseudonym_keys, settings.visitor_id_key)
        return cls(Watcher(settings.visitor_id_key, settings.trusted_proxy_hops), keys, max_message_bytes)

    def judge(
        self,
        item: Item,
        dialect: Dialect,
        access: Access,
        sender: Seen | None,
        received_at: datetime,
        new_id: Callable[[], str],
        salt: bytes | None = None,
    ) -> Outcome:
        """The outcome, whatever the item is.

        `sender` is the device that sent the request; None where a server speaks for another, of which an id is made
        with the day's salt.
        """
        seen = sender or Seen()
        privacy = access.site.privacy
        consent: Consent | None = None
        try:
            if item.problem is not None:
                raise item.problem
            if not isinstance(item.original, dict):
                kind = "null" if item.original is None else type(item.original).__name__
                raise InvalidRequest(f"an event is an object, not {kind}", code="schema_violation", pointer="")
            stated = client_event.check(dialect.read(item.original))
            seen = sender or self.watcher.spoken_for(stated, access.site.site, salt)
            decision = decision_on(seen.signals, stated.consent, stated.consent_signals, privacy)
            consent = decision.consent
            fields = described(Envelope(stated, seen, received_at, access, dialect.name, new_id))
            event, body = guarded(fields, decision, privacy, seen.visitor_id, self.pseudonym_keys)
            return self._accepted(event, body)
        except InvalidRequest as problem:
            if consent is None:
                consent = decision_on(seen.signals, stated_consent(item.original), {}, privacy).consent
            failure = Failure(problem, item.original, access, dialect.name, received_at, new_id())
            failed = failed_event(failure, seen, consent)
            verdict = Verdict(
                "failed", failed.failed_event_id, failed.failure_class, failed.pointer, failed.message, consent
            )
            return Outcome(failed_message(failed), verdict, seen.user_agent)

    def _accepted(self, event: Event, body: bytes) -> Outcome:
        """Raise InvalidRequest (size_violation) for an event that the hub would not take."""
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
        verdict = Verdict("accepted", event.event_id, consent=event.consent, violations=tuple(event.violations or ()))
        return Outcome(Message(body, event.visitor, properties), verdict, event.user_agent, event.tracker)
