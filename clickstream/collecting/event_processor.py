"""Processes one event by its site's rules: into the message of an event, or of a failed event with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Self

from clickstream.collecting.client_context import ClientContext, ContextReader
from clickstream.collecting.dialect import Dialect, Item, Verdict
from clickstream.collecting.failures import failed_event, failed_message
from clickstream.collecting.pipeline import PIPELINE, Envelope, Rules
from clickstream.errors import InvalidRequest
from clickstream.model.event import SCHEMA_VERSION
from clickstream.model.message import Message
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.privacy.signatures import signing_secret
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind


@dataclass(frozen=True, slots=True)
class Outcome:
    """One event's message, for the hub of events or that of failed events, and its verdict."""

    message: Message
    verdict: Verdict
    user_agent: str | None = None
    tracker: str | None = None


class EventProcessor(Rules):
    """Runs the pipeline. Safe to share between threads."""

    @classmethod
    def from_settings(cls, settings: Settings, max_message_bytes: int) -> Self:
        """The processor for these settings. Raise ValueError for an invalid `pseudonym_keys`."""
        keys = PseudonymKeys.parse(settings.pseudonym_keys, settings.visitor_id_key)
        reader = ContextReader(settings.visitor_id_key, settings.trusted_proxy_hops)
        return cls(reader, keys, max_message_bytes, partial(signing_secret, settings.visitor_id_key))

    def process(
        self,
        item: Item,
        dialect: Dialect,
        access: Access,
        sender: ClientContext | None,
        received_at: datetime,
        new_id: Callable[[], str],
        salt: bytes | None = None,
    ) -> Outcome:
        """The outcome of one event. Never raises InvalidRequest: an invalid event has the outcome `failed`.

        `sender` and `salt` are as in `Envelope`.
        """
        client = sender or ClientContext()
        envelope = Envelope(
            item.original,
            item.problem,
            dialect,
            access,
            sender,
            received_at,
            new_id,
            salt,
            self,
            client,
            access.kind is KeyKind.IMPORT,
        )
        try:
            for run, _ in PIPELINE:
                run(envelope)
        except InvalidRequest as problem:
            return _failed(envelope, problem)
        return _accepted(envelope)


def _accepted(envelope: Envelope) -> Outcome:
    event, left_out = envelope.stored, envelope.left_out
    properties = {
        "site": event.site,
        "event_type": event.event_type,
        "event_name": event.event_name,
        "schema_version": SCHEMA_VERSION,
    }
    verdict = Verdict(
        "accepted",
        event.event_id,
        consent=event.consent,
        violations=tuple(event.violations or ()),
        left_out=tuple(left_out.entries()) if left_out else (),
    )
    return Outcome(Message(envelope.body, event.visitor, properties), verdict, event.user_agent, event.tracker)


def _failed(envelope: Envelope, problem: InvalidRequest) -> Outcome:
    failed, consent = failed_event(envelope, problem)
    verdict = Verdict("failed", failed.failed_event_id, failed.failure_class, failed.pointer, failed.message, consent)
    return Outcome(failed_message(failed), verdict, envelope.client.user_agent)
