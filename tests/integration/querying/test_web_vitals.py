"""The report of web vitals agrees with an oracle in plain Python, by the definition in docs/tracking.md."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import parse_report
from clickstream.querying.scope import SiteScope
from local.azurite import Azurite
from tests.integration.querying.lake import NOW, event, make_lake

pytestmark = pytest.mark.integration
NAMES = ("lcp_ms", "inp_ms", "cls", "fcp_ms", "ttfb_ms")
DAY = datetime(2026, 10, 20, 12, tzinfo=UTC)
ODD = (-1, 600_001, "nan", "slow", None, True, {"a": 1}, "12.5", 1e308)
GROUPS = {
    "page_and_device": ("page", "device"), "page": ("page",), "device": ("device",), "date": ("date",), "total": (),
}  # fmt: skip
ZONE = ZoneInfo("Europe/Berlin")
LATE = datetime(2026, 10, 20, 22, 30, tzinfo=UTC)  # the next day there
Row = Mapping[str, Any]


def rows() -> list[dict[str, Any]]:
    """Loads with measurements, some of which are none, and rows that do not count."""
    chance = random.Random(75)

    def measured() -> dict[str, Any]:
        values: dict[str, Any] = {"interactive": False}
        for name in NAMES:
            if chance.random() < 0.8:
                usual = round(chance.random(), 4) if name == "cls" else chance.randrange(4000)
                values[name] = chance.choice(ODD) if chance.random() < 0.1 else usual
        return values

    def row(number: int, **fields: Any) -> dict[str, Any]:
        values = {
            "event_type": "custom",
            "event_name": "web_vitals",
            "interactive": False,
            "properties": json.dumps(measured()),
            "page_path": chance.choice(("/", "/bags", None)),
            "device_class": chance.choice(("desktop", "mobile", None)),
            **fields,
        }
        return event(f"e{number}", values.pop("site", "shop"), values.pop("at", DAY), **values)

    counted = [row(number, at=chance.choice((DAY, DAY, LATE))) for number in range(150)]
    others = [
        row(200, is_bot=True),
        row(201, site="blog"),
        row(202, at=DAY - timedelta(days=9)),
        row(203, event_name="purchase"),
        row(204, properties="{}"),
    ]
    return counted + others


def number(value: Any, most: float) -> float | None:
    """A measurement; texts that are a number count as one, as in all properties."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if 0 <= found <= most else None


def oracle(events: Sequence[Row], by: Sequence[str]) -> list[list[Any]]:
    loads: defaultdict[tuple[str, ...], list[list[float | None]]] = defaultdict(list)
    for row in events:
        counts = row["site"] == "shop" and row["event_name"] == "web_vitals" and row["occurred_at"] in (DAY, LATE)
        values = [number(json.loads(row["properties"]).get(name), 1000 if name == "cls" else 600_000) for name in NAMES]
        if not counts or row.get("is_bot") or all(value is None for value in values):
            continue
        key = {
            "page": row["page_path"] or "(none)",
            "device": row["device_class"] or "(not set)",
            "date": row["occurred_at"].astimezone(ZONE).date().isoformat(),
        }
        loads[tuple(key[name] for name in by)].append(values)
    found = [
        [
            *key,
            len(group),
            *(percentile([value for value in values if value is not None]) for values in zip(*group, strict=True)),
        ]
        for key, group in loads.items()
    ]
    return sorted(found, key=lambda row: (0 if "date" in by else -row[len(by)], row[: len(by)]))


def percentile(values: list[float]) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=4, method="inclusive")[2]


def test_the_report_agrees_with_the_oracle(azurite: Azurite) -> None:
    lake, made = make_lake(azurite), rows()
    lake.append(*made)
    reports = Reports(QueryEngine(lake.account, lake.settings, lambda: NOW), lambda: NOW)
    site = SiteScope("shop", ZONE.key, {}, {})

    def ask(**parameters: str) -> dict[str, Any]:
        asked = {"site_id": "shop", "date_range": "2026-10-20,2026-10-21", **parameters}
        answer: dict[str, Any] = json.loads(reports.answer(parse_report("web_vitals", asked), site, Format.JSON).body)
        return answer

    for by, names in GROUPS.items():
        answer = ask(by=by)
        assert [column["name"] for column in answer["columns"]] == [*names, "loads", *NAMES]
        expected = oracle(made, names)
        assert len(expected) == (2 if by == "date" else 3 ** len(names))
        for found, wanted in zip(answer["rows"], expected, strict=True):
            assert found[: len(names) + 1] == wanted[: len(names) + 1]
            assert found[len(names) + 1 :] == pytest.approx(wanted[len(names) + 1 :], rel=1e-9)
        assert answer["meta"]["bots_left_out"] == 1
    assert ask()["rows"] == ask(by="page_and_device")["rows"]
    assert ask(limit="2", offset="1")["rows"] == ask()["rows"][1:3]
