"""Findings of comparing the table's events with a site's definitions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from clickstream.sites.document import Site
from clickstream.sites.lint_text import as_text
from clickstream.sites.linting import DRIFT, FAILED, MAX_KEPT, NEVER, UNDEFINED_EVENT, DefinitionTotal, Finding, Linter

START = datetime(2026, 11, 15, 8, tzinfo=UTC)
SITE = Site.model_validate(
    {
        "site": "shop",
        "keys": [{"kind": "public", "key": "shop"}],
        "events": {
            "mode": "off",
            "definitions": [
                {
                    "name": "purchase",
                    "version": version,
                    "properties": {
                        "value": {"type": "number", "required": True},
                        "items": {"type": "array", "items": {"type": "string"}},
                    },
                }
                for version in ("1", "2")
            ]
            + [{"name": "signup"}, {"name": "page_view"}],
        },
    }
)


def row(name: str, hour: int = 0, event_type: str = "custom", **properties: Any) -> dict[str, Any]:
    moment = START + timedelta(hours=hour)
    return {
        "event_type": event_type,
        "event_name": name,
        "properties": json.dumps(properties),
        "definition_version": None,
        "occurred_at": moment,
    }


def test_what_never_arrives_what_nothing_defines_and_what_drifts() -> None:
    linter = Linter(SITE.site, SITE.events)
    linter.take_events(
        [row("purchase", 0, value=1), row("purchase", 5, items=["a", 1, 2]), row("add", 3), row("add", 1)]
    )
    linter.take_events(
        [row("purchase", 2, value="1", colour="red", schema_version="1"), row("Home", event_type="page_view")]
    )
    linter.take_events([row("search", event_type="screen")])
    report = linter.report()
    assert report.events == 7
    assert report.definitions == (
        DefinitionTotal("purchase", "1", 1, 1),
        DefinitionTotal("purchase", "2", 2, 1),
        DefinitionTotal("signup", "1", 0, 0),
        DefinitionTotal("page_view", "1", 1, 0),
    )
    at = {hour: START + timedelta(hours=hour) for hour in (1, 2, 3, 5)}
    assert report.findings[:2] == (
        Finding(NEVER, "signup"),
        Finding(UNDEFINED_EVENT, "add", events=2, first_seen=at[1], last_seen=at[3]),
    )
    drift = [(one.event, one.version, one.pointer, one.code, one.events, one.share) for one in report.findings[2:]]
    assert {one.kind for one in report.findings[2:]} == {DRIFT}
    assert drift == [
        ("purchase", "1", "/properties/colour", "unknown_property", 1, 1.0),
        ("purchase", "1", "/properties/value", "type", 1, 1.0),
        ("purchase", "2", "/properties/items/*", "type", 1, 0.5),
        ("purchase", "2", "/properties/value", "required", 1, 0.5),
    ]


def test_failed_events_are_counted_by_their_reason() -> None:
    linter = Linter(SITE.site, SITE.events)
    failed = {"failure_class": "schema_violation", "pointer": "/name", "message": "is required", "received_at": START}
    linter.take_failed_events([failed, failed, {**failed, "failure_class": "payload_format", "pointer": None}])
    found = [(one.code, one.pointer, one.message, one.events) for one in linter.report().findings if one.kind == FAILED]
    assert found == [("schema_violation", "/name", "is required", 2), ("payload_format", "", "is required", 1)]


def test_names_without_end_take_no_memory_without_end() -> None:
    linter = Linter(SITE.site, SITE.events)
    linter.take_events(row(f"event {number}") for number in range(3 * MAX_KEPT))
    found = [one for one in linter.report().findings if one.kind == UNDEFINED_EVENT]
    assert len(found) == MAX_KEPT + 1
    assert (found[0].event, found[0].events) == ("(others)", 2 * MAX_KEPT)


def test_the_report_is_a_table_that_moves_no_cursor() -> None:
    linter = Linter(SITE.site, SITE.events)
    linter.take_events([row("purchase", value="1"), row("\x1b[2J\nevil")])
    text = as_text(linter.report(), "2026-11-15 to 2026-11-15 (UTC)")
    assert text.splitlines() == [
        "shop, 2026-11-15 to 2026-11-15 (UTC): 2 events, 4 findings",
        "",
        "definition           events  with violations",
        "purchase version 1        0                0",
        "purchase version 2        1                1",
        "signup version 1          0                0",
        "page_view version 1       0                0",
        "",
        "defined, never arrived",
        "  signup",
        "  page_view",
        "",
        "arrived, not defined",
        "  \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}evil  1  2026-11-15 to 2026-11-15",
        "",
        "broke their definition",
        "  /properties/value  type  1  100.0%  2026-11-15 to 2026-11-15  "
        'purchase version 2: the value is not of type "number"',
    ]


def test_a_row_that_stands_for_several_events_counts_as_these_would() -> None:
    events = [row("purchase", hour, value="1") for hour in (3, 1, 2)] + [row("add", hour) for hour in (5, 4)]
    alike = [
        {**row("purchase", 1, value="1"), "events": 3, "last_occurred_at": START + timedelta(hours=3)},
        {**row("add", 4), "events": 2, "last_occurred_at": START + timedelta(hours=5)},
    ]
    one_by_one, together = Linter(SITE.site, SITE.events), Linter(SITE.site, SITE.events)
    one_by_one.take_events(events)
    together.take_events(alike)
    assert together.report() == one_by_one.report()
