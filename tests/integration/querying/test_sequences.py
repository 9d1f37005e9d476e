"""Statements about sequences over a real table: the engine runs them, and shown to the sandbox they say the same."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.querying.engine import QueryEngine
from clickstream.querying.period import Period
from clickstream.querying.request import parse_sql
from clickstream.querying.scope import Exclusion, Goal, Matching, Sequence, SiteScope, Step
from clickstream.querying.sequences.attribution import Model, attributed_period, attribution_statement
from clickstream.querying.sequences.funnels import funnel_statement, funnel_visits_statement
from clickstream.querying.sequences.paths import MAX_LENGTH, Direction, paths_statement
from clickstream.querying.sequences.retention import Unit, retention_statement
from clickstream.querying.sequences.streams import Slice
from clickstream.querying.statement import Statement
from clickstream.sites.funnels import MAX_STEPS, Order, Within
from local.azurite import Azurite
from tests.integration.querying.lake import NOW, event, make_lake

pytestmark = pytest.mark.integration

SITE = SiteScope("shop", "Europe/Berlin")
DAY = timedelta(days=1)
PERIOD = Period(NOW - 3 * DAY, NOW)
SLICE = Slice(SITE, PERIOD)
VIEW, BUY = Step("view", Matching(page="/*")), Step("buy", Matching("buy"))
LOOSE = Sequence((VIEW, BUY), timedelta(days=2), Within.PERSON, exclusions=(Exclusion(Matching("help"), 1),))
STRICT = Sequence((VIEW, BUY), None, Within.VISIT, Order.STRICT)
LONGEST = Sequence((VIEW,) * MAX_STEPS, DAY, exclusions=LOOSE.exclusions * 10)
CHANNEL = DIMENSIONS["visit:channel"]
ORDER = Goal("order", BUY.matching, "total")

STATEMENTS: dict[str, Statement] = {
    "the longest": funnel_statement(LONGEST, SLICE),
    "who went no further": funnel_visits_statement(STRICT, SLICE, 1, dropped=True, group={CHANNEL: "Direct"}, limit=5),
    "paths forward": paths_statement(SLICE, VIEW.matching, length=MAX_LENGTH),
    "paths backward": paths_statement(SLICE, within=Within.PERSON, direction=Direction.BACKWARD, fold_repeats=True),
    "retention": retention_statement(SLICE, Unit.DAY, back=BUY.matching),
    "attribution": attribution_statement(SLICE, ORDER, [CHANNEL], model=Model.POSITION, window=2 * DAY, limit=5),
}


@pytest.fixture(scope="module")
def engine(azurite: Azurite) -> QueryEngine:
    lake = make_lake(azurite)
    rows: list[dict[str, Any]] = []
    for number in range(60):
        at = PERIOD.begin + number * timedelta(hours=1)
        visitor = {"anonymous_id": f"v{number % 7}", "user_id": f"u{number % 5}" if number % 4 == 0 else None}
        view = {**visitor, "channel": ["Email", "Direct", "Paid Search"][number % 3], "page_path": f"/{number % 4}"}
        buy = {**visitor, "event_type": "custom", "event_name": "buy", "properties": '{"total": 12.5}'}
        rows.append(event(f"{number}-a", "shop", at, **view))
        if number % 3 == 0:
            rows.append(event(f"{number}-b", "shop", at + timedelta(minutes=1), **buy))
        rows.append(event(f"{number}-c", "blog", at, **view))
    lake.append(*rows)
    return QueryEngine(lake.account, lake.settings, lambda: NOW)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_about_sequences_says_the_same_in_the_sandbox(engine: QueryEngine, name: str) -> None:
    statement = STATEMENTS[name]
    table = engine.run(statement, SITE, attributed_period(PERIOD, 2 * DAY))
    assert table.num_rows > 0
    asked = {"site_id": "shop", "sql": statement.sql, "parameters": dict(statement.parameters)}
    shown = asyncio.run(engine.sql(parse_sql(json.dumps(asked).encode()), SITE))
    assert [column["name"] for column in shown.columns] == table.column_names
    comparable = [name for name in table.column_names if name not in ("started_at", "cohort")]
    said = [dict(zip(table.column_names, row, strict=True)) for row in shown.rows]
    assert [{name: row[name] for name in comparable} for row in said] == table.select(comparable).to_pylist()
