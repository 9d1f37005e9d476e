"""Failed events: they store enough to repair an event, and nothing that privacy forbids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from clickstream.collecting.client_context import ClientContext
from clickstream.collecting.dialect import KEY_NAMES
from clickstream.collecting.pipeline import Envelope
from clickstream.collecting.privacy_filter import decision_on
from clickstream.collecting.request import parse_address, truncated
from clickstream.errors import InvalidRequest
from clickstream.model.event import CONSENTS, SCHEMA_VERSION, Consent, FailedEvent
from clickstream.model.message import Message
from clickstream.privacy.minimising import without_ids
from clickstream.privacy.redaction import Redactor
from clickstream.privacy.steps import Steps
from clickstream.sites.privacy import Privacy, StoreIp

MAX_PAYLOAD_KEPT_BYTES = 32_768
# A longer payload is cut before redaction. The margin keeps a secret at the cut whole, so that redaction recognises it.
LONGEST_BYTES = MAX_PAYLOAD_KEPT_BYTES + 1_024
# Factor for the redaction steps of bytes that are no document, because all of them are searched as one text.
STEPS_IF_UNREADABLE = 24


def failed_event(envelope: Envelope, problem: InvalidRequest) -> tuple[FailedEvent, Consent]:
    """The failed event, and the consent by which it is stored. If that is denied, the payload is discarded, so the
    event cannot be repaired.
    """
    access, client = envelope.access, envelope.client
    site, privacy = access.site.site, access.site.privacy
    decision = envelope.decision or decision_on(client.signals, _plain_consent(envelope.original), {}, privacy)
    original = _without_sender(envelope.original, client, decision.consent)
    text = original if isinstance(original, bytes) else _dumped(original)
    unreadable = isinstance(original, bytes) or len(text) > LONGEST_BYTES
    text = text[:LONGEST_BYTES]
    rules = frozenset(privacy.keep_properties), frozenset(privacy.redact_parameters)
    redactor = Redactor(Steps(len(text) * (STEPS_IF_UNREADABLE if unreadable else 1)), *rules)
    # The reason has a budget of its own, so that it stays readable however many steps the payload took.
    reason = Redactor(Steps(len(problem.pointer or "") + len(problem.message)), *rules)
    payload = redactor.bytes(text) if unreadable else _dumped(redactor.json(original))
    failed = FailedEvent(
        failed_event_id=envelope.new_id(),
        site=site,
        received_at=envelope.received_at,
        stage="collect",
        failure_class=problem.code,
        pointer=reason.text(problem.pointer or ""),
        message=reason.text(problem.message),
        dialect=envelope.dialect.name,
        key_kind=access.kind.value,
        stream=access.stream,
        seen=_context(client, decision.consent, privacy),
        payload=payload[:MAX_PAYLOAD_KEPT_BYTES],
        payload_truncated=len(payload) > MAX_PAYLOAD_KEPT_BYTES or decision.consent == "denied",
    )
    return failed, decision.consent


def _plain_consent(original: object) -> Consent | None:
    """The member `consent` of an original that cannot be read; None if it is missing or none of our words."""
    consent = original.get("consent") if isinstance(original, dict) else None
    return cast(Consent, consent) if isinstance(consent, str) and consent in CONSENTS else None


def _without_sender(original: object, client: ClientContext, consent: Consent) -> object:
    """The original without its write key and with a truncated address; empty bytes if its content is unknown.

    Without full consent its ids are replaced by the visitor's id of the day, or removed. If consent was denied, the
    result is empty.
    """
    if consent == "denied" or (isinstance(original, bytes) and consent != "full"):
        return b""
    if isinstance(original, dict):
        original = _without_key(original)
    return original if consent == "full" else without_ids(original, client.visitor_id)


def failed_message(failed: FailedEvent) -> Message:
    """The message for the hub of failed events."""
    properties = {"failure_class": failed.failure_class, "schema_version": SCHEMA_VERSION}
    if failed.site:
        properties["site"] = failed.site
    return Message(failed.to_json(), failed.failed_event_id, properties)


def _context(client: ClientContext, consent: Consent, privacy: Privacy) -> Mapping[str, Any]:
    if consent == "denied":
        return {"signals": dict(client.signals)} if client.signals else {}
    fields = {name: value for name, value in asdict(client).items() if value}
    if consent == "anonymous":
        fields.pop("network_user_id", None)
    if privacy.store_ip is StoreIp.NONE:
        fields.pop("ip", None)
    return fields


def _without_key(original: Mapping[str, Any]) -> dict[str, Any]:
    members = {name: value for name, value in original.items() if name not in KEY_NAMES}
    if "ip" in members:
        address = parse_address(str(members["ip"]))
        members["ip"] = truncated(address) if address else None
    return members


def _dumped(value: object) -> bytes:
    # The standard library also writes values that strict JSON forbids; a failed event may hold such a value.
    try:
        return json.dumps(value, separators=(",", ":")).encode()
    except RecursionError:
        return b""  # nested too deep; redaction would remove it
