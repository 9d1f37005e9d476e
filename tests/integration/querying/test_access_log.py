"""Every metric by every dimension over a real web server's log is what plain Python says about the same rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from clickstream.enriching.steps import Knowledge, enrich
from clickstream.filters.dimensions import DIMENSIONS
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying.engine import QueryEngine
from clickstream.querying.metrics import METRICS, Need
from local.azurite import Azurite
from local.demo.access_log import Line, page_view, read_lines, reason_left_out
from tests.integration.querying.agreeing import agree
from tests.integration.querying.asking import ask, values
from tests.integration.querying.lake import NOW, event, make_lake
from tests.integration.querying.plain_report import Rules, World, report_of

ROOT = Path(__file__).parents[3]
LOGS = sorted(ROOT.parent.glob("*/data/access-log*.log.gz"))[:1]
pytestmark = [pytest.mark.integration, pytest.mark.skipif(not LOGS, reason="no log lies beside the checkout")]

BERLIN = ZoneInfo("Europe/Berlin")
PERIOD = (datetime(2015, 5, 18, tzinfo=BERLIN), datetime(2015, 5, 20, tzinfo=BERLIN))
RANGE = ["2015-05-18", "2015-05-19"]
BOTS = [["is", "event:bot", ["true"]]]
OF_PEOPLE = [name for name in DIMENSIONS if name not in ("event:goal", "event:bot")]


def row(line: Line) -> dict[str, Any]:
    told = page_view(line, "semicomplete.com", b"key")
    page, referrer = urlsplit(told["page_url"]), told.get("referrer")
    return event(
        told["event_id"],
        "blog",
        line.occurred_at.astimezone(UTC),
        anonymous_id=told["anonymous_id"],
        user_agent=told["user_agent"],
        page_url=told["page_url"],
        page_host=page.hostname,
        page_path=page.path,
        referrer=referrer,
        referrer_host=referrer and urlsplit(referrer).hostname,
        tracker=told["tracker"],
    )


@pytest.fixture(scope="module")
def log() -> pa.Table:
    rows = [row(line) for line in read_lines(LOGS[0]) if isinstance(line, Line) and reason_left_out(line) is None]
    return enrich(pa.Table.from_pylist(rows, schema=arrow_schema(EVENT_COLUMNS)), Knowledge())


@pytest.fixture(scope="module")
def engine(azurite: Azurite, log: pa.Table) -> QueryEngine:
    lake = make_lake(azurite, QUERY_MAX_ROWS="10000")
    lake.append_table(log)
    return QueryEngine(lake.account, lake.settings, lambda: NOW)


@pytest.fixture(scope="module")
def worlds(log: pa.Table) -> dict[bool, World]:
    """By whether bots are looked at."""
    rows = log.to_pylist()
    return {bots: World(rows, BERLIN, *PERIOD, Rules(), with_bots=bots) for bots in (False, True)}


@pytest.mark.parametrize("dimension", [*OF_PEOPLE, "event:bot"])
def test_every_metric_agrees(engine: QueryEngine, worlds: dict[bool, World], dimension: str) -> None:
    metrics = [name for name, metric in METRICS.items() if not metric.needs & {Need.GOAL, Need.GOAL_OF_GROUP}]
    query = {"metrics": metrics, "dimensions": [dimension]}
    expected = report_of(worlds[dimension == "event:bot"], query)
    assert expected
    agree(values(ask(engine, {**query, "date_range": RANGE}, "blog", "Europe/Berlin")), expected)


def test_bots_are_counted_where_they_are_asked_for(engine: QueryEngine, worlds: dict[bool, World]) -> None:
    query = {"metrics": ["visitors", "visits", "events"], "dimensions": ["visit:browser"], "filters": BOTS}
    expected = report_of(worlds[True], query)
    assert len(expected) > 1
    assert values(ask(engine, {**query, "date_range": RANGE}, "blog", "Europe/Berlin")) == expected
