"""The border's last step: of an event only what its visitor's consent and its site allow goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from clickstream.event import Consent, Event, fingerprint
from clickstream.privacy.consent import Decision, decide, read_signals
from clickstream.privacy.minimising import minimised
from clickstream.privacy.pseudonyms import PseudonymKeys, storable_id
from clickstream.privacy.redaction import redact_json, redact_query, redact_url
from clickstream.privacy.screening import may_need_redaction
from clickstream.sites.privacy import Privacy, StoreIp, UserIds

# Ids of persons and devices. One that tells more than an id should becomes a pseudonym: two visitors must stay two.
IDS = ("event_id", "anonymous_id", "user_id", "previous_id", "group_id", "session_id")
PERSONS = frozenset({"user_id", "previous_id", "group_id"})
# Made here, so they hold nothing to redact; or an id, which has its own rule.
NOT_REDACTED = frozenset({*IDS, "site", "event_type", "ip", "page_host", "referrer_host", "consent", "dialect"})
ADDRESSES: Mapping[str, Callable[[str, frozenset[str]], str]] = {
    "page_url": redact_url,
    "referrer": redact_url,
    "page_query": redact_query,
}
# Content that says whether two events with one id are copies: no ids and clocks of transport, nothing the server saw.
CONTENT = ("event_type", "event_name", "created_at", "user_id", "page_url", "referrer", "properties")


def decision_on(
    headers: Mapping[str, str], stated: Consent | None, event_signals: Mapping[str, Any], privacy: Privacy
) -> Decision:
    """What may be kept, by all signals of a request's headers and of one event."""
    if event_signals:
        return decide(read_signals(headers, stated, event_signals), privacy)
    return _usual(tuple(headers.items()), stated, privacy)


@lru_cache(maxsize=1024)
def _usual(headers: tuple[tuple[str, str], ...], stated: Consent | None, privacy: Privacy) -> Decision:
    return decide(read_signals(dict(headers), stated), privacy)


def guarded(
    fields: Mapping[str, Any], decision: Decision, privacy: Privacy, visitor_id: str | None, keys: PseudonymKeys
) -> tuple[Event, bytes]:
    """The event as it may be stored, and its body on the hub."""
    kept = minimised(fields, decision.consent, visitor_id)
    kept["advertising"] = decision.advertising
    if privacy.store_ip is StoreIp.NONE:
        kept["ip"] = None
    keep_persons = privacy.user_ids is UserIds.KEEP
    for name in IDS:
        if value := kept.get(name):
            kept[name] = storable_id(value, keys, keep=keep_persons or name not in PERSONS)
    event = _event(kept)
    body = event.to_json()
    extra = _names(privacy.redact_parameters)
    if not may_need_redaction(body, extra):
        return event, body
    event = _event(_redacted(kept, _names(privacy.keep_properties), extra))
    return event, event.to_json()


def _event(fields: Mapping[str, Any]) -> Event:
    content = {name: value for name in CONTENT if (value := fields.get(name)) is not None}
    return Event(**fields, fingerprint=fingerprint(content))


def _redacted(fields: Mapping[str, Any], keep: frozenset[str], extra: frozenset[str]) -> dict[str, Any]:
    apart: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ADDRESSES:
            apart[name] = value and ADDRESSES[name](value, extra)
        elif name in NOT_REDACTED or not isinstance(value, str | list | tuple | dict):
            apart[name] = value
        else:
            told[name] = value
    return {**apart, **redact_json(told, keep, extra)}


@lru_cache(maxsize=1024)
def _names(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names)
