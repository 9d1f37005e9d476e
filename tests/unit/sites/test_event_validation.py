"""The violations of an event by its definition, and whether they block it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clickstream.sites.event_definitions import EventDefinitions
from clickstream.sites.event_validation import FINE, MAX_VIOLATIONS, Definitions, Validation, Violation

PURCHASE = {
    "name": "purchase",
    "properties": {
        "value": {"type": "number", "minimum": 0, "required": True},
        "currency": {"enum": ["EUR", "USD"]},
        "mail": {"type": "string", "format": "email"},
        "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
}


def definitions(*events: dict[str, Any], **policy: str) -> Definitions:
    return Definitions(EventDefinitions.model_validate({**policy, "definitions": events}))


def codes(validation: Validation) -> list[tuple[str, str]]:
    return [(violation.pointer, violation.code) for violation in validation.violations]


def test_an_event_that_keeps_to_its_definition_is_fine() -> None:
    assert definitions(PURCHASE, mode="block").check("custom", "purchase", {"value": 1.5, "currency": "EUR"}) is FINE


@pytest.mark.parametrize(("mode", "block"), [("warn", False), ("block", True)])
def test_every_violation_is_told_and_the_mode_decides(mode: str, block: bool) -> None:
    validation = definitions(PURCHASE, mode=mode).check(
        "custom", "purchase", {"currency": "GBP", "mail": "nobody", "items": [{}, {"sku": 5}]}
    )
    assert validation.block is block
    assert sorted(codes(validation)) == [
        ("/properties/currency", "enum"),
        ("/properties/items/1/sku", "type"),
        ("/properties/mail", "format"),
        ("/properties/value", "required"),
    ]
    required = next(violation for violation in validation.violations if violation.code == "required")
    assert required.to_dict() == {
        "pointer": "/properties/value",
        "message": "purchase version 1: is required",
        "code": "required",
    }


def test_no_message_repeats_a_value_or_a_name_from_the_event() -> None:
    strict = {
        "name": "a",
        "properties": {
            "s": {"type": "string", "maxLength": 3, "pattern": "^x$", "format": "email", "enum": ["x"], "const": "x"},
            "n": {"type": "number", "maximum": 1, "multipleOf": 2},
            "o": {"type": "object", "additionalProperties": False, "propertyNames": {"maxLength": 2}},
            "l": {"type": "array", "uniqueItems": True, "contains": {"const": 1}, "maxItems": 1},
            "e": {"oneOf": [{"type": "string"}, {"type": "null"}], "not": {"type": "integer"}},
        },
    }
    stated = {"s": "canary", "n": 424243, "o": {"canary": "canary"}, "l": ["canary", "canary"], "e": 424243}
    validation = definitions(strict, mode="warn").check("custom", "a", stated)
    assert len(validation.violations) > 10
    assert not [one.message for one in validation.violations if "canary" in one.message or "424243" in one.message]


def test_off_checks_nothing_at_all() -> None:
    off = definitions({**PURCHASE, "mode": "block"}, mode="off", unknown_events="block", unknown_properties="block")
    assert off.check("custom", "purchase", {"value": "x"}) is FINE
    assert off.check("custom", "other", {}) is FINE


def test_a_definition_has_a_mode_of_its_own() -> None:
    trial = definitions({**PURCHASE, "mode": "warn"}, mode="block", unknown_properties="block")
    validation = trial.check("custom", "purchase", {"value": -1, "extra": 1})
    assert (codes(validation), validation.block) == (
        [("/properties/value", "minimum"), ("/properties/extra", "unknown_property")],
        False,
    )
    assert definitions({**PURCHASE, "mode": "block"}, mode="warn").check("custom", "purchase", {}).block
    assert definitions({**PURCHASE, "mode": "off"}, mode="block").check("custom", "purchase", {}) is FINE


@pytest.mark.parametrize(("policy", "found", "block"), [("allow", 0, False), ("warn", 1, False), ("block", 1, True)])
def test_an_event_that_nothing_defines(policy: str, found: int, block: bool) -> None:
    validation = definitions(PURCHASE, unknown_events=policy).check("custom", "other", {})
    assert (len(validation.violations), validation.block) == (found, block)
    assert codes(validation) == [("/event_name", "unknown_event")] * found


@pytest.mark.parametrize("event_type", ["page_view", "page_ping", "identify", "group", "alias", "screen"])
def test_a_type_is_never_unknown_and_is_defined_by_its_own_name(event_type: str) -> None:
    assert definitions(unknown_events="block").check(event_type, "Home", {}) is FINE
    defined = definitions({"name": event_type, "properties": {"section": {"type": "string"}}}, mode="block")
    assert codes(defined.check(event_type, "Home", {"section": 1})) == [("/properties/section", "type")]


@pytest.mark.parametrize(("policy", "found", "block"), [("allow", 0, False), ("warn", 1, False), ("block", 1, True)])
def test_a_property_that_nothing_defines(policy: str, found: int, block: bool) -> None:
    judged = definitions(PURCHASE, mode="block", unknown_properties=policy)
    validation = judged.check("custom", "purchase", {"value": 1, "a/b~c": 1, "$lib": "x", "schema_version": "1"})
    assert (codes(validation), validation.block) == ([("/properties/a~1b~0c", "unknown_property")] * found, block)


def test_an_event_states_the_version_it_keeps_to_and_else_the_newest_counts() -> None:
    versions = definitions(
        *(
            {"name": "a", "version": version, "properties": {version: {"required": True}}}
            for version in ("10", "9", "2-1")
        ),
        mode="block",
    )
    missing = [
        codes(versions.check("custom", "a", stated))
        for stated in ({}, {"schema_version": 9}, {"$schema_version": "2-1"})
    ]
    assert missing == [[(f"/properties/{version}", "required")] for version in ("10", "9", "2-1")]
    assert codes(versions.check("custom", "a", {}, version="9")) == [("/properties/9", "required")]
    assert versions.definition_of("custom", "a", {"schema_version": "9"}) == ("a", "9")


def test_a_version_that_nothing_defines_is_told() -> None:
    validation = definitions(PURCHASE, mode="block").check("custom", "purchase", {"value": 1, "schema_version": "7"})
    assert (codes(validation), validation.block) == ([("/properties", "unknown_version")], True)
    assert definitions(PURCHASE).definition_of("custom", "purchase", {"schema_version": "7"}) is None


def test_an_event_has_at_most_so_many_violations() -> None:
    many = definitions({"name": "a", "properties": {f"p{n}": {"required": True} for n in range(100)}})
    assert len(many.check("custom", "a", {}).violations) == MAX_VIOLATIONS


NESTED: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just("\ud800") | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.none() | st.integers(), inner, max_size=4)
    ),
    max_leaves=8,
)


@example("custom", "purchase", None)
@example("custom", ["purchase"], {})
@example("custom", "purchase", {"value": 10**400, "schema_version": {}})
@given(
    st.sampled_from(["custom", "page_view"]) | NESTED,
    st.just("purchase") | NESTED,
    st.dictionaries(st.sampled_from([*PURCHASE["properties"], "schema_version", "x"]), NESTED) | NESTED,
)
def test_judging_never_raises(event_type: Any, event_name: Any, properties: Any) -> None:
    judged = definitions(PURCHASE, mode="block", unknown_events="warn", unknown_properties="warn")
    for violation in judged.check(event_type, event_name, properties).violations:
        assert isinstance(violation, Violation)
        assert set(violation.to_dict()) == {"pointer", "message", "code"}


def test_properties_without_bottom_are_judged_too() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"items": deep}
    assert definitions(PURCHASE, mode="block").check("custom", "purchase", deep).block
