"""The privacy filter: consent, data minimisation, pseudonyms and redaction, before an event leaves the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from clickstream.model.event import Consent, Event, fingerprint
from clickstream.privacy.consent import CHOICES, GRANTS, Decision, decide, read_signals
from clickstream.privacy.minimising import minimised
from clickstream.privacy.pseudonyms import PseudonymKeys, storable_id
from clickstream.privacy.redaction import Redactor
from clickstream.privacy.screening import may_need_redaction
from clickstream.privacy.steps import Steps
from clickstream.sites.document import KeyKind
from clickstream.sites.privacy import Privacy, StoreIp, UserIds

# Ids of persons and devices. Those that look like personal data become pseudonyms, so that visitors stay distinct.
IDS = ("event_id", "anonymous_id", "user_id", "previous_id", "group_id", "session_id", "order_id")
PERSONS = frozenset({"user_id", "previous_id", "group_id"})
# Values of our own, which need no redaction, and ids, which have their own rule.
NOT_REDACTED = frozenset(
    {
        *(*IDS, "site", "event_type", "ip", "page_host", "referrer_host", "consent", "dialect"),
        *("key_kind", "stream", "id_source", "currency"),
    }
)
# Headers that opt out if they are 1.
FLAGS = ("sec-gpc", "dnt")
ADDRESSES: Mapping[str, Callable[[Redactor, str], str]] = {
    "page_url": Redactor.url,
    "referrer": Redactor.url,
    "page_query": Redactor.query,
}
# Content of an event for its fingerprint: the same in every copy, so without transport clocks and server data.
CONTENT = ("event_type", "event_name", "created_at", "user_id", "page_url", "referrer", "properties")
# With `user_id`, the ids by which the client identifies itself.
SENDER = ("previous_id", "group_id", "session_id")
# Sources of ids that persist on the device.
OWN_IDS = ("client", "cookie")
# An event that was queued longer on its device may come from another address than the visit did.
FRESH = timedelta(minutes=30)


def decision_on(
    headers: Mapping[str, str], client_consent: Consent | None, event_signals: Mapping[str, Any], privacy: Privacy
) -> Decision:
    """What may be stored, by all signals of a request's headers, of one event, and the event's own `consent`."""
    if event_signals:
        return decide(read_signals(headers, client_consent, event_signals), privacy)
    given = tuple(name for name in FLAGS if headers.get(name, "").strip() == "1") if headers else ()
    return _usual(given, "sp-anonymous" in headers, client_consent, privacy)


@lru_cache(maxsize=1024)
def _usual(flags: tuple[str, ...], anonymous: bool, client_consent: Consent | None, privacy: Privacy) -> Decision:
    """The decision without event signals. Cached by few arguments, so that it holds nothing else of a request."""
    headers = dict.fromkeys(flags, "1") | ({"sp-anonymous": "*"} if anonymous else {})
    return decide(read_signals(headers, client_consent), privacy)


def apply_privacy(
    fields: Mapping[str, Any], decision: Decision, privacy: Privacy, visitor_id: str | None, keys: PseudonymKeys
) -> tuple[Event, bytes]:
    """The event as it may be stored, and its body for the hub."""
    allowed = minimised(fields, decision.consent, visitor_id)
    allowed["advertising"] = decision.advertising
    before = id_before(fields, decision, visitor_id)
    if privacy.store_ip is StoreIp.NONE:
        allowed["ip"] = None
    keep_persons = privacy.user_ids is UserIds.KEEP
    for name in IDS:
        if value := allowed.get(name):
            allowed[name] = storable_id(value, keys, keep=keep_persons or name not in PERSONS)
    # Serialised twice only if the prefilter finds something to redact, which few events have.
    event = _event(allowed, before)
    body = event.to_json()
    extra, steps = _names(privacy.redact_parameters), Steps(len(body))
    if not may_need_redaction(body, extra, steps):
        return event, body
    event = _event(_redacted(allowed, Redactor(steps, _names(privacy.keep_properties), extra)), before)
    return event, event.to_json()


def id_before(fields: Mapping[str, Any], decision: Decision, visitor_id: str | None) -> str | None:
    """The id of the day, if the visitor grants consent by this event, to join earlier events; None for any other event.

    `visitor_id` is derived from this request and never sent by the client, so a client cannot claim the id of another
    visitor. `fields` are the canonical event's.
    """
    if decision.consent != "full" or fields["event_type"] != "custom" or fields["id_source"] not in OWN_IDS:
        return None
    name = fields["event_name"]
    if name not in GRANTS and (name not in CHOICES or "unknown" in decision.reasons):
        return None
    if fields["previous_id"] is not None or fields["received_at"] - fields["occurred_at"] > FRESH:
        return None
    # The tracking script sends null if it sent no event since consent was withdrawn, so there is nothing to join.
    if fields["properties"].get("page_view_id", name) is None:
        return None
    return visitor_id


def _event(fields: Mapping[str, Any], before: str | None) -> Event:
    """The event with its fingerprint. `before`, the visitor's id of the day, is no part of the fingerprint."""
    content = {name: value for name in CONTENT if (value := fields.get(name)) is not None}
    content_hash = fingerprint(content, _sender(fields))
    return Event(**(fields if before is None else {**fields, "previous_id": before}), fingerprint=content_hash)


def _sender(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The sender for the fingerprint: the same whenever the event is sent again.

    Ids of the day and of a cookie are excluded, because they come with the request and may differ the next time. The
    use of a secret key is included: otherwise a client without one could send an event before the server does, and the
    server's event would be dropped as a copy. So is that a signature proves the user.
    """
    sender: dict[str, Any] = {name: value for name in SENDER if (value := fields.get(name)) is not None}
    if fields["id_source"] == "client":
        sender["anonymous_id"] = fields["anonymous_id"]
    if fields["key_kind"] != KeyKind.PUBLIC:
        sender["secret_key"] = True
    elif fields.get("user_verified"):
        sender["signed"] = True
    return sender


def _redacted(fields: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    done: dict[str, Any] = {}
    unredacted: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ADDRESSES:
            done[name] = value and ADDRESSES[name](redactor, value)
        elif name in NOT_REDACTED or not isinstance(value, str | list | tuple | dict):
            done[name] = value
        else:
            unredacted[name] = value
    return {**done, **redactor.fields(unredacted)}


@lru_cache(maxsize=1024)
def _names(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names)
