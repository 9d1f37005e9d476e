"""docs/reports.md tells of every report in the words of the code."""

from __future__ import annotations

from pathlib import Path

from clickstream.querying.formats import Format
from clickstream.querying.reports.documentation import reports_text
from clickstream.querying.reports.registry import REPORTS

TEXT = (Path(__file__).parents[3] / "docs" / "reports.md").read_text()


def test_every_report_with_its_parameters_and_columns_is_documented() -> None:
    assert TEXT.endswith(reports_text()), "python -m clickstream.querying.reports.documentation docs/reports.md"
    for report in REPORTS.values():
        names = [report.name, *(parameter.name for parameter in report.parameters)]
        for named in (*names, *(column.name for column in report.columns)):
            assert f"`{named}`" in reports_text()


def test_every_form_is_documented() -> None:
    for form in Format:
        assert f"| `{form}` | `{form.media_type}` |" in TEXT
