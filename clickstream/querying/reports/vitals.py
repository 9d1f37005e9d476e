"""Web vitals: how fast pages came and answered, from the events that the tracking script's module sends."""

from __future__ import annotations

from clickstream.filters.dimensions import NONE, NOT_SET
from clickstream.querying.reports.report import Column, ColumnType, Parameter, Report, ReportContext, Rows, one_of
from clickstream.querying.reports.statements import LIMITS, page, parameters_of, run_statement
from clickstream.querying.statement import Statement
from clickstream.querying.visitors import of_site_and_period

EVENT = "web_vitals"
PAGE, DEVICE, DATE = "page", "device", "date"
DIMENSIONS = {
    PAGE: f"coalesce(page_path, '{NONE}')",
    DEVICE: f"coalesce(device_class, '{NOT_SET}')",
    DATE: "CAST(timezone($time_zone, occurred_at) AS DATE)",
}
GROUPINGS = {"page_and_device": (PAGE, DEVICE), PAGE: (PAGE,), DEVICE: (DEVICE,), DATE: (DATE,), "total": ()}
# Values of clients beyond these are no measurements.
MAX_MS = 600_000
MAX_SHIFT = 1000
# For each measurement its name and the highest value.
MEASURED = {
    "lcp_ms": ("Largest Contentful Paint, in milliseconds", MAX_MS),
    "inp_ms": ("Interaction to Next Paint, in milliseconds", MAX_MS),
    "cls": ("Cumulative Layout Shift", MAX_SHIFT),
    "fcp_ms": ("First Contentful Paint, in milliseconds", MAX_MS),
    "ttfb_ms": ("Time to First Byte, in milliseconds", MAX_MS),
}
COLUMNS = (
    Column(PAGE, ColumnType.TEXT, f"Path of the page; `{NONE}` without one."),
    Column(DEVICE, ColumnType.TEXT, f"The kind of device; `{NOT_SET}` if it is unknown."),
    Column(DATE, ColumnType.DATE, "The day, by the site's clock."),
    Column("loads", ColumnType.INTEGER, "Number of loads of the page that were measured."),
    *(
        Column(
            name,
            ColumnType.NUMBER,
            f"{text}: three quarters of the loads that have it are at most this; null if none has.",
        )
        for name, (text, _) in MEASURED.items()
    ),
)


def _web_vitals(context: ReportContext) -> Rows:
    parameters = parameters_of(context)
    names = GROUPINGS[context.own["by"]]
    keys = "".join(f"{DIMENSIONS[name]} AS {name}, " for name in names)
    order = names if DATE in names else ("loads DESC", *names)
    values = ",\n        ".join(f"TRY_CAST(properties->>'$.{name}' AS DOUBLE) AS {name}" for name in MEASURED)
    kept = ",\n        ".join(
        f"CASE WHEN {name} BETWEEN 0 AND {most} THEN {name} END AS {name}" for name, (_, most) in MEASURED.items()
    )
    percentiles = ",\n    ".join(f"quantile_cont({name}, 0.75) AS {name}" for name in MEASURED)
    sql = f"""
WITH sent AS (
    SELECT page_path, device_class, occurred_at,
        {values}
    FROM events
    WHERE {of_site_and_period(with_bots=False)} AND event_name = '{EVENT}'
),
measured AS (
    SELECT page_path, device_class, occurred_at,
        {kept}
    FROM sent
)
SELECT {keys}count(*) AS loads,
    {percentiles}
FROM measured
WHERE coalesce({", ".join(MEASURED)}) IS NOT NULL
GROUP BY ALL
ORDER BY {", ".join(order)}""".strip()
    columns = [column for column in COLUMNS if column.name not in DIMENSIONS or column.name in names]
    return run_statement(context, columns, page(context, Statement(sql, parameters.of(sql))))


WEB_VITALS = Report(
    "web_vitals",
    "The 75th percentile of each web vital, by page, kind of device or day: see [tracking.md](tracking.md#web-vitals).",
    COLUMNS,
    _web_vitals,
    LIMITS,
    (
        Parameter(
            "by",
            f"{', '.join(f'`{name}`' for name in GROUPINGS)}: what has a row of its own. The percentile of a whole "
            "does not follow from those of its parts.",
            one_of(*GROUPINGS),
            "page_and_device",
        ),
    ),
)
