"""The message about a person's memberships, in the shape that docs/audiences.md and docs/audience-message.schema.json
describe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from clickstream.model.audience_tables import EXIT
from clickstream.model.message import Message

SCHEMA_VERSION = "1"
# The exit of a membership that no moment ends by itself.
NEVER = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Transition:
    """That somebody entered or left an audience, or is a member of it."""

    seq: int
    audience: str
    kind: str
    reason: str
    changed_at: datetime
    entered_at: datetime
    exit_at: datetime | None
    """The planned exit; None if none is planned."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a message is about."""

    site: str
    person: str
    is_known: bool
    first_at: datetime
    traits: Mapping[str, str]


def nine_digits(moment: datetime) -> str:
    """RFC 3339 in UTC, with nine digits of the second."""
    utc = moment.astimezone(UTC)
    return f"{utc.year:04d}{utc:-%m-%dT%H:%M:%S.%f}000Z"


def message_id(subject: Subject, transitions: Sequence[Transition]) -> str:
    """The id of the message; the same for the same rows."""
    return _hex(subject.site, subject.person, *(str(each.seq) for each in transitions))


def body(subject: Subject, transitions: Sequence[Transition], destination: str, committed_at: datetime) -> bytes:
    """The message about these transitions, which are at least one."""
    name = "user_id" if subject.is_known else "anonymous_id"
    document = {
        "data": {
            "_created": nine_digits(min(subject.first_at, *(each.entered_at for each in transitions))),
            "_modified": nine_digits(max(each.changed_at for each in transitions)),
            **subject.traits,
            name: subject.person,
            "segment_events": [_event(subject.site, each) for each in transitions],
        },
        "meta": {
            "object": "user",
            "subscription_id": _hex(subject.site, destination),
            "timestamp": nine_digits(committed_at),
            "message_id": message_id(subject, transitions),
            "site": subject.site,
            "reason": ",".join(dict.fromkeys(each.reason for each in transitions)),
            "backfill": all(each.reason == "existing" for each in transitions),
        },
    }
    return orjson.dumps(document)


def message_of(person: str, body: bytes) -> Message:
    """The message to send. Its application properties follow from the body."""
    document = orjson.loads(body)
    meta, events = document["meta"], document["data"]["segment_events"]
    properties: Mapping[str, str] = {
        "site": meta["site"],
        "schema_version": SCHEMA_VERSION,
        "object": meta["object"],
        "message_id": meta["message_id"],
        "audiences": ",".join(event["slug"] for event in events),
        "events": ",".join(dict.fromkeys(event["event"] for event in events)),
        "reason": meta["reason"],
        "backfill": str(meta["backfill"]).lower(),
    }
    return Message(body, person, properties, meta["message_id"])


def _event(site: str, transition: Transition) -> Mapping[str, Any]:
    left = transition.kind == EXIT
    return {
        "id": _hex(site, transition.audience),
        "event": "exit" if left else "enter",
        "enter": nine_digits(transition.entered_at),
        "exit": nine_digits(transition.changed_at if left else transition.exit_at or NEVER),
        "slug": transition.audience,
    }


def _hex(*parts: str) -> str:
    return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
