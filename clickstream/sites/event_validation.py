"""Validates events against their definitions: the violations, and whether the event is blocked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clickstream.problems import pointer
from clickstream.sites.event_definitions import EventDefinition, EventDefinitions, Mode, Undefined

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

MAX_VIOLATIONS = 20
MAX_TEXT = 300
# Properties in which an event names the version of its definition. Names with $ are a tracker's own.
VERSION_PROPERTIES = ("schema_version", "$schema_version")
# Properties that no definition needs to list. The collector fills the last two with the event's monetary value.
EVERYWHERE = frozenset({*VERSION_PROPERTIES, "revenue", "cart_total"})
# Messages about these keywords would list names from the event, which may be personal data.
_UNDEFINED_BELOW = frozenset(("additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"))


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which an event breaks its definition.

    `pointer` leads into the canonical event. `code` is the keyword of JSON Schema that failed, or `unknown_event`,
    `unknown_property`, `unknown_version`, `not_json`. No message holds a value of the event.
    """

    pointer: str
    message: str
    code: str

    def to_dict(self) -> dict[str, str]:
        """The form in which it is stored with the event."""
        return {"pointer": self.pointer, "message": self.message, "code": self.code}


@dataclass(frozen=True, slots=True)
class Validation:
    """All violations of one event, at most 20, and whether the event must become a failed event."""

    violations: tuple[Violation, ...] = ()
    block: bool = False


FINE = Validation()


@dataclass(frozen=True, slots=True)
class _Definition:
    """One compiled definition. `validator` is None if it has no properties."""

    name: str
    version: str
    mode: Mode
    property_names: frozenset[str]
    validator: Draft202012Validator | None

    @property
    def label(self) -> str:
        return f"{self.name} version {self.version}"


class Definitions:
    """A site's definitions, compiled. Safe to share between threads."""

    def __init__(self, document: EventDefinitions) -> None:
        self._mode = document.mode
        self._unknown_events = document.unknown_events
        self._unknown_properties = document.unknown_properties
        self._versions: dict[str, dict[str, _Definition]] = {}
        self._newest: dict[str, _Definition] = {}
        for definition in sorted(document.definitions, key=lambda definition: definition.order):
            ready = _ready(definition, document.mode)
            self._versions.setdefault(definition.name, {})[definition.version] = ready
            self._newest[definition.name] = ready

    def check(
        self, event_type: str, event_name: str, properties: Mapping[str, Any], version: str | None = None
    ) -> Validation:
        """Validate one event. Never raises, whatever the input.

        The definition of an event of type `custom` is found by its name, any other by its type. `version` is the one
        that the event names; without it the property `schema_version` or `$schema_version` counts, else the newest.
        """
        if self._mode is Mode.OFF:
            return FINE
        try:
            return self._validate(event_type, event_name, properties, version)
        except Exception:
            # A value that is not JSON, or is nested too deep to validate, fulfils no definition.
            invalid = Violation("/properties", "the properties cannot be judged: they are not JSON", "not_json")
            return Validation((invalid,), self._mode is Mode.BLOCK)

    def definition_of(
        self, event_type: str, event_name: str, properties: Mapping[str, Any], version: str | None = None
    ) -> tuple[str, str] | None:
        """Name and version of the definition by which such an event is validated; None if there is none."""
        newest = self._newest.get(event_name if event_type == "custom" else event_type)
        definition = newest and self._definition_for(newest, properties, version)
        return (definition.name, definition.version) if definition else None

    def _validate(
        self, event_type: str, event_name: str, properties: Mapping[str, Any], version: str | None
    ) -> Validation:
        name = event_name if event_type == "custom" else event_type
        newest = self._newest.get(name)
        if newest is None:
            if event_type != "custom" or self._unknown_events is Undefined.ALLOW:
                return FINE
            unknown = Violation("/event_name", "no definition names this event", "unknown_event")
            return Validation((unknown,), self._unknown_events is Undefined.BLOCK)
        definition = self._definition_for(newest, properties, version)
        if definition is None:
            if newest.mode is Mode.OFF:
                return FINE
            missing = Violation("/properties", f"{name} has no definition of the version it states", "unknown_version")
            return Validation((missing,), newest.mode is Mode.BLOCK)
        if definition.mode is Mode.OFF:
            return FINE
        return self._compare(definition, properties if type(properties) is dict else dict(properties))

    def _definition_for(
        self, newest: _Definition, properties: Mapping[str, Any], version: str | None
    ) -> _Definition | None:
        stated_version = version if version is not None else _stated_version(properties)
        return newest if stated_version is None else self._versions[newest.name].get(stated_version)

    def _compare(self, definition: _Definition, properties: dict[str, Any]) -> Validation:
        broken: list[Violation] = []
        undefined: list[Violation] = []
        if definition.validator is not None and not definition.validator.is_valid(properties):
            broken = list(_violations(definition, properties))
        if self._unknown_properties is not Undefined.ALLOW and not definition.property_names.issuperset(properties):
            undefined = list(_undefined(definition, properties))
        if not broken and not undefined:
            return FINE
        # A definition that only warns never blocks, so that it can be tried out.
        refused = bool(broken) or (bool(undefined) and self._unknown_properties is Undefined.BLOCK)
        return Validation(tuple((broken + undefined)[:MAX_VIOLATIONS]), refused and definition.mode is Mode.BLOCK)


def _ready(definition: EventDefinition, mode: Mode) -> _Definition:
    validator = None
    if definition.properties:
        from clickstream.sites.property_schemas import compiled

        validator = compiled(definition.properties)
    property_names = frozenset(definition.properties)
    return _Definition(definition.name, definition.version, definition.mode or mode, property_names, validator)


def _stated_version(properties: Mapping[str, Any]) -> str | None:
    for name in VERSION_PROPERTIES:
        if (value := properties.get(name)) is not None:
            return str(value)
    return None


def _violations(definition: _Definition, properties: dict[str, Any]) -> Iterator[Violation]:
    assert definition.validator is not None
    for count, error in enumerate(definition.validator.iter_errors(properties), 1):
        code = error.kind.name
        place = ["properties", *error.instance_path]
        text = _text(code, error)
        if code == "required":
            place.append(error.kind.as_dict()["property"])
            text = "is required"
        yield Violation(pointer(place)[:MAX_TEXT], f"{definition.label}: {text}"[:MAX_TEXT], code)
        if count == MAX_VIOLATIONS:
            return


def _text(code: str, error: ValidationError) -> str:
    return "the value holds what the definition does not name" if code in _UNDEFINED_BELOW else error.message


def _undefined(definition: _Definition, properties: dict[str, Any]) -> Iterator[Violation]:
    for name in properties:
        if name in definition.property_names or name in EVERYWHERE or name.startswith("$"):
            continue
        place = pointer(("properties", name))[:MAX_TEXT]
        yield Violation(place, f"{definition.label}: the property is not defined", "unknown_property")
