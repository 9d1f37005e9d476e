"""Umami, Plausible, Matomo and Google's Measurement Protocol: what their clients tell stands in the table.

The clients are unmodified. Google has none for the protocol, so its requests are those of its documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.target import KEYS
from tests.trackers.golden import assert_golden
from tests.trackers.harness import Browser, Run, run_node
from tests.trackers.landing import landed

pytestmark = pytest.mark.e2e

NOTE = "ü ✓ ?&="
OF_GOOGLE = {
    "client_id": "client.1",
    "user_id": "ada",
    "user_properties": {"plan": {"value": "pro"}},
    "consent": {"ad_user_data": "DENIED"},
    "events": [
        {
            "name": "page_view",
            "params": {
                "event_id": "ga4-page-view",
                "session_id": "123",
                "engagement_time_msec": 100,
                "page_location": "https://shop.example/ga4?utm_source=news",
                "page_title": "G: ü",
                "page_referrer": "https://search.example/",
                "language": "en-gb",
                "screen_resolution": "1920x1080",
            },
        },
        {
            "name": "purchase",
            "params": {"event_id": "ga4-purchase", "value": 9.5, "currency": "EUR", "items": [{"item_id": "A1"}]},
        },
    ],
}

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]


@pytest.fixture(scope="module")
def runs(stack: Stack, browser: Browser) -> dict[str, Run]:
    """Every client run once."""
    return {
        "umami-node": run_node("umami.mjs", stack.base_url),
        "umami-browser": browser.run("umami.html", stack.base_url, path="/shoes?q=ü"),
        "matomo-node": run_node("matomo.mjs", stack.base_url),
        "plausible-browser": browser.run(
            "plausible.js",
            stack.base_url,
            path="/plausible?utm_source=mail",
            awaited=lambda sent: any(b'"engagement"' in request.body for request in sent),
        ),
        "plausible-older": browser.run("plausible_tracker.js", stack.base_url, path="/older?utm_source=mail"),
    }


@pytest.fixture(scope="module")
def rows(runs: Mapping[str, Run], stack: Stack) -> Rows:
    """The rows by dialect in the order in which they were received, after one compaction for all."""
    dialects = ("ga4", "matomo", "plausible", "umami")
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        answer = client.post(f"/mp/collect?measurement_id=G-1&api_secret={KEYS.server}", json=OF_GOOGLE)
        assert answer.status_code == httpx.codes.OK, answer.text
        # Told twice: the ids that the site itself gave make it one.
        client.post(f"/mp/collect?measurement_id=G-1&api_secret={KEYS.server}", json=OF_GOOGLE)
        where = f"dialect IN ({', '.join('?' * len(dialects))})"
        found = landed(stack, client, where, *dialects, order="received_at, event_id")
    return {dialect: [row for row in found if row["dialect"] == dialect] for dialect in dialects}


def of(row: Row, column: str) -> Any:
    return json.loads(row[column])


def at(rows: Sequence[Row], text: str) -> list[Row]:
    """The rows of pages whose address holds a text."""
    return [row for row in rows if text in (row["page_url"] or "")]


def test_every_client_takes_the_answer_for_success(runs: Mapping[str, Run]) -> None:
    for name, run in runs.items():
        assert {request.status for request in run.posted()} == {200}, name
        assert run.errors == [], name
    assert runs["matomo-node"].told == {
        "bulk": {"status": "success", "tracked": 5, "invalid": 0, "invalid_indices": []},
        "errors": [],
    }
    assert runs["umami-node"].told["bodies"] == [{"cache": "", "sessionId": "", "visitId": ""}] * 4
    assert runs["plausible-browser"].told == [{"status": 200}, {"status": 200}]


def test_what_umami_tells_of_a_page_is_in_the_table(runs: Mapping[str, Run], rows: Rows) -> None:
    run = runs["umami-browser"]
    found = at(rows["umami"], str(run.origin))
    assert [row["event_name"] for row in found] == ["page_view", "bought", "pressed", "page_view"]
    for row in found:
        assert (row["page_title"], row["language"], row["screen_width"]) == ("Shoes: ü 100%", "en-GB", 1920)
    first, bought, pressed, following = found
    assert first["page_url"] == f"{run.origin}/shoes?q=%C3%BC"
    assert (bought["event_type"], of(bought, "properties")) == ("custom", {"price": 9.5, "note": NOTE})
    assert of(pressed, "properties") == {"colour": "red"}
    assert (following["utm_source"], following["referrer"]) == ("mail", first["page_url"])
    assert len({row["anonymous_id"] for row in found}) == 1
    assert_golden("umami", found)


def test_what_umami_tells_from_node_is_in_the_table(runs: Mapping[str, Run], rows: Rows) -> None:
    found = [row for row in rows["umami"] if "localhost" not in (row["page_url"] or "")]
    assert [row["event_name"] for row in found] == ["page_view", "bought", "named", "identify"]
    view, bought, named, identify = found
    assert (view["page_url"], view["page_title"]) == ("https://shop.example/node?utm_source=news", "Node: ü")
    assert (view["utm_source"], view["language"], view["screen_width"]) == ("news", "de-CH", 1920)
    assert (bought["referrer_host"], of(bought, "properties")) == ("search.example", {"price": 9.5, "note": NOTE})
    assert (of(named, "properties"), of(identify, "properties")) == ({"colour": "red"}, {"plan": "pro"})
    assert_golden("@umami/node", found)


def test_what_plausible_tells_of_a_page_is_in_the_table(runs: Mapping[str, Run], rows: Rows) -> None:
    run = runs["plausible-browser"]
    found = at(rows["plausible"], f"{run.origin}/plausible")
    assert [row["event_type"] for row in found] == ["page_view", "custom", "page_ping"]
    view, purchase, engagement = found
    assert view["page_url"] == f"{run.origin}/plausible?utm_source=mail" and view["utm_source"] == "mail"
    assert of(view, "properties") == {"theme": "dark"}
    assert purchase["event_name"] == "Purchase"
    assert of(purchase, "properties") == {"theme": "dark", "note": NOTE, "revenue": 9.5}
    assert purchase["currency"] == "EUR"
    assert purchase["interactive"] is False
    assert of(engagement, "properties")["scroll_depth"] == 100
    assert_golden("@plausible-analytics/tracker", found)


def test_what_plausibles_older_client_tells_is_in_the_table(runs: Mapping[str, Run], rows: Rows) -> None:
    run = runs["plausible-older"]
    found = at(rows["plausible"], f"{run.origin}/older")
    assert [(row["event_name"], row["utm_source"]) for row in found] == [("page_view", "mail"), ("Signup", "mail")]
    assert of(found[1], "properties") == {"plan": "pro"}
    assert_golden("plausible-tracker", found)


def test_what_matomo_tells_is_in_the_table(runs: Mapping[str, Run], rows: Rows) -> None:
    found = {row["event_name"]: row for row in rows["matomo"]}
    assert found.keys() == {"page_view", "add", "site_search", "order", "page_ping", "download"}
    for row in found.values():
        assert (row["user_id"], row["anonymous_id"]) == ("ada", "0123456789abcdef")
        assert (row["language"], row["screen_width"], row["screen_height"]) == ("de-CH", 1920, 1080)
    view = found["page_view"]
    assert (view["page_title"], view["utm_source"], view["referrer_host"]) == ("A: ü", "news", "search.example")
    assert view["page_path"] == "/a"
    action = {"category": "cart", "action": "add", "name": f"A1 {NOTE}", "value": 9.5}
    assert of(found["add"], "properties") == action
    order = of(found["order"], "properties")
    assert (order["order_id"], order["revenue"]) == ("o1", 19.9)
    assert order["items"] == [{"sku": "A1", "name": "Shoe", "category": "Men", "price": 9.95, "quantity": 2}]
    assert found["page_ping"]["event_type"] == "page_ping"
    assert_golden("matomo-tracker", sorted(found.values(), key=lambda row: str(row["event_name"])))


def test_what_google_documents_is_in_the_table(rows: Rows) -> None:
    found = {row["event_id"]: row for row in rows["ga4"]}
    assert found.keys() == {"ga4-page-view", "ga4-purchase"}
    assert len(rows["ga4"]) == len(found)
    for row in found.values():
        assert (row["user_id"], row["anonymous_id"]) == ("ada", "client.1")
        assert of(row, "context")["user_properties"] == {"plan": "pro"}
    view, purchase = found["ga4-page-view"], found["ga4-purchase"]
    assert (view["event_type"], view["page_url"]) == ("page_view", "https://shop.example/ga4?utm_source=news")
    assert (view["session_id"], view["page_title"], view["utm_source"]) == ("123", "G: ü", "news")
    stated = {"value": 9.5, "currency": "EUR", "items": [{"item_id": "A1"}]}
    assert of(purchase, "properties") == {**stated, "revenue": 9.5}
    assert purchase["currency"] == "EUR"


def test_the_debugging_twin_records_nothing(stack: Stack) -> None:
    asked = {**OF_GOOGLE, "events": [{"name": "_badEventName"}]}
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        answer = client.post(f"/debug/mp/collect?measurement_id=G-1&api_secret={KEYS.server}", json=asked)
        assert [message["validationCode"] for message in answer.json()["validationMessages"]] == ["NAME_INVALID"]
        assert landed(stack, client, "event_name = '_badEventName'") == []


@pytest.mark.parametrize("path", ["/matomo.php", "/piwik.php"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_pixel_of_matomo_is_answered_by_every_method(stack: Stack, path: str, method: str) -> None:
    asked = f"{path}?idsite=demo&rec=1&url=https%3A%2F%2Fpixel.example%2F{method}"
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        image, silent = client.request(method, asked), client.request(method, f"{asked}&send_image=0")
    assert (image.status_code, image.headers["content-type"]) == (200, "image/gif")
    assert (silent.status_code, silent.content) == (200, b"")
