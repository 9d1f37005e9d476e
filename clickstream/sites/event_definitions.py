"""The part of a site's document with event definitions (the tracking plan)."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from clickstream.problems import refuse
from clickstream.sites.limits import MAX_PATTERNS, Few


class Mode(StrEnum):
    """What happens to an event that breaks its definition."""

    OFF = "off"
    WARN = "warn"
    BLOCK = "block"


class Undefined(StrEnum):
    """What happens to an event, or a property, without a definition."""

    ALLOW = "allow"
    WARN = "warn"
    BLOCK = "block"


def _unquoted_off(value: object) -> object:
    return "off" if value is False else value  # YAML 1.1 reads a bare `off` as false


def _as_text(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(f'a version with a point needs quotes: "{value}"')
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _schema(value: object) -> object:
    from clickstream.sites.property_schemas import problems

    if value is None:  # `plan:` alone: any value is valid
        return {}
    if not isinstance(value, dict):
        raise ValueError("a property's schema is a mapping, such as {type: string}")
    refuse(problems(value))
    return value


_TYPE = {"enum": ["string", "number", "integer", "boolean", "object", "array", "null"]}
_PROPERTY = {
    "title": "Property",
    "description": "JSON Schema (2020-12) of the property's value; `required` is true where each event must state it.",
    "type": ["object", "null"],
    "properties": {
        "required": {"type": ["boolean", "array"], "description": "true: each event must state it."},
        "type": {
            "description": "string, number, integer, boolean, object, array, null, or a list of these.",
            "anyOf": [_TYPE, {"type": "array", "items": _TYPE}],
        },
        "description": {"type": "string", "description": "What it means."},
        "enum": {"type": "array", "description": "The values it may have."},
        "format": {"type": "string", "description": "Such as date, date-time, email, uri or uuid."},
        "pattern": {"type": "string", "description": "A regular expression that must match, without look-around."},
        "minimum": {"type": "number"},
        "maximum": {"type": "number"},
        "minLength": {"type": "integer", "minimum": 0},
        "maxLength": {"type": "integer", "minimum": 0},
        "items": {"description": "The schema of each item of an array."},
        "properties": {"type": "object", "description": "The schemas of an object's own properties."},
    },
}

ModeField = Annotated[Mode, BeforeValidator(_unquoted_off)]
_VERSION = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
Version = Annotated[
    Annotated[str, StringConstraints(pattern=_VERSION)],
    BeforeValidator(_as_text),
    WithJsonSchema({"type": ["string", "integer"], "pattern": _VERSION}),
]
PropertySchema = Annotated[dict[str, Any], BeforeValidator(_schema), WithJsonSchema(_PROPERTY)]
PropertyName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class EventDefinition(BaseModel):
    """What one version of one event looks like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="The event's name, or a type such as page_view for every event of that type."
    )
    version: Version = Field(default="1", description="Distinguishes several versions of one event; the newest counts.")
    description: str = Field(default="", description="What the event means and when it is sent.")
    owner: str | None = Field(default=None, description="Whom to ask.")
    mode: ModeField | None = Field(default=None, description="As the mode above, for this event alone.")
    properties: Annotated[dict[PropertyName, PropertySchema], Few] = Field(
        default_factory=dict, description="By name: what the value must be, as JSON Schema, and whether it is required."
    )

    @property
    def order(self) -> tuple[tuple[int, int, str], ...]:
        """A sort key for versions: 2 before 10, 1-0-2 before 1-0-10."""
        parts = re.split(r"[._-]", self.version)
        return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def _one_of_a_kind(definitions: tuple[EventDefinition, ...]) -> tuple[EventDefinition, ...]:
    seen: set[tuple[str, str]] = set()
    duplicates: list[tuple[tuple[str | int, ...], str]] = []
    for index, definition in enumerate(definitions):
        kind = (definition.name, definition.version)
        if kind in seen:
            duplicates.append(((index,), f"{definition.name} version {definition.version} is defined above already"))
        seen.add(kind)
    refuse(duplicates)
    return definitions


def _few_patterns(definitions: tuple[EventDefinition, ...]) -> tuple[EventDefinition, ...]:
    from clickstream.sites.property_schemas import patterns

    texts = {text for definition in definitions for text in patterns(list(definition.properties.values()))}
    if len(texts) > MAX_PATTERNS:
        raise ValueError(f"the definitions have at most {MAX_PATTERNS} different patterns, not {len(texts)}")
    return definitions


class EventDefinitions(BaseModel):
    """The events that a site expects, and what happens to others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: ModeField = Field(
        default=Mode.WARN,
        description="An event that breaks its definition: warn keeps it with its violations, block makes it a failed "
        "event. off checks nothing at all, whatever the other fields say.",
    )
    unknown_events: Undefined = Field(
        default=Undefined.ALLOW,
        description="An event without a definition: allow, warn or block. Types are never unknown.",
    )
    unknown_properties: Undefined = Field(
        default=Undefined.ALLOW,
        description="A property that the event's definition does not name: allow, warn or block.",
    )
    definitions: Annotated[
        tuple[EventDefinition, ...], Few, AfterValidator(_one_of_a_kind), AfterValidator(_few_patterns)
    ] = Field(default=(), description="The events, each with its properties.")
