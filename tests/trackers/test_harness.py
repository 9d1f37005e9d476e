"""The harness itself, shown with plain clients: what they send is seen, passes unchanged, and stands in the table."""

from __future__ import annotations

import json
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.trackers.golden import assert_golden, installed_version, mask_rows
from tests.trackers.harness import Browser, ClientFailed, Run, run_node, run_python
from tests.trackers.landing import landed

FOLDER = Path(__file__).parent
pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("run", [run_node, run_python])
def test_a_script_tells_what_it_sent_and_it_lands(run: Any, stack: Stack, client: httpx.Client) -> None:
    event_id = str(uuid.uuid4())
    script = {run_node: "plain.mjs", run_python: "plain.py"}[run]
    done: Run = run(script, stack.base_url, EVENT_ID=event_id)
    assert event_id in done.told.values() and done.told["status"] == 200
    (request,) = done.requests
    assert (request.method, request.path, request.status) == ("POST", "/api/events", 200)
    assert json.loads(request.body)["event_id"] == event_id
    assert json.loads(request.answer)["accepted"] == 1
    (row,) = landed(stack, client, "event_id = ?", event_id)
    assert (row["event_name"], row["user_id"]) == (f"from_{'node' if run is run_node else 'python'}", "ada")


def test_a_page_of_another_origin_is_held_to_cors_and_its_last_beacon_lands(
    browser: Browser, stack: Stack, client: httpx.Client
) -> None:
    steps = ["run", "/next?utm_source=mail", "run"]
    done = browser.run(
        "plain.js",
        stack.base_url,
        steps,
        awaited=lambda sent: sum(request.method == "POST" for request in sent) == 6,
    )
    first, second = done.steps
    assert done.told == second and done.errors == []
    assert (second["status"], second["queued"], second["body"]["accepted"]) == (200, True, 1)
    preflights = [request for request in done.requests if request.method == "OPTIONS"]
    assert preflights and all(request.headers["origin"] == done.origin for request in done.requests)
    assert [request.status for request in done.posted()] == [200] * 6
    ids = [event_id for step in (first, second) for event_id in step["ids"].values()]
    rows = landed(stack, client, f"event_id IN ({', '.join('?' * len(ids))})", *ids)
    assert {row["event_id"] for row in rows} == set(ids)
    later = next(row for row in rows if row["event_id"] == second["ids"]["left"])
    assert (later["page_path"], later["utm_source"], later["referrer"]) == ("/next", "mail", f"{done.origin}/start")
    assert_golden("playwright-core", sorted(rows, key=lambda row: ids.index(row["event_id"])), "plain")


def test_each_visit_has_a_profile_of_its_own_and_a_site_of_its_own_if_asked(browser: Browser, stack: Stack) -> None:
    ports = [browser.run("plain.js", stack.base_url, [], host=host).origin for host in ("localhost", "127.0.0.1")]
    assert [str(port).rpartition(":")[0] for port in ports] == ["http://localhost", "http://127.0.0.1"]


def test_a_whole_page_uses_a_published_file(browser: Browser, stack: Stack) -> None:
    done = browser.run("whole_page.html", stack.base_url)
    assert (done.told["tracker"], done.requests, done.errors) == ("function", [], [])


def test_a_page_that_breaks_fails_the_test_with_its_reason(browser: Browser, stack: Stack) -> None:
    with pytest.raises(ClientFailed, match="the page broke"):
        browser.run("plain.js", stack.base_url, ["fail"])
    assert browser.run("plain.js", stack.base_url).told["status"] == 200


def test_a_script_that_breaks_fails_the_test_with_its_reason(stack: Stack) -> None:
    with pytest.raises(ClientFailed, match="EVENT_ID"):
        run_python("plain.py", stack.base_url)


def test_refusals_are_answered_by_the_recorder_and_seen_by_the_page(browser: Browser, stack: Stack) -> None:
    done = browser.run("plain.js", stack.base_url, ["unreadable", "unreadable"], refusals=[503, 429])
    assert done.steps == [503, 429]
    assert [request.status for request in done.posted()] == [503, 429]


def test_golden_rows_are_the_same_on_every_run() -> None:
    def run(port: int) -> list[dict[str, Any]]:
        device, event_id = str(uuid.uuid4()), uuid.uuid4().hex[:16] + "ab12"
        return [
            {
                "event_id": event_id,
                "event_name": name,
                "anonymous_id": device,
                "received_at": f"2026-01-01T00:00:{port % 60:02}.{port}Z",
                "page_url": f"http://localhost:{port}/a?v=1.2.3",
                "user_id": None,
                "sequence_number": port,
                "properties": json.dumps({"of": f"{device}/{event_id}", "epoch_ms": 1763708000000 + port, "count": 3}),
                "context": json.dumps({"$browser_version": port, "version": "4.10.1", "session": f"s{port}"}),
            }
            for name in ("first", "second")
        ]

    runs = [mask_rows(run(port), {f"s{port}": "session"}) for port in (4711, 52001)]
    assert all(one == other for one, other in pairwise(runs))
    assert runs[0][1] == {
        "event_id": "<id-1>",
        "event_name": "second",
        "anonymous_id": "<id-2>",
        "received_at": "<time>",
        "page_url": "http://localhost:<port>/a?v=1.2.3",
        "properties": {"of": "<id-2>/<id-1>", "epoch_ms": "<time>", "count": 3},
        "context": {"$browser_version": "<version>", "version": "4.10.1", "session": "<session>"},
    }


def test_the_packages_that_run_are_those_that_are_pinned() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text())
    pinned = wanted["dependencies"] | {name: package["version"] for name, package in wanted["unpacked"].items()}
    assert {name: installed_version(name) for name in pinned} == pinned
