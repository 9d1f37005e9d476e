"""The handlers of `query`, called as functions over a real lake: who may ask, and what they are answered."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.querying.formats import Answer, Format
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.report import Parameter, Report
from clickstream.querying.reports.request import parameters_of
from functions import query as routes
from functions import reports as canned
from functions import reports as report_routes
from functions._http import formatted_answer
from local.azurite import Azurite
from tests.functional.environment import app_over
from tests.integration.querying.lake import event, make_lake

pytestmark = pytest.mark.usefixtures("environment")

REPORT = {"metrics": ["events"], "date_range": "all"}
SQL = {"sql": "SELECT count(*) AS n FROM events"}
ASKED: list[dict[str, Any]] = [
    {"query": {"metrics": ["events"], "date_range": "7d"}},
    {"query": {"metrics": ["x"], "date_range": "7d"}},
    {"report": "events"},
]
QUESTIONS = {"questions": ASKED}
ROUTES: list[tuple[str, dict[str, Any]]] = [("query", REPORT), ("query_sql", SQL), ("questions", QUESTIONS)]


@pytest.fixture(scope="module")
def environment(azurite: Azurite) -> Iterator[None]:
    """The settings of a function app with two sites, `shop` with two events and `blog` with one."""
    lake = make_lake(azurite)
    now = datetime.now(UTC)
    lake.append(event("e1", "shop", now), event("e2", "shop", now), event("e3", "blog", now))
    for site in ("shop", "blog"):
        document = f"site: {site}\ntime_zone: Europe/Berlin\nkeys:\n- {{kind: read, key: {site}-read}}\n"
        more = f"- {{kind: public, key: {site}-write}}\n- {{kind: share, key: {site}-share}}\n"
        segment = 'segments: [{name: views, filters: [["is", "event:name", ["page_view"]]]}]\n'
        lake.put(f"sites/{site}.yaml", f"{document}{more}{segment}".encode())
    with app_over(lake, azurite):
        yield


def post(route: str, body: bytes, key: str | None = None) -> tuple[int, dict[str, Any], func.HttpResponse]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    request = func.HttpRequest("POST", "/", headers=headers, body=body)
    answer: func.HttpResponse = asyncio.run(getattr(routes, route)(request))
    return answer.status_code, json.loads(answer.get_body()), answer


@pytest.mark.parametrize(("site", "count"), [("shop", 2), ("blog", 1)])
def test_a_read_key_opens_its_own_site(site: str, count: int) -> None:
    status, report, _ = post("query", json.dumps({"site_id": site, **REPORT}).encode(), f"{site}-read")
    assert (status, report["results"]) == (200, [{"dimensions": [], "metrics": [count]}])
    assert report["query"]["date_range"][0].endswith(("+01:00", "+02:00")), "in the site's time zone"
    status, table, _ = post("query_sql", json.dumps({"site_id": site, **SQL}).encode(), f"{site}-read")
    assert (status, table) == (
        200,
        {
            "columns": [{"name": "n", "type": "BIGINT"}],
            "rows": [[count]],
            "meta": {"complete_until": None, "row_count": 1},
        },
    )


@pytest.mark.parametrize("key", ["shop-read", "shop-share"])
def test_questions_are_answered_with_the_status_and_body_of_each(key: str) -> None:
    questions = [*ASKED, {"report": "visits"}, {"report": "no-such-report"}]
    status, document, _ = post("questions", json.dumps({"site_id": "shop", "questions": questions}).encode(), key)
    alone: list[dict[str, Any]] = []
    for question in questions:
        if "query" in question:
            body = json.dumps({"site_id": "shop", **question["query"]}).encode()
            answered, body_alone, _ = post("query", body, key)
            alone.append({"status": answered, "body": body_alone})
        else:
            report = get(question["report"], key)
            alone.append({"status": report.status_code, "body": json.loads(report.get_body())})
    if key == "shop-share":  # which report it opens is said in other words
        for answer in (document["answers"][3], alone[3]):
            answer["body"] = answer["body"]["code"]
    assert (status, document) == (200, {"answers": alone})
    assert [answer["status"] for answer in alone] == [200, 400, 200, 200 if key == "shop-read" else 403, 404]


def test_a_share_key_opens_reports_and_no_sql() -> None:
    filters = [["segment", "views"]]
    status, report, _ = post(
        "query", json.dumps({"site_id": "shop", **REPORT, "filters": filters}).encode(), "shop-share"
    )
    assert (status, report["results"]) == (200, []), "of fewer visitors than a share key is told of"
    assert report["meta"]["sharing"]["withheld"]
    status, document, _ = post("query_sql", json.dumps({"site_id": "shop", **SQL}).encode(), "shop-share")
    assert (status, document["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("report", "status"), [("pages", 200), ("visits", 403), ("no-such-report", 404)])
def test_a_share_key_opens_no_report_that_tells_of_single_persons(report: str, status: int) -> None:
    headers = {"Authorization": "Bearer shop-share"}
    request = func.HttpRequest(
        "GET", "/", headers=headers, params={"site_id": "shop"}, route_params={"name": report}, body=b""
    )
    assert asyncio.run(canned.report(request)).status_code == status


@pytest.mark.parametrize(("route", "asked"), ROUTES)
@pytest.mark.parametrize("key", [None, "", "nobody", "shop-write"])
def test_no_key_and_an_unknown_one_are_answered_alike_whatever_is_asked(
    route: str, asked: dict[str, Any], key: str | None
) -> None:
    bodies = [json.dumps({"site_id": site, **asked}).encode() for site in ("shop", "no-such-site")]
    answers = [post(route, body, key) for body in [*bodies, b"", b"{}", b"x" * 100_000]]
    assert {status for status, _, _ in answers} == {401}
    assert len({json.dumps(document) for _, document, _ in answers}) == 1
    assert answers[0][2].headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("route", "asked"), ROUTES)
@pytest.mark.parametrize("site", ["blog", "no-such-site", ""])
def test_another_site_is_forbidden_alike_whether_it_exists(route: str, asked: dict[str, Any], site: str) -> None:
    status, document, _ = post(route, json.dumps({"site_id": site, **asked}).encode(), "shop-read")
    assert (status, document["code"]) == (403, "forbidden")
    assert document["message"] == f"this read key does not open the site {site!r}"


@pytest.mark.parametrize(
    ("route", "change", "status", "code", "pointer"),
    [
        ("query", {"metrics": ["x"]}, 400, "invalid_query", "/metrics/0"),
        ("query", {"filters": [["is", "event:page", ["/"], 1]]}, 400, "invalid_query", "/filters/0"),
        ("query", {"filters": [["segment", "x"]]}, 400, "invalid_query", "/filters/0/1"),
        ("query", {"filters": [["is", "event:goal", ["x"]]]}, 400, "invalid_query", "/filters/0/2/0"),
        ("query", {"filters": [["matches", "event:page", ["[[:nope:]]"]]]}, 400, "invalid_query", None),
        ("query", {"include": {"comparisons": {"mode": "custom"}}}, 400, "invalid_query", "/include/comparisons"),
        ("query", {"pagination": {"limit": 10_001}}, 400, "invalid_query", "/pagination/limit"),
        ("query", {"include": {"time_labels": True}}, 400, "invalid_query", "/include/time_labels"),
        ("questions", {"questions": []}, 400, "invalid_query", "/questions"),
        ("questions", {"questions": [{"query": 1}]}, 400, "invalid_query", "/questions/0/query"),
        ("query_sql", {"sql": "DROP VIEW events"}, 400, "invalid_sql", "/sql"),
        ("query_sql", {"sql": "SELECT * FROM '/etc/passwd'"}, 400, "invalid_sql", "/sql"),
        ("query_sql", {"sql": "SELECT range FROM range(10001)"}, 400, "limit_exceeded", None),
        ("query_sql", {"sql": " " * 100_000}, 413, "too_large", None),
    ],
)
def test_what_is_wrong_is_told_as_a_problem(
    route: str, change: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    body = {"site_id": "shop", **dict(ROUTES)[route], **change}
    answered, document, answer = post(route, json.dumps(body).encode(), "shop-read")
    assert (answered, document["code"], document.get("pointer")) == (status, code, pointer)
    assert answer.mimetype == "application/problem+json"


def get(
    name: str, key: str | None = "shop-read", accept: str | None = None, has: str | None = None, **parameters: str
) -> func.HttpResponse:
    given = {"Authorization": key and f"Bearer {key}", "Accept": accept, "If-None-Match": has}
    headers = {name: value for name, value in given.items() if value}
    asked = {"site_id": "shop", **parameters}
    request = func.HttpRequest("GET", "/", headers=headers, params=asked, route_params={"name": name}, body=b"")
    answer: func.HttpResponse = asyncio.run(report_routes.report(request))
    return answer


@pytest.mark.parametrize(
    ("accept", "media_type", "begins"),
    [
        ("text/csv", "text/csv", b"name,visitors,visits,events\r\npage_view,0,0,2\r\n"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream", b"\xff\xff\xff\xff"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet", b"PAR1"),
        ("*/*", "application/json", b'{"report":"events",'),
    ],
)
def test_a_report_comes_in_the_form_that_is_accepted(accept: str, media_type: str, begins: bytes) -> None:
    answer = get("events", accept=accept)
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    assert answer.get_body().startswith(begins)
    assert answer.headers["Vary"] == "Accept, Accept-Encoding, Authorization"


@pytest.mark.parametrize(
    ("format_", "begins"),
    [("csv", b"n\r\n2\r\n"), ("arrow", b"\xff\xff\xff\xff"), ("parquet", b"PAR1"), ("json", b'{"col')],
)
def test_rows_of_sql_come_in_the_form_that_is_asked_for(format_: str, begins: bytes) -> None:
    body = json.dumps({"site_id": "shop", **SQL}).encode()
    headers = {"Authorization": "Bearer shop-read"}
    request = func.HttpRequest("POST", "/", headers=headers, params={"format": format_}, body=body)
    answer = asyncio.run(routes.query_sql(request))
    assert answer.status_code == 200
    assert answer.get_body().startswith(begins)


@pytest.mark.parametrize(
    ("name", "change", "status", "code"),
    [
        ("events", {"key": None}, 401, "unauthorized"),
        ("nothing", {"key": None}, 401, "unauthorized"),
        ("events", {"key": None, "limit": "0"}, 401, "unauthorized"),
        ("events", {"key": None, "filters": "9" * 20}, 401, "unauthorized"),
        ("events", {"key": None, "filters": "[" * 300}, 401, "unauthorized"),
        ("events", {"key": None, "filters": '[["is","event:page",["\\ud800"]]]'}, 401, "unauthorized"),
        ("events", {"key": "shop-write"}, 401, "unauthorized"),
        ("events", {"site_id": "blog"}, 403, "forbidden"),
        ("nothing", {}, 404, "not_found"),
        ("nothing", {"site_id": "blog"}, 404, "not_found"),
        ("events", {"accept": "text/html"}, 406, "not_acceptable"),
        ("events", {"format": "xml"}, 400, "invalid_query"),
        ("events", {"limit": "0"}, 400, "invalid_query"),
        ("events", {"limit": "100000"}, 400, "invalid_query"),
        ("events", {"filters": '[["is","event:name",[1]]]'}, 400, "invalid_query"),
        ("events", {"filters": "9" * 20}, 400, "invalid_query"),
        ("events", {"filters": "[" * 300}, 400, "invalid_query"),
        ("events", {"filters": '[["is","event:name",["\\ud800"]]]'}, 400, "invalid_query"),
    ],
)
def test_what_is_wrong_with_a_report_is_told_as_a_problem(
    name: str, change: dict[str, Any], status: int, code: str
) -> None:
    answer = get(name, **change)
    assert (answer.status_code, json.loads(answer.get_body())["code"]) == (status, code)
    assert answer.mimetype == "application/problem+json"


RANGES = ["7d", "24h", "all", "realtime", "2026-03-29,2026-03-30", "2026-03-30,2026-03-29"]
FILTERS = [
    '[["has_done",["is","event:page",["/"]]]]', '[["matches","visit:source",["("]]]', '[["is","event:props:x",["1"]]]',
    '[["is","event:goal",["x"]]]', '[["is","time:hour_of_day",["11"]]]', "[]", "1",
]  # fmt: skip
TEXTS = [
    "1", "2", "0", "day", "hour", "week", "month", "minute", "page", "visit", "visitor", "person", "first", "linear",
    "backward", "previous_period", "year_over_year", "visit:country", "event:props:x", "/*", "buy", "e1", "7d",
    '{"page":"/"}', '{"steps":[{"page":"/"},{"event":"x"}],"within":"person"}',
    '{"steps":[{"page":"*"},{"page":"/"}],"order":"strict"}',
]  # fmt: skip


def understood(parameter: Parameter) -> list[str]:
    """Texts that may mean something to the parameter."""
    found = []
    for text in {"date_range": RANGES, "filters": FILTERS}.get(parameter.name, TEXTS):
        with suppress(ValueError):
            parameter.read(text)
            found.append(text)
    return found


@given(st.sampled_from(list(REPORTS.values())), st.data())
@settings(max_examples=80, derandomize=True)
def test_whatever_is_asked_of_a_report_is_answered_or_told_what_is_wrong(report: Report, data: st.DataObject) -> None:
    taken = {name: found for name, found in parameters_of(report).items() if name not in ("site_id", "format")}
    chosen = data.draw(st.sets(st.sampled_from(list(taken)), max_size=4))
    chosen |= {name for name, parameter in taken.items() if parameter.required}
    asked = {name: data.draw(st.sampled_from(understood(taken[name]))) for name in sorted(chosen)}
    answer = get(report.name, **asked)
    assert answer.status_code in (200, 400), answer.get_body()


def test_a_file_has_its_name_and_the_time_up_to_which_it_is_complete() -> None:
    until = datetime(2026, 3, 1, 12, tzinfo=UTC)
    request = func.HttpRequest("GET", "/", body=b"")
    headers = formatted_answer(request, Answer(b"", Format.CSV, until), "pages").headers
    assert headers["Content-Disposition"] == 'attachment; filename="pages.csv"'
    assert headers["X-Complete-Until"] == "2026-03-01T12:00:00+00:00"
    assert "X-Complete-Until" not in formatted_answer(request, Answer(b"", Format.PARQUET, None), "pages").headers
    assert "Content-Disposition" not in formatted_answer(request, Answer(b"{}", Format.JSON, until), "pages").headers


def test_an_open_dashboard_gets_only_answers_that_changed() -> None:
    first = get("events")
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    tag = first.headers["ETag"]
    again = get("events", has=f'"other", {tag}')
    assert (again.status_code, again.get_body(), again.headers["ETag"]) == (304, b"", tag)
    assert get("events", has='"other"').status_code == 200
    assert get("events", date_range="all", limit="1").headers["ETag"] != tag


def test_an_entity_tag_opens_nothing_without_the_key() -> None:
    tag = get("events").headers["ETag"]
    assert get("events", "blog-read", has=tag).status_code == 403
    assert get("events", "nobodys", has=tag).status_code == 401


def test_no_browser_stores_what_single_visitors_did() -> None:
    answer = get("visits")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    ("accepted", "format_", "length", "compressed"),
    [
        ("gzip, deflate, br", Format.JSON, 5_000, True),
        ("br, GZIP;q=0.5", Format.CSV, 5_000, True),
        ("gzip;q=0, br", Format.JSON, 5_000, False),
        ("x-gzip", Format.JSON, 5_000, False),
        ("", Format.JSON, 5_000, False),
        ("gzip", Format.JSON, 500, False),
        ("gzip", Format.PARQUET, 5_000, False),
    ],
)
def test_an_answer_is_compressed_for_who_can_read_it_so(
    accepted: str, format_: Format, length: int, compressed: bool
) -> None:
    body = b'{"rows": []}' + b" " * length
    request = func.HttpRequest("POST", "/", headers={"Accept-Encoding": accepted}, body=b"")
    answer = formatted_answer(request, Answer(body, format_, None), "rows")
    assert answer.headers.get("Content-Encoding") == ("gzip" if compressed else None)
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert (gzip.decompress(answer.get_body()) if compressed else answer.get_body()) == body


def test_a_report_of_a_site_holds_no_row_of_another() -> None:
    visits = get("visits", format="csv").get_body().decode()
    assert get("visit_events", visit="e3").get_body().count(b"e3") == 0
    assert "e3" not in visits
    assert json.loads(get("events").get_body())["rows"] == [["page_view", 0, 0, 2]]


def test_the_reports_are_listed_with_what_they_take_and_answer() -> None:
    answer = asyncio.run(report_routes.reports(func.HttpRequest("GET", "/", body=b"")))
    listed = {report["name"]: report for report in json.loads(answer.get_body())["reports"]}
    assert listed.keys() == REPORTS.keys()
    assert {"name": "visit", "required": True}.items() <= listed["visit_events"]["parameters"][-1].items()
    assert [column["name"] for column in listed["pages"]["columns"]][:2] == ["page", "visitors"]


def test_reports_and_statements_of_two_sites_at_once_stay_apart() -> None:
    async def ask(site: str) -> int:
        headers = {"Authorization": f"Bearer {site}-read"}
        body = json.dumps({"site_id": site, **REPORT}).encode()
        answer = await routes.query(func.HttpRequest("POST", "/", headers=headers, body=body))
        return int(json.loads(answer.get_body())["results"][0]["metrics"][0])

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(ask(site) for _ in range(20) for site in ("shop", "blog")))

    assert asyncio.run(all_at_once()) == [2, 1] * 20


def test_the_sql_of_a_query_can_be_left_out() -> None:
    asked = {"site_id": "shop", **REPORT}
    _, whole, _ = post("query", json.dumps(asked).encode(), "shop-read")
    _, brief, _ = post("query", json.dumps({**asked, "include": {"sql": False}}).encode(), "shop-read")
    assert brief["results"] == whole["results"]
    assert whole["meta"].keys() - brief["meta"].keys() == {"sql", "parameters"}
