"""Reports that are one query of metrics by dimensions; their numbers are those of `POST /api/query`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from clickstream.filters.dimensions import CURRENCY, DIMENSIONS
from clickstream.filters.reader import FilterReader
from clickstream.querying.documents import Group
from clickstream.querying.metrics import METRICS
from clickstream.querying.reports.report import Column, ColumnType, Report, ReportContext, Rows
from clickstream.querying.request import QueryRequest

META_KEYS = (
    "total_rows",
    "comparison_date_range",
    "sharing",
    "currency",
    "currencies",
    "currency_note",
    "bots_left_out",
)
COMMON_OF_QUERIES = frozenset({"date_range", "filters", "limit", "offset", "total_rows", "compare"})
# A file has no `meta`.
CURRENCY_COLUMN = Column(
    "currency", ColumnType.TEXT, "Currency of the row's money; null if it has several, since these are not added up."
)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Metrics for each combination of the dimensions' values."""

    name: str
    description: str
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    filters: tuple[Any, ...] = ()

    def report(self) -> Report:
        """The report: one row for each group."""
        columns = columns_of(self.metrics, self.dimensions)
        if not MONEY.isdisjoint(self.metrics) and CURRENCY not in self.dimensions:
            columns = (*columns, CURRENCY_COLUMN)
        return Report(
            self.name, self.description, columns, self._run, COMMON_OF_QUERIES, shared=CURRENCY not in self.dimensions
        )

    def _run(self, context: ReportContext) -> Rows:
        sharing = context.site.sharing
        metrics = self.metrics if sharing is None or sharing.revenue else [m for m in self.metrics if m not in MONEY]
        filters = (*context.query.filters, *FilterReader().read(list(self.filters)))
        result = queried(context, replace(context.query, filters=filters).grouped(metrics, self.dimensions))
        if MONEY.isdisjoint(metrics) or CURRENCY in self.dimensions:
            return result
        rows = [[*row, result.meta["currency"]] for row in result.rows]
        return replace(result, columns=(*result.columns, CURRENCY_COLUMN), rows=rows)


def columns_of(metrics: Sequence[str], dimensions: Sequence[str]) -> tuple[Column, ...]:
    """One for each dimension, named without its prefix (`visit:`), then one for each metric."""
    return (
        *(Column(_short(name), ColumnType.TEXT, DIMENSIONS[name].description) for name in dimensions),
        *(Column(name, _type(name), METRICS[name].description) for name in metrics),
    )


def queried(context: ReportContext, query: QueryRequest) -> Rows:
    """Run a query; the rows' `meta` keeps the keys in `META_KEYS` and `date_range`."""
    answer = context.engine.query(query, context.site)
    metrics = [metric.name for metric in query.metrics]
    columns = columns_of(metrics, [dimension.name for dimension in query.dimensions])
    if query.include.comparisons is not None:
        columns = _compared_columns(columns, metrics)
    meta = {name: answer.meta[name] for name in META_KEYS if name in answer.meta}
    # The range of the query, which may differ from that of the report's request: see `realtime`.
    meta["date_range"] = answer.period.texts
    return Rows(columns, list(map(_row, answer.groups)), answer.statement, meta)


def _compared_columns(columns: Sequence[Column], metrics: Sequence[str]) -> tuple[Column, ...]:
    compared: list[Column] = []
    for column in columns:
        compared.append(column)
        if column.name in metrics:
            before = f"`{column.name}` in the period that is compared with."
            change = f"Change of `{column.name}` in percent; null if it was 0."
            compared.append(Column(f"{column.name}_before", column.type, before))
            compared.append(Column(f"{column.name}_change", ColumnType.NUMBER, change))
    return tuple(compared)


def _row(group: Group) -> list[Any]:
    if (other := group.comparison) is None:
        return [*group.dimensions, *group.metrics]
    cells = zip(group.metrics, other.metrics, other.change, strict=True)
    return [*group.dimensions, *(value for cell in cells for value in cell)]


def _short(dimension: str) -> str:
    return dimension.rpartition(":")[2]


def _type(metric: str) -> ColumnType:
    return ColumnType.INTEGER if metric in WHOLE else ColumnType.NUMBER


MONEY = frozenset({"total_revenue", "average_revenue"})
# Metrics that are whole numbers: all counts except money.
WHOLE = frozenset(metric.name for metric in METRICS.values() if metric.counts) - MONEY

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
    Breakdown("channels", "The channels by which visits came.", ("visit:channel",), ARRIVALS),
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
    Breakdown(
        "currencies",
        "Revenue in each currency. With `rates` in the site's document, all amounts are in the site's own currency.",
        (CURRENCY,),
        ("total_revenue", "average_revenue", "visitors", "events"),
        (["is_not", CURRENCY, ["(none)"]],),
    ),
    Breakdown("goals", "The site's goals, and how often they were met.", ("event:goal",), CONVERSIONS),
)
