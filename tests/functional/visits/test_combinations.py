"""A metric has the same numbers whatever other metrics are asked for beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import orjson
import pyarrow as pa
import pytest

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying.metrics import METRICS, OF_EVENT, Need
from clickstream.querying.period import resolve
from clickstream.querying.request import parse_query
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import compile_groups
from clickstream.querying.stays import PARTS
from tests.functional.visits.random_streams import DAY, random_stream

SITE = SiteScope("shop", "UTC")
# One of each kind: statements differ by these alone.
KINDS = {(d.kind, d.of_visits, d.of_money, d.of_people): d.name for d in DIMENSIONS.values() if not d.of_people}
# Those for which a statement may read less than all events of the visits.
MEASURES = [
    name
    for name, metric in METRICS.items()
    if metric.needs <= {Need.VISITOR, Need.VISIT, Need.ALL} and metric.parts.keys() <= PARTS.keys() | OF_EVENT.keys()
]


@pytest.fixture(scope="module")
def events() -> Iterator[duckdb.DuckDBPyConnection]:
    rows = [row for seed in range(5) for row in random_stream(seed)]
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", pa.Table.from_pylist(rows, schema=arrow_schema(EVENT_COLUMNS)))
        yield connection


def asked(events: duckdb.DuckDBPyConnection, metrics: list[str], dimension: str) -> dict[Any, Any]:
    """The groups' numbers by metric, by group."""
    days = [DAY.date().isoformat(), (DAY + timedelta(days=14)).date().isoformat()]
    body = {"site_id": "shop", "metrics": metrics, "dimensions": [dimension], "date_range": days}
    request = parse_query(orjson.dumps(body))
    statement = compile_groups(request, resolve(request.date_range, ZoneInfo("UTC"), DAY), SITE)
    # A relation would be planned twice.
    answer = events.execute(statement.sql, dict(statement.parameters))
    names = [str(name) for name, *_ in answer.description or ()]
    rows = (dict(zip(names, row, strict=True)) for row in answer.fetchall())
    return {row[dimension]: {metric: row[metric] for metric in metrics} for row in rows}


@pytest.mark.parametrize("dimension", [*KINDS.values(), "event:page"])
def test_a_metric_is_the_same_beside_any_other(events: duckdb.DuckDBPyConnection, dimension: str) -> None:
    alone = {metric: asked(events, [metric], dimension) for metric in MEASURES}
    assert any(alone.values())
    for pair in combinations(MEASURES, 2):
        together = asked(events, list(pair), dimension)
        for metric in pair:
            numbers = {group: values[metric] for group, values in together.items()}
            expected = {group: values[metric] for group, values in alone[metric].items()}
            assert numbers == expected, f"{metric} of {pair} by {dimension}"
