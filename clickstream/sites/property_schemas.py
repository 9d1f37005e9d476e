"""Validates and compiles the schemas of properties: JSON Schema (2020-12) in a YAML document.

References are not supported, so a schema is finite and nothing is fetched. Patterns are matched in linear time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clickstream.problems import Place
from clickstream.sites.limits import MAX_PATTERN_BYTES

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
_META = "https://json-schema.org/draft/2020-12/schema"
NO_PATTERN = (
    "is no regular expression that is matched in linear time (no look-around, no back-reference), or needs more than "
    f"{MAX_PATTERN_BYTES} bytes once compiled"
)
# Keywords by the kind of their value: a schema, a list of schemas, schemas by name, or a plain value.
# fmt: off
_ONE = frozenset({
    "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedItems",
    "unevaluatedProperties",
})
_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_BY_NAME = frozenset({"dependentSchemas", "patternProperties", "properties"})
_PLAIN = frozenset({
    "$comment", "const", "contentEncoding", "contentMediaType", "default", "dependentRequired", "deprecated",
    "description", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maxItems",
    "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "pattern", "readOnly", "required", "title", "type", "uniqueItems", "writeOnly",
})
# fmt: on
KEYWORDS = _ONE | _LIST | _BY_NAME | _PLAIN


def problems(schema: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """The problems of one property's schema, in which `required` may be true or false."""
    plain = _plain(schema)
    return list(_misused(plain, ())) or list(_broken(plain))


def compiled(properties: Mapping[str, Mapping[str, Any]]) -> Draft202012Validator:
    """The validator of an object with these properties, whose schemas have no problems. Its messages hold no value."""
    required = [name for name, schema in properties.items() if schema.get("required") is True]
    schemas = {name: _plain(schema) for name, schema in properties.items()}
    return _validator({"type": "object", "properties": schemas, "required": required})


def patterns(schema: object) -> Iterator[str]:
    """Every regular expression of a schema, or of a list of them."""
    if isinstance(schema, list):
        for item in schema:
            yield from patterns(item)
    elif isinstance(schema, dict):
        for keyword, value in schema.items():
            if keyword == "pattern" and isinstance(value, str):
                yield value
            elif keyword == "patternProperties" and isinstance(value, dict):
                yield from map(str, value)
            yield from patterns(value)


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if not (name == "required" and isinstance(value, bool))}


def _misused(schema: object, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield place, "a schema is a mapping"
        return
    for keyword, value in schema.items():
        here = (*place, str(keyword))
        if keyword not in KEYWORDS:
            yield here, f"is no keyword of a schema here{_meant(str(keyword), sorted(KEYWORDS))}"
        elif keyword == "type":
            yield from ((here, text) for text in _unknown_types(value))
        elif keyword in _ONE:
            yield from _misused(value, here)
        elif keyword in _LIST and isinstance(value, list):
            for index, item in enumerate(value):
                yield from _misused(item, (*here, index))
        elif keyword in _BY_NAME and isinstance(value, dict):
            for name, item in value.items():
                yield from _misused(item, (*here, str(name)))
    values = schema.get("enum")
    if schema.get("type") == "string" and isinstance(values, list):
        for index, value in enumerate(values):
            if not isinstance(value, str):
                # YAML parses yes, no, on, off and numbers as booleans and numbers.
                yield (*place, "enum", index), f"{value!r} is no string; put it in quotes"


def _unknown_types(value: object) -> Iterator[str]:
    for name in value if isinstance(value, list) else [value]:
        if name not in TYPES:
            yield f"{name!r} is no type{_meant(str(name), TYPES)}; types are {', '.join(TYPES)}"


def _meant(word: str, words: tuple[str, ...] | list[str]) -> str:
    close = get_close_matches(word, words, 1)
    return f" (is {close[0]!r} meant?)" if close else ""


def _broken(schema: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    from jsonschema_rs import ValidationError

    try:
        problems_of_schema = [_problem(error) for error in _meta_schema().iter_errors(schema)]
        yield from problems_of_schema
        if not problems_of_schema:
            _validator(schema)
    except ValidationError as error:
        yield _problem(error)
    except ValueError as error:  # a value that YAML has and JSON does not, such as a date
        yield (), f"is not JSON: {error}"


def _problem(error: ValidationError) -> tuple[Place, str]:
    place = tuple(error.instance_path)
    is_pattern = error.kind.name == "format" and place[-1:] == ("pattern",)
    return place, NO_PATTERN if is_pattern else error.message


@lru_cache(maxsize=1)
def _meta_schema() -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator({"$ref": _META}, validate_formats=True, offline=True)


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator, RegexOptions

    return Draft202012Validator(
        schema,
        validate_formats=True,
        ignore_unknown_formats=False,
        offline=True,
        pattern_options=RegexOptions(size_limit=MAX_PATTERN_BYTES),
        mask="the value",
    )
