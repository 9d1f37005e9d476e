"""Several questions in one request are answered as each is alone, from one version of the table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from clickstream.errors import ClickstreamError, InvalidRequest, LimitExceeded, NotFound
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.questions import MAX_QUESTIONS, answer_questions, parse_questions
from clickstream.querying.reports.request import parse_report
from clickstream.querying.request import parse_query
from clickstream.querying.scope import Funnel, Matching, Sharing, SiteScope, Step
from clickstream.querying.scope import Sequence as Steps
from clickstream.querying.sharing import shared_scope
from local.azurite import Azurite
from tests.integration.querying.lake import NOW, Lake, event, make_lake
from tests.integration.querying.rows import scope

pytestmark = pytest.mark.integration

DAYS = ["2026-10-06", "2026-10-19"]
HEADLINE = ["visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"]
COMPARED = {"comparisons": {"mode": "previous_period"}}
SHARE = ["visitors", "percentage"]
OF_DAYS = {"date_range": ",".join(DAYS)}
# The first screen of the dashboard.
QUERIES: Sequence[dict[str, Any]] = [
    {"metrics": HEADLINE, "include": COMPARED},
    {"metrics": HEADLINE, "dimensions": ["time:day"], "include": {"time_labels": True}},
    {"metrics": SHARE, "dimensions": ["visit:channel"], "pagination": {"limit": 3}},
    {"metrics": ["visitors", "pageviews"], "dimensions": ["event:page"], "include": {"total_rows": True}},
    {"metrics": ["time_on_page", "exits", "new_visitors"], "dimensions": ["event:page"]},
    {"metrics": SHARE, "dimensions": ["visit:country"], "filters": [["has_done", ["is", "event:name", ["buy"]]]]},
    {"metrics": ["visitors", "events", "conversion_rate", "total_revenue"], "dimensions": ["event:goal"]},
    {"metrics": ["events"], "dimensions": ["event:bot"]},
]
REPORTS: Sequence[tuple[str, Mapping[str, str]]] = [
    ("funnel", {"funnel": "buying", **OF_DAYS}),
    ("attribution", {"goal": "Purchase", **OF_DAYS}),
    ("frequency", {"within": "person", **OF_DAYS}),
]
WRONG: Sequence[dict[str, Any]] = [
    {"query": {"metrics": ["nothing"], "date_range": "28d"}},
    {"query": {"site_id": "blog", "metrics": ["visits"], "date_range": "28d"}},
    {"query": {"metrics": ["visits"], "date_range": "28d", "filters": [["is", "event:goal", ["none"]]]}},
    {"report": "nothing"},
    {"report": "pages", "parameters": {"format": "csv"}},
    {"report": "funnel", "parameters": {"funnel": "none"}},
]


def now() -> Any:
    return NOW


def site() -> SiteScope:
    steps = (Step("view", Matching(page="*")), Step("buy", Matching(event="buy")))
    return replace(scope("shop", "UTC"), funnels={"buying": Funnel("buying", Steps(steps))})


def questions() -> list[dict[str, Any]]:
    queries = [{"query": {"date_range": DAYS, **query}} for query in QUERIES]
    return [*queries, *({"report": name, "parameters": dict(parameters)} for name, parameters in REPORTS)]


def together(engine: QueryEngine, asked: Sequence[Mapping[str, Any]], scope: SiteScope) -> list[Any]:
    parsed = parse_questions(json.dumps({"site_id": "shop", "questions": asked}).encode())
    futures = answer_questions(engine, now, parsed, scope)
    return [future.exception() or orjson.loads(future.result().body) for future in futures]


def alone(engine: QueryEngine, question: Mapping[str, Any], scope: SiteScope) -> Any:
    try:
        if "query" in question:
            body = orjson.dumps({"site_id": "shop", **question["query"]})
            return orjson.loads(engine.query_answer(parse_query(body), scope).body)
        request = parse_report(question["report"], {"site_id": "shop", **question["parameters"]})
        return orjson.loads(Reports(engine, now).answer(request, scope, Format.JSON).body)
    except ClickstreamError as error:
        return error


def said(answer: Any) -> Any:
    return (type(answer), answer.message) if isinstance(answer, ClickstreamError) else answer


@pytest.fixture
def fresh(lake: Lake) -> QueryEngine:
    """An engine that knows no answer yet."""
    return QueryEngine(lake.account, lake.settings, now)


def test_questions_are_answered_as_each_is_alone(fresh: QueryEngine, engine: QueryEngine) -> None:
    asked = questions()
    answers = together(fresh, asked, site())
    assert answers == [alone(engine, question, site()) for question in asked]
    assert all(answer.get("results") or answer.get("rows") for answer in answers), "every question has something to say"


def test_with_a_share_key_they_hide_what_each_hides(fresh: QueryEngine, engine: QueryEngine) -> None:
    shared = shared_scope(site(), Sharing(2))
    asked = [*questions()[3:5], *questions()[-3:]]
    answers = [said(answer) for answer in together(fresh, asked, shared)]
    assert answers == [said(alone(engine, question, shared)) for question in asked]
    assert [isinstance(answer, dict) for answer in answers] == [True, True, False, False, False]


def test_what_is_wrong_with_one_question_is_the_answer_to_it_alone(fresh: QueryEngine, engine: QueryEngine) -> None:
    right = {"query": {"metrics": ["visits"], "date_range": DAYS}}
    *refused, last = together(fresh, [*WRONG, right], site())
    assert last == alone(engine, right, site())
    pointers = ["/metrics/0", "/site_id", "/filters/0/2/0", None, "/format", "/funnel"]
    assert [getattr(error, "pointer", None) for error in refused] == pointers
    assert [type(error) for error in refused] == [NotFound if at is None else InvalidRequest for at in pointers]


@pytest.mark.parametrize(
    "body",
    [
        {"questions": []},
        {"site_id": "shop", "questions": []},
        {"site_id": "shop", "questions": [{}]},
        {"site_id": "shop", "questions": [{"report": "pages"}] * (MAX_QUESTIONS + 1)},
        {"site_id": "shop", "questions": [{"query": {}, "parameters": {"limit": "1"}}]},
    ],
    ids=["nothing", "none", "of no kind", "too many", "of two kinds"],
)
def test_a_body_without_questions_is_refused(body: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_questions(json.dumps(body).encode())
    assert refused.value.pointer is not None


def test_limits_refuse_the_question_that_exceeds_them_and_no_other(lake: Lake) -> None:
    engine = QueryEngine(lake.account, replace(lake.settings, query_max_rows=10), now)
    small = {"query": {"metrics": ["visits"], "date_range": DAYS}}
    large = {"query": {**small["query"], "pagination": {"limit": 11}}}
    answers = together(engine, [small, large, small], site())
    assert answers[0] == answers[2] == alone(engine, small, site())
    assert isinstance(answers[1], InvalidRequest) and answers[1].pointer == "/pagination/limit"


def test_without_memory_for_what_they_share_all_that_can_be_answered_is(azurite: Azurite) -> None:
    lake = make_lake(azurite, QUERY_MEMORY_MB="64", QUERY_SPILL_MB="1")
    lake.append(*(event(f"{at}", "shop", NOW, anonymous_id=f"{at}", page_path=f"/{at}" * 9) for at in range(2000)))
    engine = QueryEngine(lake.account, lake.settings, now)
    asked = [
        {"query": {"metrics": ["events"], "date_range": "7d"}},
        {"query": {"metrics": ["visits"], "date_range": "7d"}},
    ]
    answers = together(engine, asked * 4, scope("shop", "UTC"))
    assert all(isinstance(answer, dict | LimitExceeded) for answer in answers)
    assert answers[0]["results"][0]["metrics"] == [2000]
