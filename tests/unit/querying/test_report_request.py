"""What may be asked of a report, and that everything that is wrong is told at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.errors import InvalidRequest, NotFound
from clickstream.filters.dimensions import DIMENSIONS
from clickstream.filters.tree import Comparison
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.request import PLACES, parameters_of, parse_report
from clickstream.querying.request import Include, Pagination, QueryRequest


def refusal(name: str, **parameters: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse_report(name, parameters)
    assert caught.value.code == "invalid_query"
    return caught.value


def test_parameters_become_one_query() -> None:
    asked = {
        "site_id": "shop",
        "date_range": "2026-01-01,2026-01-31",
        "filters": '[["is","event:page",["/"]]]',
        "limit": "5",
        "offset": "10",
        "total_rows": "1",
        "sql": "1",
    }
    request = parse_report("pages", asked)
    assert request.query == QueryRequest(
        "shop",
        (),
        ("2026-01-01", "2026-01-31"),
        filters=(Comparison("is", DIMENSIONS["event:page"], ("/",)),),
        pagination=Pagination(limit=5, offset=10),
        include=Include(total_rows=True),
        places=PLACES,
    )
    assert (request.report.name, request.site_id, request.sql) == ("pages", "shop", True)


def test_what_is_not_said_is_the_usual() -> None:
    request = parse_report("pages", {"site_id": "shop"})
    assert request.query.date_range == "28d"
    assert not request.sql


def test_an_unknown_report_is_told_with_those_that_are_known() -> None:
    with pytest.raises(NotFound, match="'nothing'; known are overview, realtime"):
        parse_report("nothing", {"site_id": "shop"})


def test_every_problem_is_told_at_once() -> None:
    error = refusal(
        "visit_events", site="shop", date_range="never", limit="0", offset="-1", sql="yes", filters="[", visit=""
    )
    for told in (
        "/site: unknown parameter; known are site_id, format, sql, date_range",
        "/filters: unknown parameter",
        "/site_id: is required",
        "/limit: must be a whole number from 1",
        "/offset: must be a whole number from 0",
        "/sql: must be 1 or 0",
        "/visit: must be a text of 1 to 2000 characters",
        "/date_range: ",
    ):
        assert told in error.message
    assert error.pointer == "/site"


@pytest.mark.parametrize(
    ("parameters", "pointer", "told"),
    [
        ({"filters": "{"}, "/filters", "must be JSON"),
        ({"filters": "[" * 100_000}, "/filters", "more than 65536 characters"),
        ({"filters": "[" * 60_000}, "/filters", "must be JSON"),
        ({"filters": '[["is","event:nothing",["x"]]]'}, "/filters/0/1", "unknown dimension"),
        ({"filters": '"x"'}, "/filters", "must be"),
        ({"filters": "9" * 20}, "/filters", "must be a list"),
        ({"filters": "9" * 5_000}, "/filters", "must be JSON"),
        ({"filters": "1e999"}, "/filters", "must be"),
        ({"filters": "NaN"}, "/filters", "must be JSON"),
        ({"filters": '"\\ud800"'}, "/filters", "must be JSON"),
        ({"filters": '[["is","event:page",["\\ud800"]]]'}, "/filters", "must be JSON"),
        ({"filters": '[["is","event:page",[99999999999999999999]]]'}, "/filters/0/2", "list of at least one text"),
        ({"filters": "[" * 150 + "]" * 150}, "/filters/0/0", "unknown operator"),
        ({"filters": "[" * 300 + "]" * 300}, "/filters", "must be JSON"),
        ({"filters": '[["and",' * 60 + "[]" + "]]" * 60}, f"/filters{'/0/1' * 8}/0", "nested deeper"),
        ({"interval": "\ud800"}, "/interval", "unpaired surrogate"),
        ({"date_range": "\ud800"}, "/date_range", "unpaired surrogate"),
        ({"limit": "9" * 30}, "/limit", "whole number"),
        ({"date_range": "2026-01-02,2026-01-01"}, "/date_range", "ends before it begins"),
        ({"date_range": "a,b,c"}, "/date_range", "must be"),
        ({"limit": "1_0"}, "/limit", "whole number"),
        ({"limit": "٣"}, "/limit", "whole number"),
        ({"compare": "yesterday"}, "/compare", "previous_period, year_over_year"),
        ({"interval": "century"}, "/interval", "must be one of"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(parameters: dict[str, str], pointer: str, told: str) -> None:
    error = refusal("overview", site_id="shop", **parameters)
    assert error.pointer == pointer
    assert told in error.message


def test_a_report_refuses_what_would_mean_nothing_to_it() -> None:
    assert "/date_range: unknown parameter" in refusal("realtime", site_id="shop", date_range="7d").message
    assert "/filters: unknown parameter" in refusal("failed_events", site_id="shop", filters="[]").message
    assert "/visit: is required" in refusal("visit_events", site_id="shop").message


@given(st.sampled_from(list(REPORTS)), st.data())
def test_no_text_of_any_parameter_is_an_error_of_ours(name: str, data: st.DataObject) -> None:
    texts = st.one_of(
        st.text(), st.sampled_from(["1", "7d", "[]", "null", "[[]]", json.dumps([["is", "event:page", [1]]])])
    )
    asked = {key: data.draw(texts) for key in parameters_of(REPORTS[name])}
    try:
        parse_report(name, asked)
    except InvalidRequest as error:
        assert error.pointer is not None


def test_no_parameter_of_a_report_hides_a_common_one() -> None:
    for report in REPORTS.values():
        names = [parameter.name for parameter in report.parameters]
        assert len(parameters_of(report)) == len(names) + len(report.takes) + 3
