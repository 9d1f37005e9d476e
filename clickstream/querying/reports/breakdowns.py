"""Reports that are one query of metrics by dimensions, so that they say what `POST /api/query` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickstream.querying.dimensions import DIMENSIONS
from clickstream.querying.metrics import METRICS
from clickstream.querying.reports.report import Asked, Column, ColumnType, Report, Rows
from clickstream.querying.statement import Statement

COMMON_OF_QUERIES = frozenset({"date_range", "filters", "limit", "offset", "total_rows", "compare"})


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Metrics for each group of dimensions' values."""

    name: str
    description: str
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]

    def report(self) -> Report:
        """As a report with one row for each group."""
        columns = columns_of(self.metrics, self.dimensions)
        return Report(self.name, self.description, columns, self._run, COMMON_OF_QUERIES)

    def _run(self, asked: Asked) -> Rows:
        return queried(asked, self.metrics, dimensions=self.dimensions)


def columns_of(metrics: Sequence[str], dimensions: Sequence[str]) -> tuple[Column, ...]:
    """One for each dimension, then one for each metric, named without what stands before the colon."""
    return (
        *(Column(_short(name), ColumnType.TEXT, DIMENSIONS[name].description) for name in dimensions),
        *(Column(name, _type(name), METRICS[name].description) for name in metrics),
    )


def queried(asked: Asked, metrics: Sequence[str], **more: Any) -> Rows:
    """The answer to a query with `more` keys in its body."""
    answer = asked.engine.query(asked.query(metrics, **more), asked.scope)
    meta: Mapping[str, Any] = answer["meta"]
    columns = columns_of(metrics, more.get("dimensions", ()))
    rows = [[*row["dimensions"], *row["metrics"]] for row in answer["results"]]
    if "comparisons" in asked.common["include"]:
        columns = _compared_columns(columns, metrics)
        rows = [_compared(row) for row in answer["results"]]
    told = {name: meta[name] for name in ("total_rows", "comparison_date_range") if name in meta}
    # As the query understood it, which may be another than the report was asked for.
    told["date_range"] = answer["query"]["date_range"]
    return Rows(columns, rows, Statement(meta["sql"], meta["parameters"]), told)


def _compared_columns(columns: Sequence[Column], metrics: Sequence[str]) -> tuple[Column, ...]:
    found: list[Column] = []
    for column in columns:
        found.append(column)
        if column.name in metrics:
            before = f"`{column.name}` of the time that is compared with."
            change = f"By how many percent `{column.name}` has changed; null where it was 0."
            found.append(Column(f"{column.name}_before", column.type, before))
            found.append(Column(f"{column.name}_change", ColumnType.NUMBER, change))
    return tuple(found)


def _compared(row: Mapping[str, Any]) -> list[Any]:
    then = row["comparison"]
    cells = zip(row["metrics"], then["metrics"], then["change"], strict=True)
    return [*row["dimensions"], *(value for cell in cells for value in cell)]


def _short(dimension: str) -> str:
    return dimension.rpartition(":")[2]


def _type(metric: str) -> ColumnType:
    return ColumnType.INTEGER if metric in WHOLE else ColumnType.NUMBER


# All that counts but money.
WHOLE = frozenset(metric.name for metric in METRICS.values() if metric.counts) - {"total_revenue"}

VISITORS = ("visitors", "visits", "pageviews", "percentage")
ARRIVALS = ("visitors", "visits", "pageviews", "bounce_rate", "visit_duration")
VIEWS = ("visitors", "visits", "pageviews", "bounce_rate", "time_on_page", "scroll_depth")
CONVERSIONS = ("visitors", "events", "conversion_rate", "total_revenue", "average_revenue")
BREAKDOWNS = (
    Breakdown("pages", "The pages that were viewed.", ("event:page",), VIEWS),
    Breakdown("entry_pages", "The pages on which visits began.", ("visit:entry_page",), ARRIVALS),
    Breakdown(
        "exit_pages", "The pages on which visits ended.", ("visit:exit_page",), ("visitors", "visits", "pageviews")
    ),
    Breakdown("sources", "Where visits came from, by name.", ("visit:source_name",), ARRIVALS),
    Breakdown("referrers", "The addresses that led to visits.", ("visit:referrer",), ARRIVALS),
    Breakdown("channels", "By which kind of way visits came.", ("visit:channel",), ARRIVALS),
    Breakdown(
        "campaigns",
        "The campaigns by which visits came.",
        ("visit:utm_campaign", "visit:utm_source", "visit:utm_medium"),
        ARRIVALS,
    ),
    Breakdown("countries", "The countries that visitors are in.", ("visit:country",), VISITORS),
    Breakdown("regions", "The regions that visitors are in.", ("visit:country", "visit:region"), VISITORS),
    Breakdown("cities", "The cities that visitors are in.", ("visit:country", "visit:region", "visit:city"), VISITORS),
    Breakdown("devices", "The kinds of devices that visitors use.", ("visit:device",), VISITORS),
    Breakdown("browsers", "The browsers that visitors use.", ("visit:browser",), VISITORS),
    Breakdown("operating_systems", "The systems that visitors use.", ("visit:os",), VISITORS),
    Breakdown("screens", "The sizes of visitors' screens.", ("visit:screen",), VISITORS),
    Breakdown("languages", "The languages of visitors' browsers.", ("visit:language",), VISITORS),
    Breakdown("events", "What happened, by name.", ("event:name",), ("visitors", "visits", "events")),
    Breakdown("goals", "The site's goals, and how often they were met.", ("event:goal",), CONVERSIONS),
)
