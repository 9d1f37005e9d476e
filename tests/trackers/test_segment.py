"""The clients of Segment, RudderStack and Jitsu, unmodified: what they sent stands in the table."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.target import KEYS
from tests.trackers.golden import assert_golden
from tests.trackers.harness import Browser, Run, run_node, run_python
from tests.trackers.landing import landed

pytestmark = pytest.mark.e2e

Row = dict[str, Any]
SERVERS = {
    "segment-node": "@segment/analytics-node",
    "rudderstack-node": "@rudderstack/rudder-sdk-node",
    "segment-python": "segment-analytics-python",
    "rudderstack-python": "rudder-sdk-python",
}
PAGES = {
    "segment-settings": "@segment/analytics-next",
    "segment-batching": "@segment/analytics-next",
    "rudderstack-single": "@rudderstack/analytics-js",
    "rudderstack-batching": "@rudderstack/analytics-js",
    "rudderstack-beacon": "@rudderstack/analytics-js",
}
PATH = "/docs?utm_source=news"
TYPES = {"track": "custom", "page": "page_view"}
KINDS = ["page_view", "alias", "identify", "custom", "group", "screen"]


@pytest.fixture(scope="module")
def runs(stack: Stack, browser: Browser) -> dict[str, Run]:
    """Every client run once."""
    url = stack.base_url

    def page(script: str, step: str, *refusals: int) -> Run:
        return browser.run(f"{script}.js", url, [step], path=PATH, refusals=refusals)

    return {
        "segment-node": run_node("segment.mjs", url, WRITE_KEY=KEYS.server),
        "rudderstack-node": run_node("rudderstack.mjs", url),
        "rudderstack-node-plain": run_node("rudderstack.mjs", url, GZIP="no"),
        "segment-python": run_python("segment_python.py", url, WRITE_KEY=KEYS.server),
        "segment-python-gzip": run_python("segment_python.py", url, GZIP="yes"),
        "rudderstack-python": run_python("rudderstack_python.py", url),
        "segment-settings": page("segment", "settings"),
        "segment-batching": page("segment", "batching"),
        "segment-retrying": page("segment", "retrying", 503),
        "rudderstack-single": page("rudderstack", "single"),
        "rudderstack-batching": page("rudderstack", "batching"),
        "rudderstack-beacon": page("rudderstack", "beacon"),
        "rudderstack-retrying": page("rudderstack", "retrying", 503),
        "jitsu-node": run_node("jitsu.mjs", url),
        "jitsu-page": page("jitsu", "run"),
        "jitsu-nobody": page("jitsu", "nobody"),
    }


@pytest.fixture(scope="module")
def rows(runs: Mapping[str, Run], stack: Stack) -> dict[str, Row]:
    """The rows by event id, after one compaction for all."""
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        return {row["event_id"]: row for row in landed(stack, client, "dialect IN ('segment', 'jitsu')")}


def sent(run: Run) -> Iterator[dict[str, Any]]:
    """Every message in the requests that the functions answered, as its client put it."""
    for request in run.posted():
        if request.method != "POST" or request.status != 200 or request.path.endswith("/v1/m"):
            continue
        body = json.loads(gzip.decompress(request.body) if request.body[:2] == b"\x1f\x8b" else request.body)
        yield from body.get("batch", [body])


def of(row: Row, column: str) -> Any:
    return json.loads(row[column])


def assert_landed(run: Run, rows: Mapping[str, Row]) -> list[Row]:
    """Each message that was sent has its row, with its name, its people and its page. The rows, a kind after another.

    Some clients send several messages at once, so the order in which they arrive says nothing.
    """
    # A page that is left while it sends may send again by beacon.
    messages = list({message["messageId"]: message for message in sent(run)}.values())
    found = [rows[message["messageId"]] for message in messages]
    for message, row in zip(messages, found, strict=True):
        kind = message["type"]
        assert row["event_type"] == TYPES.get(kind, kind)
        assert row["event_name"] == (message["event"] if kind == "track" else TYPES.get(kind, kind))
        assert row["user_id"] == (message.get("userId") or None)
        assert row["previous_id"] == message.get("previousId")
        assert row["group_id"] == message.get("groupId")
        if message.get("anonymousId"):
            assert row["anonymous_id"] == message["anonymousId"]
        page = {**message["context"].get("page", {}), **(message.get("properties", {}) if kind == "page" else {})}
        assert row["page_url"] == page.get("url")
        assert row["page_title"] == page.get("title")
        if kind in ("page", "screen"):
            assert of(row, "properties")["name"] in ("Home", "Main")
        if kind == "track":
            assert of(row, "properties") == message["properties"]
        if kind == "identify":
            assert of(row, "properties") == {"plan": "pro"}
    return sorted(found, key=lambda row: KINDS.index(row["event_type"]))


@pytest.mark.parametrize("client", SERVERS)
def test_every_call_of_a_server_is_in_the_table(runs: Mapping[str, Run], rows: Mapping[str, Row], client: str) -> None:
    run = runs[client]
    assert run.told == {"failures": []}
    assert {(request.method, request.path, request.status) for request in run.requests} == {("POST", "/v1/batch", 200)}
    found = assert_landed(run, rows)
    assert [row["event_type"] for row in found] == KINDS
    assert {row["user_id"] for row in found} <= {client, None}
    assert_golden(SERVERS[client], found)


@pytest.mark.parametrize("client", ["segment-node", "segment-python"])
def test_a_server_speaks_for_somebody_elses_device(
    runs: Mapping[str, Run], rows: Mapping[str, Row], client: str
) -> None:
    track = assert_landed(runs[client], rows)[KINDS.index("custom")]
    assert (track["ip"], track["utm_source"]) == ("203.0.113.0", "news")
    assert "ip" not in of(track, "context")


@pytest.mark.parametrize("client", ["rudderstack-node-plain", "segment-python-gzip"])
def test_packed_or_not_makes_no_difference(runs: Mapping[str, Run], rows: Mapping[str, Row], client: str) -> None:
    assert runs[client].told == {"failures": []}
    packed = {request.body[:2] == b"\x1f\x8b" for request in runs[client].requests}
    assert packed == {client.endswith("gzip")}
    assert len(assert_landed(runs[client], rows)) == 6


@pytest.mark.parametrize("client", PAGES)
def test_every_call_of_a_page_is_in_the_table(runs: Mapping[str, Run], rows: Mapping[str, Row], client: str) -> None:
    run = runs[client]
    assert run.errors == []
    assert {request.status for request in run.posted()} == {200}
    found = assert_landed(run, rows)
    assert [row["event_type"] for row in found] == (KINDS if client.startswith("segment") else KINDS[:-1])
    for row in found:
        assert (row["anonymous_id"], row["session_id"]) == (run.told["device"], run.told.get("session"))
        assert (row["page_url"], row["utm_source"]) == (f"{run.origin}{PATH}", "news")
        assert row["language"] == "en-GB"
    assert found[1]["previous_id"] == f"{client}-before"
    assert {row["user_id"] for row in found[1:]} == {client}
    assert_golden(PAGES[client], found, client.partition("-")[2], **run.told)


def paths(run: Run) -> list[str]:
    return [request.path for request in run.posted()]


def test_segments_browser_client_needs_nothing_but_our_settings(runs: Mapping[str, Run]) -> None:
    assert paths(runs["segment-settings"]) == [
        "/v1/projects/demo/settings",
        *("/v1/p", "/v1/a", "/v1/i", "/v1/t", "/v1/g", "/v1/s"),
    ]


def test_segments_browser_client_batches_and_counts_its_own_calls(runs: Mapping[str, Run]) -> None:
    assert sorted(set(paths(runs["segment-batching"]))) == ["/v1/b", "/v1/m"]


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("single", ["/v1/alias", "/v1/group", "/v1/identify", "/v1/page", "/v1/track"]),
        ("batching", ["/v1/batch"]),
        ("beacon", ["/beacon/v1/batch"]),
    ],
)
def test_rudderstacks_browser_client_needs_nothing_but_our_source_config(
    runs: Mapping[str, Run], client: str, expected: list[str]
) -> None:
    first, *rest = paths(runs[f"rudderstack-{client}"])
    assert (first, sorted(rest)) == ("/sourceConfig/", expected)


@pytest.mark.parametrize(
    ("client", "header"), [("segment-retrying", "x-retry-count"), ("rudderstack-retrying", "rsa-retry-attempt")]
)
def test_what_a_page_sends_again_passes_the_preflight_of_its_new_headers(
    runs: Mapping[str, Run], rows: Mapping[str, Row], client: str, header: str
) -> None:
    refused, taken = runs[client].posted()
    assert (refused.status, taken.status) == (503, 200)
    assert header in taken.headers
    assert [row["event_name"] for row in assert_landed(runs[client], rows)] == ["Sent Again"]


@pytest.mark.parametrize("client", ["jitsu-node", "jitsu-page"])
def test_every_call_of_jitsus_client_is_in_the_table(
    runs: Mapping[str, Run], rows: Mapping[str, Row], client: str
) -> None:
    run = runs[client]
    assert run.errors == [] and run.told["failures"] == []
    assert {request.status for request in run.posted()} == {200}
    assert {request.answer for request in run.posted()} == {b'{"ok":true}'}
    found = assert_landed(run, rows)
    assert [row["event_type"] for row in found] == ["page_view", "identify", "custom", "group"]
    assert found[0]["utm_source"] == "news"
    assert {row["user_id"] for row in found[1:]} == {client}
    assert_golden("@jitsu/js", found, client.partition("-")[2])


def test_jitsus_client_without_ids_is_counted_all_the_same(runs: Mapping[str, Run], rows: Mapping[str, Row]) -> None:
    run = runs["jitsu-nobody"]
    assert run.errors == [] and run.told == {"failures": []}
    row = next(row for row in rows.values() if row["event_name"] == "Seen By Nobody")
    assert row["user_id"] is None
