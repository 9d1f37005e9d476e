"""The client event: the validated form into which every dialect is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from clickstream.collecting.json_values import MAX_KEYS, MAX_STRING, bounded_fields, id_as_text, shortened
from clickstream.collecting.tolerance import MAX_LEFT_OUT, MAX_POINTER, LeftOut, long_id
from clickstream.errors import InvalidRequest
from clickstream.model.event import Consent, EventType
from clickstream.privacy.nobody import means_nobody, means_nothing
from clickstream.problems import escape


def _in_utc(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 2200:
        raise ValueError(f"a moment lies between the years 1970 and 2200, not in {moment.year}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _present(value: object) -> object:
    """None for an empty string, which trackers send for unknown values."""
    return None if value == "" else value


MAX_NAME = 200
MAX_PIXELS = 100_000
Moment = Annotated[datetime, AfterValidator(_in_utc)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]
Id = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)] | None,
    BeforeValidator(id_as_text),
    BeforeValidator(_present),
]
Text = Annotated[str, StringConstraints(max_length=MAX_STRING)]
Pixels = Annotated[int, Field(ge=0, le=MAX_PIXELS)]
Properties = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]


class ClientEvent(BaseModel):
    """One event as the client sent it. Fields are named like those of the canonical event."""

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
    interactive: bool | None = None
    # Set by dialects that have an order outside of the properties. An invalid value never fails the event.
    revenue: Any = Field(default=None, description="Monetary value: a number, a text or an object with an amount.")
    order_id: Any = Field(default=None, description="Number of the order.")
    currency: Any = Field(default=None, description="Currency of `revenue`, ISO 4217.")
    consent: Consent | None = None
    consent_signals: Properties = Field(default_factory=dict)
    schema_version: Id = None
    tracker: Text | None = None
    user_agent: Text | None = None
    ip: Text | None = None
    properties: Properties = Field(default_factory=dict)
    context: Properties = Field(default_factory=dict)


FIELDS = frozenset(ClientEvent.model_fields)
# Parameters of consent platforms, in any protocol. They do not become properties.
CONSENT_SIGNALS = frozenset({"gcs", "gdpr", "gdpr_consent", "gpp", "us_privacy"})
# If one of these is invalid, the event fails: it has no meaning without name and type, and an unreadable consent may be
# a refusal. Imports need their clocks, too.
NEEDED = frozenset({"name", "type", "consent", "consent_signals"})
CLOCKS = frozenset({"created_at", "sent_at"})
# Upper bound of the size of `left_out` in the context.
BYTES_OF_LEFT_OUT = (MAX_LEFT_OUT + 1) * (MAX_POINTER + 200)
# Ids, each with its test for placeholders: a word such as `default` may name a group, but no person.
IDS: Mapping[str, Callable[[str], bool]] = {
    "anonymous_id": means_nobody,
    "user_id": means_nobody,
    "previous_id": means_nobody,
    "group_id": means_nothing,
    "session_id": means_nothing,
}
# Sites do not control the addresses by which visitors arrive, so a long one is cut and never fails the event.
ADDRESSES = ("page_url", "referrer")


def check(
    fields: Mapping[str, Any],
    left_out: LeftOut | None = None,
    *,
    strict_clocks: bool = False,
    pseudonyms: frozenset[str] = frozenset(),
) -> ClientEvent:
    """Validate the fields. Unknown ones go to `properties`, unless the properties have that name already.

    An address that is too long is cut and listed in the context's `truncated`. Any other value over a limit is cut, an
    invalid field is left out, and both are listed in the context's `left_out`. A placeholder id, or one of
    `pseudonyms`, which are those of placeholders, is left out and listed in the context's `ids_of_nobody`.
    Raise InvalidRequest (schema_violation) if name, type or consent is invalid, and with `strict_clocks` if a clock is.
    """
    left_out = LeftOut() if left_out is None else left_out
    before = len(left_out)
    known = bounded_fields(_without_ids_of_nobody(_with_short_addresses(fields), pseudonyms), left_out)
    if len(left_out) > before:
        _refuse_cut_consent(fields, known)
    if not FIELDS.issuperset(known):
        _move_unknown_fields(known, left_out)
    try:
        event = ClientEvent.model_validate(known)
    except ValidationError as error:
        event = ClientEvent.model_validate(_without_faults(known, error, left_out, strict_clocks))
    return _naming(event, left_out) if left_out else event


def lighter(event: ClientEvent, excess: int, left_out: LeftOut) -> ClientEvent:
    """The event without its largest properties and context members: at least `excess` bytes of JSON less.

    The removed members are added to `left_out`.
    """
    members = [
        (len(orjson.dumps(value)), place, name)
        for place in ("properties", "context")
        for name, value in getattr(event, place).items()
    ]
    members_by_place = {"properties": dict(event.properties), "context": dict(event.context)}
    excess += BYTES_OF_LEFT_OUT
    for size, place, name in sorted(members, reverse=True):
        if excess <= 0:
            break
        del members_by_place[place][name]
        left_out.add(f"/{place}/{escape(name)}", "the event has too many bytes; its largest parts are left out")
        excess -= size
    return _naming(event.model_copy(update=members_by_place), left_out)


def without_members(event: ClientEvent, name: str, left_out: LeftOut) -> ClientEvent:
    """The event without the property and the member of the context of this name; its context lists what is left out."""
    members = {
        place: {key: value for key, value in getattr(event, place).items() if key != name}
        for place in ("properties", "context")
    }
    event = event.model_copy(update=members)
    return _naming(event, left_out) if left_out else event


def _naming(event: ClientEvent, left_out: LeftOut) -> ClientEvent:
    return event.model_copy(update={"context": {**event.context, "left_out": left_out.entries()}})


def _refuse_cut_consent(fields: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raise InvalidRequest if a limit changed the client's consent signals, because they may be a refusal."""
    for name in ("consent_signals", *CONSENT_SIGNALS):
        if fields.get(name) != known.get(name):
            raise InvalidRequest("more than is read of a consent", code="schema_violation", pointer=f"/{name}")


def _move_unknown_fields(known: dict[str, Any], left_out: LeftOut) -> None:
    unknown = {name: known.pop(name) for name in list(known) if name not in FIELDS}
    signals = {name: unknown.pop(name) for name in CONSENT_SIGNALS & unknown.keys()}
    if signals and not known.get("consent_signals"):
        known["consent_signals"] = signals
    properties = known.get("properties") or {}
    if isinstance(properties, dict):
        known["properties"] = {**unknown, **properties}
        if len(unknown) + len(properties) > MAX_KEYS:
            first = {**properties, **{name: value for name, value in unknown.items() if name not in properties}}
            known["properties"] = bounded_fields({"properties": first}, left_out)["properties"]


def _without_faults(
    known: Mapping[str, Any], error: ValidationError, left_out: LeftOut, strict_clocks: bool
) -> dict[str, Any]:
    """The valid fields. Raise InvalidRequest if a needed one is invalid; its message has the number of problems."""
    needed = NEEDED | CLOCKS if strict_clocks else NEEDED
    valid = dict(known)
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    for problem in problems:
        name = str(problem["loc"][0])
        value, text = known.get(name), problem["msg"]
        if problem["type"] == "string_too_long" and isinstance(value, str):
            valid[name] = value.strip()[:MAX_NAME] if name == "name" else long_id(value)
        elif name in needed:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise InvalidRequest(f"{name}: {text}{more}", code="schema_violation", pointer=f"/{name}")
        else:
            valid.pop(name, None)
        left_out.add(f"/{name}", text)
    return valid


def _without_ids_of_nobody(fields: Mapping[str, Any], pseudonyms: frozenset[str]) -> Mapping[str, Any]:
    gone = [
        name
        for name, is_none in IDS.items()
        if (value := fields.get(name)) is not None and _is_of_nobody(value, is_none, pseudonyms)
    ]
    if not gone:
        return fields
    left = {name: value for name, value in fields.items() if name not in gone}
    context = fields.get("context") or {}
    return {**left, "context": {**context, "ids_of_nobody": gone}} if isinstance(context, dict) else left


def _is_of_nobody(id: object, is_none: Callable[[str], bool], pseudonyms: frozenset[str]) -> bool:
    text = id_as_text(id)
    return isinstance(text, str) and text != "" and (text in pseudonyms or is_none(text))


def _with_short_addresses(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    cut = {
        name: shortened(url) for name in ADDRESSES if isinstance(url := fields.get(name), str) and len(url) > MAX_STRING
    }
    if not cut:
        return fields
    context = fields.get("context") or {}
    if not isinstance(context, dict):
        return fields
    return {**fields, **cut, "context": {**context, "truncated": list(cut)}}
