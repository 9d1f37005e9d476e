"""What a client states about one event, checked: the common form every dialect is read into."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from clickstream.collecting.json_values import MAX_STRING, bounded_fields, escape
from clickstream.errors import InvalidRequest
from clickstream.event import Consent, EventType


def _in_utc(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 2200:
        raise ValueError(f"a moment lies between the years 1970 and 2200, not in {moment.year}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _as_text(value: object) -> object:
    """Ids are often numbers at the source; they are names all the same."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _present(value: object) -> object:
    """Trackers send an empty string for what they do not know."""
    return None if value == "" else value


Moment = Annotated[datetime, AfterValidator(_in_utc)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Id = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=200)] | None,
    BeforeValidator(_as_text),
    BeforeValidator(_present),
]
Text = Annotated[str, StringConstraints(max_length=MAX_STRING)]
Pixels = Annotated[int, Field(ge=0, le=100_000)]
Properties = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]


class ClientEvent(BaseModel):
    """One event as the client tells it. Field names are the canonical event's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    type: EventType | None = None
    event_id: Id = None
    created_at: Moment | None = None
    sent_at: Moment | None = None
    anonymous_id: Id = None
    user_id: Id = None
    previous_id: Id = None
    group_id: Id = None
    session_id: Id = None
    session_index: Annotated[int, Field(ge=1, le=2**31)] | None = None
    page_url: Text | None = None
    page_title: Text | None = None
    referrer: Text | None = None
    utm_source: Text | None = None
    utm_medium: Text | None = None
    utm_campaign: Text | None = None
    utm_term: Text | None = None
    utm_content: Text | None = None
    language: Text | None = None
    screen_width: Pixels | None = None
    screen_height: Pixels | None = None
    viewport_width: Pixels | None = None
    viewport_height: Pixels | None = None
    time_zone: Text | None = None
    consent: Consent | None = None
    consent_signals: Properties = Field(default_factory=dict)
    schema_version: Id = None
    tracker: Text | None = None
    user_agent: Text | None = None
    ip: Text | None = None
    properties: Properties = Field(default_factory=dict)
    context: Properties = Field(default_factory=dict)


FIELDS = frozenset(ClientEvent.model_fields)
# Parameters by which consent platforms tell, in whichever protocol they stand: they are no properties.
CONSENT_SIGNALS = frozenset({"gcs", "gdpr", "gdpr_consent", "gpp", "us_privacy"})
# Visitors arrive by addresses that no site wrote; their length must cost no event.
ADDRESSES = ("page_url", "referrer")
ENDS_OF_PARTS = "/?&;#"


def check(fields: Mapping[str, Any]) -> ClientEvent:
    """The checked event; what is no field of ours goes to `properties`, unless it is said there already.

    An address that is too long is cut, and named in the context's `truncated`.
    Raise InvalidRequest (schema_violation) that names the first problem and counts the others.
    """
    known = bounded_fields(_with_short_addresses(fields))
    if not FIELDS.issuperset(known):
        unknown = {name: known.pop(name) for name in list(known) if name not in FIELDS}
        signals = {name: unknown.pop(name) for name in CONSENT_SIGNALS & unknown.keys()}
        if signals and not known.get("consent_signals"):
            known["consent_signals"] = signals
        stated = known.get("properties") or {}
        if isinstance(stated, dict):
            known["properties"] = {**unknown, **stated}
    try:
        return ClientEvent.model_validate(known)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        path = [step for step in problems[0]["loc"] if isinstance(step, int) or step in FIELDS or step == "name"]
        raise InvalidRequest(
            f"{'/'.join(map(str, path)) or 'event'}: {problems[0]['msg']}{more}",
            code="schema_violation",
            pointer="".join(f"/{escape(str(step))}" for step in path),
        ) from None


def _with_short_addresses(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    stated = {name: fields.get(name) for name in ADDRESSES}
    cut = {name: _cut(url) for name, url in stated.items() if isinstance(url, str) and len(url) > MAX_STRING}
    context = fields.get("context") or {}
    if not cut or not isinstance(context, dict):
        return fields
    return {**fields, **cut, "context": {**context, "truncated": list(cut)}}


def _cut(url: str) -> str:
    """Its first parts that are whole: half an e-mail address or token would not be recognised, and kept."""
    kept = url[:MAX_STRING]
    return kept[: max(0, *map(kept.rfind, ENDS_OF_PARTS))]
