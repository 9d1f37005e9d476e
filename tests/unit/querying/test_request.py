"""What is refused at the border, with every problem and its place; and that nothing worse than a refusal happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.errors import InvalidRequest, RequestTooLarge
from clickstream.querying.request import parse_query, parse_sql

GOOD: dict[str, Any] = {"site_id": "shop", "metrics": ["visitors"], "date_range": "7d"}
PAGE = ["is", "event:page", ["/"]]


def nested(depth: int) -> list[Any]:
    item: list[Any] = PAGE
    for _ in range(depth):
        item = ["not", item]
    return item


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"metrics": []}, "/metrics", "at least one"),
        ({"metrics": ["visitor"]}, "/metrics/0", "'visitor'; known are visitors, visits, pageviews, events"),
        ({"metrics": ["visits", "visits"]}, "/metrics", "twice"),
        ({"metrics": "visitors"}, "/metrics", "array"),
        ({"metrics": [1]}, "/metrics/0", "string"),
        ({"dimensions": ["event:page", "page"]}, "/dimensions/1", "unknown dimension 'page'; known are event:page"),
        ({"date_range": "8d"}, "/date_range", "day, 7d, 28d, 30d, 91d, month, 6mo, 12mo, year, all"),
        ({"date_range": None}, "/date_range", "pair of dates"),
        ({"date_range": ["2026-03-02", "2026-03-01"]}, "/date_range", "ends before it begins"),
        ({"date_range": ["2026-03-01T00:00:01Z", "2026-03-01T01:00:00+02:00"]}, "/date_range", "ends before it begins"),
        ({"date_range": ["2026-03-01", "2026-03-01T00:00:00Z"]}, "/date_range", "two dates"),
        ({"date_range": ["2026-03-01T00:00:00", "2026-03-02T00:00:00"]}, "/date_range", "with an offset"),
        ({"date_range": ["2026-02-29", "2026-03-01"]}, "/date_range", "day"),
        ({"date_range": ["0000-01-01", "2026-03-01"]}, "/date_range", "year"),
        ({"date_range": ["0001-01-01", "9999-12-31"]}, "/date_range", "years go from 1970 to 2999"),
        ({"date_range": ["2026-12-31T23:59:60Z", "2027-01-01T00:00:00Z"]}, "/date_range", "second"),
        ({"date_range": ["2026-W01-1", "2026-W01-2"]}, "/date_range", "two dates"),
        ({"date_range": ["2026-03-01"]}, "/date_range", "pair of dates"),
        ({"filters": {}}, "/filters", "list"),
        ({"filters": [PAGE, "x"]}, "/filters/1", "must be a filter"),
        ({"filters": [["like", "event:page", ["/"]]]}, "/filters/0/0", "known are is, is_not, contains"),
        ({"filters": [["matches", "event:page", ["/", "(?=a)"]]]}, "/filters/0/2/1", "no regular expression"),
        ({"filters": [["is_set", "event:page", ["/"]]]}, "/filters/0", "must be"),
        ({"filters": [["is_set", "event:goal"]]}, "/filters/0/0", "cannot be said of event:goal"),
        ({"filters": [["matches", "event:goal", ["a"]]]}, "/filters/0/0", "known are is, is_not, contains"),
        ({"filters": [["is", "event:props:", ["a"]]]}, "/filters/0/1", "unknown dimension 'event:props:'"),
        ({"filters": [["has_done", PAGE, PAGE]]}, "/filters/0", "must be"),
        ({"filters": [["has_not_done", ["is", "x", ["/"]]]]}, "/filters/0/1/1", "unknown dimension 'x'"),
        ({"filters": [["segment", 1]]}, "/filters/0", "must be"),
        (
            {"filters": [["is", "event:pag", ["/"]]]},
            "/filters/0/1",
            "known are event:page, event:hostname, event:page_title, event:name",
        ),
        ({"filters": [["is", "time:day", ["2026-03-01"]]]}, "/filters/0/1", "unknown dimension 'time:day'"),
        ({"filters": [["is", "event:page", []]]}, "/filters/0/2", "at least one text"),
        ({"filters": [["is", "event:page", [1]]]}, "/filters/0/2", "at least one text"),
        ({"filters": [["is", "event:page"]]}, "/filters/0", "must be"),
        ({"filters": [["or", []]]}, "/filters/0", "must be"),
        ({"filters": [["and", [PAGE, ["not", ["is", "x", ["/"]]]]]]}, "/filters/0/1/1/1/1", "unknown dimension 'x'"),
        ({"filters": [nested(8)]}, "/filters/0/1/1/1/1/1/1/1/1", "deeper than 8"),
        ({"filters": [PAGE] * 101}, "/filters", "more than 100"),
        ({"filters": [["is", "event:page", ["/"] * 501]]}, "/filters/0/2", "more than 500"),
        ({"filters": [["is", "event:page", ["/" * 2001]]]}, "/filters/0/2", "more than 2000"),
        ({"order_by": [["visits", "desc"]]}, "/order_by/0/0", "none of the query's"),
        ({"order_by": [["visitors", "down"]]}, "/order_by/0/1", "asc"),
        ({"order_by": [["visitors"]]}, "/order_by/0/1", "required"),
        ({"pagination": {"limit": 0}}, "/pagination/limit", "greater than"),
        ({"pagination": {"limit": True}}, "/pagination/limit", "integer"),
        ({"pagination": {"offset": -1}}, "/pagination/offset", "greater than"),
        ({"metrics": ["visitors", "conversion_rate"]}, "/metrics/1", "needs a filter or the dimension event:goal"),
        ({"dimensions": ["event:props:a", "event:props:A"]}, "/dimensions", "twice"),
        ({"dimensions": ["event:props:" + "a" * 201]}, "/dimensions/0", "unknown dimension"),
        ({"include": {"comparisons": {"mode": "before"}}}, "/include/comparisons/mode", "previous_period"),
        ({"include": {"comparisons": {"mode": "custom"}}}, "/include/comparisons", "date_range"),
        (
            {"include": {"comparisons": {"mode": "custom", "date_range": "x"}}},
            "/include/comparisons/date_range",
            "pair of dates",
        ),
        ({"include": {"comparison_time_labels": True}}, "/include", "needs `comparisons`"),
        ({"include": {"comparison_results": True}}, "/include", "`comparison_results` needs `comparisons`"),
        ({"include": {"imports": True}}, "/include/imports", "not permitted"),
        ({"include": {"total_rows": 1}}, "/include/total_rows", "boolean"),
        ({"a/b~c": 1}, "/a~1b~0c", "not permitted"),
        ({"site_id": None}, "/site_id", "string"),
    ],
)
def test_a_wrong_query_is_told_what_is_wrong_and_where(change: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_query(json.dumps({**GOOD, **change}).encode())
    assert (caught.value.code, caught.value.pointer) == ("invalid_query", pointer)
    assert words in caught.value.message


def test_all_problems_are_told_at_once() -> None:
    wrong = {"site_id": 1, "metrics": ["a", "b"], "date_range": "x", "dimensions": ["c"], "extra": 1}
    with pytest.raises(InvalidRequest) as caught:
        parse_query(json.dumps(wrong).encode())
    places = [problem.split(": ")[0] for problem in caught.value.message.split("; /")]
    assert places == ["/site_id", "metrics/0", "metrics/1", "date_range", "dimensions/0", "extra"]
    with pytest.raises(InvalidRequest) as caught:
        parse_query(json.dumps({**GOOD, "filters": [["x"], ["is", "y", ["/"]]], "order_by": [["z", "asc"]]}).encode())
    assert [problem.split(": ")[0] for problem in caught.value.message.split("; /")] == [
        "/filters/0/0",
        "filters/1/1",
        "order_by/0/0",
    ]


def test_a_right_query_is_taken_with_its_order_made_total() -> None:
    asked = {**GOOD, "dimensions": ["event:page", "time:day"], "filters": [nested(7)]}
    order = parse_query(json.dumps(asked).encode()).order_by
    assert [(step.by.name, step.descending) for step in order] == [
        ("time:day", False),
        ("visitors", True),
        ("event:page", False),
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff", b"NaN", b"[" * 60_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    for parse in (parse_query, parse_sql):
        with pytest.raises(InvalidRequest):
            parse(body)


def test_a_body_over_the_limit_is_too_large() -> None:
    for parse in (parse_query, parse_sql):
        with pytest.raises(RequestTooLarge):
            parse(b" " * 65_537)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"sql": ""}, "/sql"),
        ({"sql": "x" * 50_001}, "/sql"),
        ({"sql": ["SELECT 1"]}, "/sql"),
        ({"site_id": 1}, "/site_id"),
        ({"more": 1}, "/more"),
    ],
)
def test_a_wrong_sql_request_is_told_where(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_sql(json.dumps({"site_id": "shop", "sql": "SELECT 1", **change}).encode())
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "parameters", [[[1]], [{"a": 1}], {"a": [1]}, "x", 1, [2**63], [-(2**63) - 1], [float("nan")], [float("inf")]]
)
def test_parameters_are_plain_values(parameters: Any) -> None:
    with pytest.raises(InvalidRequest):
        parse_sql(json.dumps({"site_id": "shop", "sql": "SELECT 1", "parameters": parameters}).encode())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["is", "not", "or"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "dimensions", "filters", "order_by", "pagination", "include"]), JSON))
def test_whatever_is_asked_is_taken_or_refused(change: dict[str, Any]) -> None:
    try:
        parse_query(json.dumps({**GOOD, **change}).encode())
    except InvalidRequest as error:
        assert error.pointer is not None
        error.message.encode()


@given(st.binary(max_size=40))
def test_whatever_bytes_come_are_refused(body: bytes) -> None:
    for parse in (parse_query, parse_sql):
        with pytest.raises(InvalidRequest):
            parse(body)
