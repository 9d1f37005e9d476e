"""Snowplow's own trackers, unmodified: what they tell stands in the table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.target import KEYS
from tests.trackers.golden import assert_golden, installed_version
from tests.trackers.harness import Browser, Run, run_node, run_python
from tests.trackers.landing import landed

pytestmark = pytest.mark.e2e

REQUESTS = installed_version("requests")
PRODUCT = {
    "schema": "iglu:com.acme/product/jsonschema/1-0-2",
    "data": {"sku": "A1", "price": 9.5, "note": "ü ✓ ?&="},
}
STRUCT = {"category": "cart", "action": "add", "label": "A1", "property": "blue", "value": 9.5}
ORDER = {"total": 19.9, "items": [{"sku": "A1"}]}
METHODS = (("post", KEYS.server), ("get", "demo"))
PAGE_STEPS = ("post", "get", "ownPath", "anonymous")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def runs(stack: Stack, browser: Browser) -> dict[str, Run]:
    """Every client run once, each by each of its methods."""
    base_url = stack.base_url
    return {
        **{
            f"node-{method}": run_node("snowplow.mjs", base_url, METHOD=method, WRITE_KEY=key)
            for method, key in METHODS
        },
        **{
            f"python-{method}": run_python("snowplow.py", base_url, METHOD=method, WRITE_KEY=key)
            for method, key in METHODS
        },
        **{f"browser-{step}": browser.run("snowplow.js", base_url, [step], path="/shoes?q=ü") for step in PAGE_STEPS},
    }


@pytest.fixture(scope="module")
def rows(runs: Mapping[str, Run], stack: Stack) -> dict[str, Row]:
    """The rows by event id, after one compaction for all."""
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        return {row["event_id"]: row for row in landed(stack, client, "dialect = 'snowplow'")}


def in_order(run: Run, rows: Mapping[str, Row]) -> list[Row]:
    """A run's rows in the order in which they were tracked."""
    told = run.told
    ids: Sequence[str] = list(told["ids"].values()) if isinstance(told, dict) else [event["id"] for event in told]
    return [rows[event_id] for event_id in ids]


def of(row: Row, column: str) -> Any:
    return json.loads(row[column])


@pytest.mark.parametrize(
    ("client", "user", "device", "session", "index"),
    [
        ("node", "ada", "0b5f3a3c-7f0a-4d27-9c9f-8f5a3c1d2e4b", "session-of-node", 7),
        ("python", "grace", "1c6e4b4d-8a1b-4e38-8daa-906b4d2e3f5c", "session-of-python", 3),
    ],
)
@pytest.mark.parametrize("method", ["post", "get"])
def test_what_a_server_tracks_is_in_the_table(
    runs: Mapping[str, Run],
    rows: Mapping[str, Row],
    client: str,
    method: str,
    user: str,
    device: str,
    session: str,
    index: int,
) -> None:
    run = runs[f"{client}-{method}"]
    paths = {(request.method, request.path) for request in run.requests}
    assert paths == {("GET", "/i") if method == "get" else ("POST", "/com.snowplowanalytics.snowplow/tp2")}
    assert {request.status for request in run.requests} == {200}
    assert not run.told.get("failures")
    found = dict(zip(run.told["ids"], in_order(run, rows), strict=True))
    for row in found.values():
        assert (row["user_id"], row["anonymous_id"]) == (user, device)
        assert (row["session_id"], row["session_index"]) == (session, index)
        assert (row["screen_width"], row["viewport_height"]) == (1920, 720)
        assert "app_id" not in of(row, "context"), "it was the key"
        if method == "post":
            assert (row["user_agent"], row["ip"]) == ("Mozilla/5.0 (of the visitor)", "203.0.113.0")
    view, struct, order, screen = (found[name] for name in ("page_view", "struct", "order_placed", "screen"))
    assert (view["event_type"], view["event_name"]) == ("page_view", "page_view")
    assert view["page_url"].startswith("https://shop.example/") and view["utm_source"] == "news"
    assert view["referrer"] == "https://search.example/"
    assert of(view, "context")["entities"] == [PRODUCT]
    assert found["page_ping"]["event_type"] == "page_ping"
    assert of(found["page_ping"], "properties")["y_offset_max"] == 3000
    assert (struct["event_type"], struct["event_name"], of(struct, "properties")) == ("custom", "add", STRUCT)
    assert (order["event_name"], of(order, "properties")) == ("order_placed", {**ORDER, "revenue": ORDER["total"]})
    assert of(order, "context")["schema"] == "iglu:com.acme/order_placed/jsonschema/2-1-0"
    assert order["occurred_at"] == order["created_at"], "a true time is believed"
    assert screen["event_type"] == "screen" and of(screen, "properties")["name"] == "Home"


@pytest.mark.parametrize("method", ["post", "get"])
def test_what_a_page_tracks_is_in_the_table(runs: Mapping[str, Run], rows: Mapping[str, Row], method: str) -> None:
    run = runs[f"browser-{method}"]
    assert run.errors == []
    assert {request.method for request in run.posted()} == {method.upper()}
    assert {request.status for request in run.posted()} == {200}
    found = dict(zip((event["kind"] for event in run.told), in_order(run, rows), strict=True))
    first = run.told[0]
    for row in found.values():
        assert (row["user_id"], row["anonymous_id"], row["session_id"]) == ("ada", first["duid"], first["sid"])
        assert row["page_url"] == f"{run.origin}/shoes?q=%C3%BC"
        assert (row["session_index"], row["time_zone"], row["language"]) == (1, "Europe/Berlin", "en-GB")
        assert (row["screen_width"], row["viewport_width"]) == (1920, 1280)
    assert len({of(row, "context")["page_view_id"] for row in found.values()}) == 1
    assert (found["pv"]["event_type"], found["pv"]["page_title"]) == ("page_view", "Shoes: ü")
    assert (found["se"]["event_name"], of(found["se"], "properties")) == ("add", STRUCT)
    assert found["ue"]["event_name"] == "link_click"
    assert of(found["ue"], "context")["entities"] == [PRODUCT]
    assert ("pp" in found) == (method == "post")


def test_a_page_may_send_to_a_path_of_its_own(runs: Mapping[str, Run], rows: Mapping[str, Row]) -> None:
    run = runs["browser-ownPath"]
    assert {request.path for request in run.requests} == {"/com.acme/counts"}
    assert [row["event_name"] for row in in_order(run, rows)] == ["page_view"]


def test_who_asks_for_anonymity_leaves_no_trace(runs: Mapping[str, Run], rows: Mapping[str, Row]) -> None:
    run = runs["browser-anonymous"]
    assert [request.headers.get("sp-anonymous") for request in run.posted()] == ["*"]
    (row,) = in_order(run, rows)
    assert (row["user_id"], row["session_id"]) == (None, None)
    assert "network_user_id" not in of(row, "context")


def test_rows_are_what_they_were_with_these_versions(runs: Mapping[str, Run], rows: Mapping[str, Row]) -> None:
    packages = {"node": "@snowplow/node-tracker", "python": "snowplow-tracker", "browser": "@snowplow/browser-tracker"}
    for name, run in runs.items():
        client, _, scenario = name.partition("-")
        assert_golden(packages[client], in_order(run, rows), scenario, requests=f"requests/{REQUESTS}")


def test_each_method_is_answered_as_the_trackers_expect(client: httpx.Client) -> None:
    event = {"e": "pv", "aid": "demo", "url": "https://shop.example/"}
    schema = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
    posted = client.post("/com.snowplowanalytics.snowplow/tp2", json={"schema": schema, "data": [event]})
    assert (posted.status_code, posted.text) == (200, "ok")
    assert posted.headers["content-type"].startswith("text/plain")
    for path in ("/i", "/ice.png", "/com.snowplowanalytics.snowplow/tp2/"):
        got = client.get(path, params=event)
        assert (got.status_code, got.headers["content-type"], len(got.content)) == (200, "image/gif", 43)
        assert got.headers["cache-control"] == "no-cache, no-store, must-revalidate"
        assert client.head(path, params=event).status_code == 200
    too_large = client.post("/com.snowplowanalytics.snowplow/tp2", content=b"x" * 4_194_305, params=event)
    assert (too_large.status_code, too_large.json()["code"]) == (400, "too_large")


def test_anonymity_ends_the_cookie_and_a_click_leads_to_no_host_that_is_not_named(client: httpx.Client) -> None:
    headers = {"SP-Anonymous": "*", "Cookie": "sp=5f0e3c6a-0b3c-494c-af4f-0c6a9f111c3f"}
    answer = client.get("/i", params={"e": "pv", "aid": "demo"}, headers=headers)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("sp=;") and "max-age=0" in cookie and "path=/" in cookie
    click = client.get("/r/tp2", params={"aid": "demo", "u": "https://evil.example/"})
    assert (click.status_code, click.json()["code"]) == (404, "not_found")
