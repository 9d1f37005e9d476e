"""Problems of a property's schema are reported when the document is read, not when the first event comes."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream.errors import InvalidSite
from clickstream.sites.document import Site, parse_site
from clickstream.sites.property_schemas import problems


@pytest.mark.parametrize(
    ("schema", "place", "message"),
    [
        ({"type": "nummer"}, ("type",), "is 'number' meant?"),
        ({"type": ["string", "nil"]}, ("type",), "'nil' is no type"),
        ({"requird": True}, ("requird",), "is 'required' meant?"),
        ({"$ref": "https://schemas.example/x"}, ("$ref",), "is no keyword"),
        ({"$ref": "#"}, ("$ref",), "is no keyword"),
        ({"minimum": "a"}, ("minimum",), "is not of type"),
        ({"enum": 3}, ("enum",), "is not of type"),
        ({"multipleOf": 0}, ("multipleOf",), "minimum of 0"),
        ({"pattern": "("}, ("pattern",), "no regular expression"),
        ({"pattern": "(?=a)b"}, ("pattern",), "no look-around"),
        ({"pattern": "(a{1000}){1000}"}, ("pattern",), "no regular expression"),
        ({"format": "emial"}, ("format",), "Unknown format"),
        ({"type": "string", "enum": ["EUR", False]}, ("enum", 1), "put it in quotes"),
        ({"items": {"type": "objekt"}}, ("items", "type"), "is 'object' meant?"),
        ({"items": [{}]}, ("items",), "is a mapping"),
        ({"anyOf": [{}, {"typ": "string"}]}, ("anyOf", 1, "typ"), "is 'type' meant?"),
        ({"properties": {"a": {"required": True}}}, ("properties", "a", "required"), "is not of type"),
    ],
)
def test_a_broken_schema_has_its_place_and_its_reason(
    schema: dict[str, Any], place: tuple[Any, ...], message: str
) -> None:
    [(found, text)] = problems(schema)
    assert found == place
    assert message in text


def test_all_problems_of_a_schema_are_told() -> None:
    assert [place for place, _ in problems({"minimum": "a", "maximum": "b", "enum": 3})] == [
        ("minimum",),
        ("maximum",),
        ("enum",),
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string", "required": True, "format": "email"},
        {"type": ["string", "null"], "maxLength": 3, "description": "d", "examples": ["a"], "$comment": "c"},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
        {"type": "array", "items": {"anyOf": [{"const": 1}, True]}, "prefixItems": [{}], "uniqueItems": True},
    ],
)
def test_a_sound_schema_has_no_problem(schema: dict[str, Any]) -> None:
    assert problems(schema) == []


def test_what_json_does_not_know_is_a_problem() -> None:
    head = b"site: shop\nkeys: [{kind: public, key: shop}]\n"
    text = head + b"events: {definitions: [{name: a, properties: {d: {const: 2026-01-01}}}]}"
    with pytest.raises(InvalidSite, match="/events/definitions/0/properties/d: is not JSON"):
        parse_site(text, expected="shop")


def test_a_property_without_a_schema_takes_any_value() -> None:
    document = {
        "definitions": [{"name": "a", "properties": {"note": None}}],
        "unknown_properties": "block",
        "mode": "block",
    }
    site = Site.model_validate({"site": "s", "keys": [{"kind": "public", "key": "abcd"}], "events": document})
    assert not site.definitions.check("custom", "a", {"note": [1, {"b": None}]}).violations
