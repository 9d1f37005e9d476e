"""PostHog's own clients, unmodified: what they tell stands in the table."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.trackers.golden import assert_golden
from tests.trackers.harness import Browser, Run, run_node, run_python
from tests.trackers.landing import landed
from tests.trackers.recorder import Sent

pytestmark = pytest.mark.e2e

NOTE = {"plan": "pro", "note": "ü ✓ ?&="}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def runs(stack: Stack, browser: Browser) -> dict[str, Run]:
    """Every client run once; Python's twice, for it packs only when it is asked to."""
    return {
        "node": run_node("posthog.mjs", stack.base_url),
        "python": run_python("posthog_python.py", stack.base_url),
        "python-gzip": run_python("posthog_python.py", stack.base_url, GZIP="1"),
        "browser": browser.run(
            "posthog.js",
            stack.base_url,
            path="/pricing?utm_source=mail",
            awaited=lambda sent: any(event["event"] == "$pageleave" for event in events_in(sent)),
        ),
    }


@pytest.fixture(scope="module")
def rows(runs: Mapping[str, Run], stack: Stack) -> dict[str, Row]:
    """The rows by event id, after one compaction for all."""
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        found = landed(stack, client, "dialect = 'posthog'")
    assert len(found) == len({row["event_id"] for row in found}), "one row for each event"
    return {row["event_id"]: row for row in found}


def of(row: Row, column: str) -> Any:
    return json.loads(row[column])


def sent_events(run: Run) -> list[dict[str, Any]]:
    """The events that a run really sent, each once: a page that is left while it sends may send again by beacon."""
    return list({event["uuid"]: event for event in events_in(run.posted())}.values())


def events_in(requests: Iterable[Sent]) -> Iterator[dict[str, Any]]:
    for request in requests:
        if request.method == "POST" and request.path in ("/e/", "/batch/"):
            body = gzip.decompress(request.body) if request.body.startswith(b"\x1f\x8b") else request.body
            yield from json.loads(body)["batch"]


@pytest.mark.parametrize("client", ["node", "python", "python-gzip", "browser"])
def test_every_event_that_is_sent_lands_once(runs: Mapping[str, Run], rows: Mapping[str, Row], client: str) -> None:
    run = runs[client]
    assert [(r.method, r.path) for r in run.requests if r.status not in (200, 204)] == []
    assert {request.status for request in run.posted()} == {200}
    sent = {event["uuid"] for event in sent_events(run)}
    assert sent and sent <= rows.keys()


def test_what_node_tells_is_in_the_table(runs: Mapping[str, Run], rows: Mapping[str, Row]) -> None:
    told = runs["node"].told
    assert (told["errors"], told["flags"]) == ([], {})
    found = {name: rows[uuid] for name, uuid in told["uuids"].items()}
    assert {row["user_id"] for row in found.values()} == {"ada"}
    assert (found["signed up"]["event_name"], of(found["signed up"], "properties")) == ("signed up", NOTE)
    view = found["page_view"]
    assert (view["event_type"], view["utm_source"], view["referrer_host"]) == ("page_view", "news", "search.example")
    assert found["in a group"]["group_id"] == "acme"
    assert found["earlier"]["created_at"] < found["signed up"]["created_at"]
    others = {event["event"]: rows[event["uuid"]] for event in sent_events(runs["node"])}
    identify, alias, group = (others[name] for name in ("$identify", "$create_alias", "$groupidentify"))
    assert (identify["event_type"], identify["user_id"], of(identify, "properties")) == (
        "identify",
        "ada",
        {"name": "Ada"},
    )
    assert {alias["user_id"], alias["previous_id"]} == {"ada", "anonymous-of-ada"}
    assert (group["event_type"], group["group_id"], of(group, "properties")) == ("group", "acme", {"size": 3})
    assert group["user_id"] is None, "the id is made up from the group"


@pytest.mark.parametrize("client", ["python", "python-gzip"])
def test_what_python_tells_is_in_the_table(runs: Mapping[str, Run], rows: Mapping[str, Row], client: str) -> None:
    told = runs[client].told
    assert (told["errors"], told["flags"]) == ([], {})
    packed = {request.body.startswith(b"\x1f\x8b") for request in runs[client].posted() if request.path == "/batch/"}
    assert packed == {client == "python-gzip"}
    found = {name: rows[uuid] for name, uuid in told["uuids"].items()}
    signed_up = found["signed up"]
    assert (signed_up["user_id"], signed_up["page_url"]) == ("grace", "https://shop.example/b")
    assert of(signed_up, "properties") == NOTE
    assert found["nobody"]["user_id"] is None and found["nobody"]["anonymous_id"]
    assert found["earlier"]["created_at"] < signed_up["created_at"]
    assert (found["identify"]["event_type"], of(found["identify"], "properties")) == ("identify", {"name": "Grace"})
    assert {found["alias"]["user_id"], found["alias"]["previous_id"]} == {"grace", "anonymous-of-grace"}
    assert (found["group"]["group_id"], found["group"]["user_id"]) == ("acme", None)


def test_what_a_page_tells_is_in_the_table(runs: Mapping[str, Run], rows: Mapping[str, Row]) -> None:
    run = runs["browser"]
    assert run.errors == []
    told = run.told
    found = {event["event"]: rows[event["uuid"]] for event in sent_events(run)}
    assert {event["event"] for event in told["captured"]} | {"$pageleave"} == found.keys()
    for row in found.values():
        assert (row["anonymous_id"], row["session_id"]) == (told["anonymousId"], told["sessionId"])
        assert row["page_url"] == f"{run.origin}/pricing?utm_source=mail"
        assert (row["screen_width"], row["viewport_width"], row["time_zone"]) == (1920, 1280, "Europe/Berlin")
    before, after = found["signed up"], found["bought"]
    assert (before["user_id"], of(before, "properties")["note"]) == (None, "ü ✓ ?&=")
    assert (after["user_id"], after["group_id"], of(after, "properties")["price"]) == ("ada", "acme", 9.5)
    assert (found["$pageview"]["event_type"], found["$pageview"]["page_title"]) == ("page_view", "Page /pricing")
    identify = found["$identify"]
    assert (identify["user_id"], identify["previous_id"]) == ("ada", told["anonymousId"])
    assert of(identify, "properties")["name"] == "Ada" and of(identify, "context")["set_once"]["first_page"] == "/start"
    assert {found["$create_alias"]["user_id"], found["$create_alias"]["previous_id"]} == {"ada", "ada@work"}
    assert (found["$groupidentify"]["event_type"], found["$groupidentify"]["group_id"]) == ("group", "acme")
    assert found["$pageleave"]["event_type"] == "custom"


def test_a_page_asks_for_nothing_that_is_not_there(runs: Mapping[str, Run]) -> None:
    asked = {request.path for request in runs["browser"].requests}
    assert asked <= {"/array/demo/config.js", "/array/demo/config", "/e/", "/flags/"}


def test_a_page_that_is_refused_sends_again_later(stack: Stack, browser: Browser) -> None:
    run = browser.run("posthog.js", stack.base_url, ["refused"], refusals=[503])
    (retried,) = run.told
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        landings = landed(stack, client, "event_id = ?", retried["uuid"])
    assert [row["event_name"] for row in landings] == ["retried"]
    assert [request.status for request in run.posted() if request.path == "/e/"][:2] == [503, 200]


def test_rows_are_what_they_were_with_these_versions(runs: Mapping[str, Run], rows: Mapping[str, Row]) -> None:
    for client, package in (("node", "posthog-node"), ("python", "posthog"), ("browser", "posthog-js")):
        events = sorted(sent_events(runs[client]), key=lambda event: str(event["event"]))
        assert_golden(package, [rows[event["uuid"]] for event in events])
