"""What the holder of a share link can do at the routes: numbers about many, and nothing about a person in any form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.querying.reports.registry import REPORTS
from functions import dashboard, query, reports
from local.azurite import Azurite
from tests.functional.environment import app_over
from tests.integration.querying.lake import event, make_lake

pytestmark = pytest.mark.usefixtures("environment")

K = 5
YESTERDAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
DOCUMENT = """
site: shop
keys:
- {kind: read, key: shop-read}
- {kind: share, key: shop-share}
shared_properties: [plan]
goals:
- {name: Signup, event: signup}
- {name: Jane, event: signup, filters: [[is, "event:props:name", [Jane Doe]]]}
funnels:
- {name: Way, steps: [{page: /a}, {event: signup}]}
- {name: Jane's, steps: [{page: /a}, {event: signup, filters: [[is, "event:props:name", [Jane Doe]]]}]}
segments:
- {name: paying, filters: [[is, "event:props:plan", [pro]]]}
- {name: jane, filters: [[is, "event:props:name", [Jane Doe]]]}
audiences:
- {name: Jane, slug: jane, where: {all: [{did: {goal: Signup}, times: {at_least: 2}, within: 7d}, {not: {in: them}}]}}
- {name: Them, slug: them, where: {sum: {property: value}, at_least: 5, within: 12h}}
"""
# Nothing of this may be in any answer to a share key.
SECRETS = ("Jane", "ACME", "/jane", "one@", "identify")


def rows() -> Iterator[dict[str, Any]]:
    """Twelve visitors of two pages; one of them also saw a page of its own and identified itself."""
    for number in range(12):
        visitor = {"anonymous_id": f"v{number}", "session_id": f"s{number}", "country": "DE" if number < 6 else "FR"}
        properties = json.dumps({"plan": "pro" if number % 2 else "free", "name": f"Jane {number}", "revenue": 7})
        for page in ("/a", "/b"):
            yield event(f"{page}{number}", "shop", YESTERDAY, page_path=page, properties=properties, **visitor)
        signup = {"event_type": "custom", "event_name": "signup", "properties": properties}
        yield event(f"signup{number}", "shop", YESTERDAY, page_path="/b", **signup, **visitor)
    own = {"anonymous_id": "v0", "session_id": "s0", "country": "DE"}
    yield event("own", "shop", YESTERDAY, page_path="/jane", **own)
    traits = json.dumps({"name": "Jane Doe", "company": "ACME", "email": "one@example.com", "age": 42})
    for name in ("identify", "group", "alias"):
        yield event(name, "shop", YESTERDAY, event_type=name, event_name=name, properties=traits, **own)


@pytest.fixture(scope="module")
def environment(azurite: Azurite) -> Iterator[None]:
    lake = make_lake(azurite)
    lake.append(*rows())
    lake.put("sites/shop.yaml", DOCUMENT.encode())
    with app_over(lake, azurite):
        yield


def post(key: str = "shop-share", **body: Any) -> tuple[int, dict[str, Any]]:
    asked = {"site_id": "shop", "metrics": ["visitors", "events"], "date_range": "7d", **body}
    headers = {"Authorization": f"Bearer {key}"}
    answer = asyncio.run(query.query(func.HttpRequest("POST", "/", headers=headers, body=json.dumps(asked).encode())))
    return answer.status_code, json.loads(answer.get_body())


def get(name: str, key: str = "shop-share", **parameters: str) -> func.HttpResponse:
    answer: func.HttpResponse = asyncio.run(
        reports.report(
            func.HttpRequest(
                "GET",
                "/",
                headers={"Authorization": f"Bearer {key}"},
                params={"site_id": "shop", **parameters},
                route_params={"name": name},
                body=b"",
            )
        )
    )
    return answer


def test_a_share_link_reads_no_name_and_no_company_out_of_traits() -> None:
    for name in ("name", "company", "age"):
        status, document = post(
            dimensions=[f"event:props:{name}"], filters=[["is", "event:name", ["identify"]]], metrics=["events"]
        )
        assert (status, document["code"]) == (403, "forbidden")
    status, document = post("shop-read", dimensions=["event:props:company"], metrics=["events"])
    assert "ACME" in json.dumps(document), "a read key reads it"


def test_a_share_link_sees_no_event_that_says_who_somebody_is() -> None:
    _, document = post(dimensions=["event:name"])
    assert sorted(row["dimensions"][0] for row in document["results"]) == ["page_view", "signup"]
    status, document = post(filters=[["has_done", ["is", "event:name", ["identify"]]]])
    assert (status, document["results"]) == (200, [{"dimensions": [], "metrics": [0, 0]}])


def test_the_page_of_one_visitor_is_one_with_others_and_their_sum_is_the_whole() -> None:
    _, whole = post()
    _, document = post(dimensions=["event:page"], include={"total_rows": True})
    names = [row["dimensions"][0] for row in document["results"]]
    assert sorted(names) == ["(fewer than 5)", "/b"]
    assert document["meta"]["total_rows"] == 2
    assert sum(row["metrics"][1] for row in document["results"]) == whole["results"][0]["metrics"][1]
    assert all(row["metrics"][0] >= K for row in document["results"])
    sharing = document["meta"]["sharing"]
    assert sharing == {"smallest_group": K, "withheld": False, "small_groups": "folded"}
    assert post(dimensions=["visit:country"])[1]["meta"]["sharing"]["small_groups"] == "none"


@pytest.mark.parametrize("operator", ["is", "contains", "matches"])
def test_no_filter_finds_the_page_of_one_visitor(operator: str) -> None:
    _, document = post(filters=[[operator, "event:page", ["/jane"]]])
    assert [row["metrics"] for row in document["results"]] in ([], [[0, 0]])


def test_a_filter_that_leaves_one_visitor_is_withheld_and_says_so() -> None:
    # Of the plan `pro` and the country DE there are three visitors, and each of the two has many.
    filters = [["is", "event:props:plan", ["pro"]], ["is", "visit:country", ["DE"]]]
    for dimensions in ([], ["event:page"], ["time:day"]):
        include = {"comparisons": {"mode": "previous_period"}}
        status, document = post(filters=filters, include=include, dimensions=dimensions)
        assert (status, document["results"], document["meta"]["sharing"]["withheld"]) == (200, [], True)
    assert post("shop-read", filters=filters)[1]["results"][0]["metrics"][0] == 3


def test_a_share_link_reaches_an_unlisted_property_by_no_goal_and_no_segment_of_the_site() -> None:
    for filters in ([["segment", "jane"]], [["is", "event:goal", ["Jane"]]]):
        status, document = post(filters=filters)
        assert (status, document["code"]) == (400, "invalid_query")
        assert "Jane's" not in document["message"]
    assert post(filters=[["segment", "paying"]])[0] == 200
    _, document = post(dimensions=["event:goal"])
    assert [row["dimensions"][0] for row in document["results"]] == ["Signup"]


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("name", REPORTS)
def test_no_report_in_no_form_tells_a_share_key_of_a_person(name: str, form: str) -> None:
    values = {"goal": "Signup", "funnel": "Way", "visit": "own", "audience": "own", "person": "own"}
    report = REPORTS[name]
    needed = [each.name for each in report.parameters if each.required or each.name == "funnel"]
    given = {parameter: values[parameter] for parameter in needed}
    when = {"date_range": "7d"} if "date_range" in report.takes else {}
    answer = get(name, format=form, **when, **given)
    assert answer.status_code == (200 if REPORTS[name].shared else 403), answer.get_body()
    text = answer.get_body().decode()
    assert [secret for secret in SECRETS if secret in text and REPORTS[name].shared] == []


def test_reports_by_filters_are_as_closed_as_queries() -> None:
    filters = json.dumps([["is", "event:props:name", ["Jane Doe"]]])
    for name in ("pages", "overview", "goals", "countries"):
        assert get(name, filters=filters).status_code == 403
        assert get(name, date_range="realtime").status_code == 403
        assert get(name, date_range="2026-03-01T12:00:00Z,2026-03-01T12:00:01Z").status_code == 403
    assert get("overview", interval="minute").status_code == 403
    columns = [column["name"] for column in json.loads(get("goals").get_body())["columns"]]
    assert columns == ["goal", "visitors", "events", "conversion_rate"], "no revenue, which the site does not share"


def test_the_sites_route_names_to_a_share_key_what_it_opens_and_no_more() -> None:
    def told(key: str) -> dict[str, Any]:
        request = func.HttpRequest("GET", "/", headers={"Authorization": f"Bearer {key}"}, body=b"")
        (site,) = json.loads(asyncio.run(dashboard.sites(request)).get_body())["sites"]
        return site  # type: ignore[no-any-return]

    shared = told("shop-share")
    assert [goal["name"] for goal in shared["goals"]] == ["Signup"]
    assert (shared["funnels"], shared["segments"]) == (["Way"], ["paying"])
    assert (shared["smallest_group"], shared["shared_properties"]) == (K, ["plan"])
    assert shared["closed_dimensions"] == ["event:currency", "person:id", "time:minute"]
    assert "Jane" not in json.dumps(shared)
    assert told("shop-read")["segments"] == ["paying", "jane"]
    read = told("shop-read")
    assert "closed_dimensions" not in read
    parts = [{"did": {"goal": "Signup"}, "times": {"at_least": 2}, "within": "7d"}, {"not": {"in": "them"}}]
    assert read["audiences"][0] == {"name": "Jane", "slug": "jane", "where": {"all": parts}}
    assert read["audiences"][1]["where"] == {"sum": {"property": "value"}, "at_least": 5, "within": "12h"}
    for name in DIMENSIONS:
        status, document = post(dimensions=[name])
        assert status == (403 if name in shared["closed_dimensions"] else 200), (name, document)
