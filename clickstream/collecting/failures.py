"""What is kept of an event that failed: enough to repair it, nothing that privacy forbids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from clickstream.collecting.dialect import KEY_NAMES
from clickstream.collecting.pipeline import Seen
from clickstream.collecting.request import parse_address, truncated
from clickstream.delivery.message import Message
from clickstream.errors import InvalidRequest
from clickstream.event import CONSENTS, SCHEMA_VERSION, Consent, FailedEvent
from clickstream.privacy.minimising import without_ids
from clickstream.privacy.redaction import redact_bytes, redact_json, redact_text
from clickstream.sites.directory import Access
from clickstream.sites.privacy import Privacy, StoreIp

MAX_PAYLOAD_KEPT_BYTES = 32_768
# What is longer is cut before it is redacted, with room for what would be cut in two.
LONGEST_BYTES = MAX_PAYLOAD_KEPT_BYTES + 1_024


@dataclass(frozen=True, slots=True)
class Failure:
    """One event that failed, and how it came."""

    problem: InvalidRequest
    original: object
    access: Access
    dialect: str
    received_at: datetime
    failed_event_id: str


def failed_event(failure: Failure, seen: Seen, consent: Consent) -> FailedEvent:
    """The failed event. Of who denied consent only the failure is kept, which cannot be repaired then."""
    problem, site = failure.problem, failure.access.site
    payload = b"" if consent == "denied" else kept(failure.original, seen, consent, site.privacy)
    return FailedEvent(
        failed_event_id=failure.failed_event_id,
        site=site.site,
        received_at=failure.received_at,
        stage="collect",
        failure_class=problem.code,
        pointer=redact_text(problem.pointer or ""),
        message=redact_text(problem.message),
        dialect=failure.dialect,
        key_kind=failure.access.kind.value,
        seen=_seen(seen, consent, site.privacy),
        payload=payload[:MAX_PAYLOAD_KEPT_BYTES],
        payload_truncated=len(payload) > MAX_PAYLOAD_KEPT_BYTES or consent == "denied",
    )


def stated_consent(original: object) -> Consent | None:
    """The consent that an original states plainly, for one that cannot be read any further."""
    stated = original.get("consent") if isinstance(original, dict) else None
    return cast(Consent, stated) if isinstance(stated, str) and stated in CONSENTS else None


def kept(original: object, seen: Seen, consent: Consent, privacy: Privacy) -> bytes:
    """The original without its write key, its addresses cut, its secrets redacted.

    Without full consent its ids are the visitor's id of the day, or gone.
    """
    extra, exempt = frozenset(privacy.redact_parameters), frozenset(privacy.keep_properties)
    if isinstance(original, bytes):
        # Nobody can tell ids in what nobody can read.
        return redact_bytes(original[:LONGEST_BYTES], extra) if consent == "full" else b""
    if isinstance(original, dict):
        original = _without_key(original)
    if consent != "full":
        original = without_ids(original, seen.visitor_id)
    try:
        text = _dumped(original)
    except RecursionError:
        text = b""  # redaction cuts what is nested too deep
    if len(text) > LONGEST_BYTES:
        return redact_bytes(text[:LONGEST_BYTES], extra)
    return _dumped(redact_json(original, exempt, extra))


def failed_message(failed: FailedEvent) -> Message:
    """The message that carries it."""
    properties = {"failure_class": failed.failure_class, "schema_version": SCHEMA_VERSION}
    if failed.site:
        properties["site"] = failed.site
    return Message(failed.to_json(), failed.failed_event_id, properties)


def _seen(seen: Seen, consent: Consent, privacy: Privacy) -> Mapping[str, Any]:
    if consent == "denied":
        return {"signals": dict(seen.signals)} if seen.signals else {}
    told = {name: value for name, value in asdict(seen).items() if value}
    if consent == "anonymous":
        told.pop("network_user_id", None)
    if privacy.store_ip is StoreIp.NONE:
        told.pop("ip", None)
    return told


def _without_key(original: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in original.items() if name not in KEY_NAMES}
    if "ip" in kept:
        address = parse_address(str(kept["ip"]))
        kept["ip"] = truncated(address) if address else None
    return kept


def _dumped(value: object) -> bytes:
    # The standard library writes what strict JSON forbids too; a failed event may hold just that.
    return json.dumps(value, separators=(",", ":")).encode()
