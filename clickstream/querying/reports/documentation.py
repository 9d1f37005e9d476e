"""Generate the last part of docs/reports.md: `python -m clickstream.querying.reports.documentation docs/reports.md`.

The command rewrites that part in place; a test compares the file with the generated text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from clickstream.querying.metrics import METRICS
from clickstream.querying.reports.breakdowns import BREAKDOWNS, COMMON_OF_QUERIES
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.report import Column, Parameter, Report
from clickstream.querying.reports.request import COMMON, EVERYWHERE

BEGINNING = "## The reports\n"


def reports_text() -> str:
    """Every report with its parameters and columns, in Markdown, from the heading to the end of the page."""
    return "\n".join(
        [BEGINNING, *_common(), *_breakdowns(), *(line for report in _others() for line in _report(report))]
    )


def _others() -> Sequence[Report]:
    simple = {breakdown.name for breakdown in BREAKDOWNS}
    return [report for report in REPORTS.values() if report.name not in simple]


def _common() -> Iterator[str]:
    yield "All reports take the first three of these. The description of each report names the others that it takes.\n"
    yield from _parameters((*EVERYWHERE.values(), *COMMON.values()))


def _breakdowns() -> Iterator[str]:
    yield "### Metrics by dimensions\n"
    yield (
        "Each is a query of [query.md](query.md), where its dimensions and metrics are explained. They take "
        f"{_names(COMMON_OF_QUERIES)}.\n"
    )
    reports = [REPORTS[breakdown.name] for breakdown in BREAKDOWNS]
    rows = [[f"`{report.name}`", report.description, _columns(report.columns)] for report in reports]
    yield from _table(("report", "answers", "columns"), rows)


def _report(report: Report) -> Iterator[str]:
    yield f"### `{report.name}`\n"
    taken = f" Takes {_names(report.takes)}." if report.takes else ""
    closed = "" if report.shared else " No share key opens it."
    if report.personal:
        closed = " Its rows describe single persons, so no share key opens it."
    yield f"{report.description}{taken}{closed}\n"
    if report.parameters:
        yield from _parameters(report.parameters)
    if all(column.name in METRICS for column in report.columns):
        yield f"Its columns are metrics of [query.md](query.md): {_columns(report.columns)}.\n"
        return
    rows = [[f"`{column.name}`", column.type, column.description] for column in report.columns]
    yield from _table(("column", "type", "meaning"), rows)


def _parameters(parameters: Sequence[Parameter]) -> Iterator[str]:
    rows = [[f"`{parameter.name}`", parameter.description + _default_note(parameter)] for parameter in parameters]
    yield from _table(("parameter", "meaning"), rows)


def _default_note(parameter: Parameter) -> str:
    if parameter.default not in (None, "0"):
        return f" Without it, `{parameter.default}`."
    return " Required." if parameter.required else ""


def _names(taken: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in COMMON if name in taken)


def _columns(columns: Sequence[Column]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def main() -> None:
    """Rewrite the end of the page at the path in `argv[1]`."""
    page = Path(sys.argv[1])
    above = page.read_text().partition(BEGINNING)[0]
    page.write_text(above + reports_text())


if __name__ == "__main__":
    main()
