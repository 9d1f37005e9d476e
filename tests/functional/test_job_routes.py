"""The routes of jobs, called as functions over a real lake: who may ask, what is shown, and a run of the app."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import azure.functions as func
import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.services import now, services
from clickstream.storage.progress import Progress, write_progress
from functions.openapi import handlers
from local.azurite import Azurite
from tests.functional.environment import app_over
from tests.integration.querying.lake import make_lake

CONTAINER = f"exports-{uuid4().hex[:8]}"
DOCUMENT = f"""
site: shop
time_zone: Europe/Berlin
keys:
- {{kind: public, key: shop-public}}
- {{kind: read, key: shop-read}}
- {{kind: share, key: shop-share}}
- {{kind: admin, key: shop-admin}}
audiences: [{{name: Readers, slug: readers, where: {{did: {{}}, within: 30d}}}}]
jobs:
- name: nightly
  description: To the partner.
  export: events
  to: {{connection: the-partner, container: {CONTAINER}, filename: "a/{{TIMESTAMP}}"}}
  keep_updated: {{every: day, at: "02:30"}}
- name: once
  export: events
  to: {{connection: nobody, container: {CONTAINER}, filename: "b"}}
"""
OTHER = """
site: blog
keys:
- {kind: admin, key: blog-admin}
jobs:
- name: readers
  import: sql
  from: {connection: readers, table: readers, timestamp_column: changed}
- name: customers
  import: csv
  from: {connection: the-partner, container: partner-files, file: customers.csv}
  stream: crm
"""


@pytest.fixture(autouse=True)
def environment(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A function app with a site that has two jobs, the connection of one of which is set."""
    lake = make_lake(azurite)
    lake.put("sites/shop.yaml", DOCUMENT.encode())
    lake.put("sites/blog.yaml", OTHER.encode())
    monkeypatch.setenv("CONNECTION_THE_PARTNER", azurite.connection_string)
    with app_over(lake, azurite):
        yield


def ask(
    function: str, key: str | None = "shop-admin", job: str = "nightly", site: str = "shop", **parameters: str
) -> tuple[int, dict[str, Any]]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    is_read = function in ("jobs", "job_runs")
    request = func.HttpRequest(
        "GET" if is_read else "POST",
        "/",
        headers=headers,
        params={"site_id": site, **parameters} if is_read else {},
        route_params={"job": job, "audience": job},
        body=b"" if is_read else json.dumps({"site_id": site}).encode(),
    )
    answer: func.HttpResponse = asyncio.run(handlers()[function](request))
    return answer.status_code, json.loads(answer.get_body())


def work() -> Any:
    """What the timer does."""
    sites = asyncio.run(services().sites.in_force())
    return services().job_runner.run_due(sites, now() + timedelta(minutes=5))


def test_jobs_are_listed_with_status_and_next_runs() -> None:
    status, answer = ask("jobs", "shop-read")
    assert status == 200
    nightly, once = answer["jobs"]
    assert (nightly["name"], nightly["description"], nightly["status"]) == ("nightly", "To the partner.", "active")
    assert len(nightly["next_runs"]) == 5
    assert all("T02:30:00+0" in moment for moment in nightly["next_runs"][1:])
    assert (len(once["next_runs"]), once["run"], once["last_run"]) == (1, None, None)


def test_a_connection_is_a_setting_of_the_app(azurite: Azurite) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        client.create_container(CONTAINER)
    report = work()
    assert report.ended == ["shop/nightly"]
    assert report.failed == {
        "shop/once": "connection_missing (operator): CONNECTION_NOBODY (a connection string) or "
        "CONNECTION_NOBODY__accountName (for the app's identity) is required",
        "blog/customers": "no_container (operator): blobs under '' cannot be listed: there is no such container",
        "blog/readers": "connection_missing (operator): CONNECTION_READERS (a connection string) or "
        "CONNECTION_READERS__server and CONNECTION_READERS__database are required",
    }
    (run,) = ask("job_runs", "shop-read")[1]["runs"]
    assert (run["outcome"], run["counts"]["rows"], len(run["files"])) == ("succeeded", 0, 1)
    assert ask("jobs")[1]["jobs"][1]["status"] == "failed"
    assert azurite.connection_string not in json.dumps(ask("jobs"))


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda text: "nonsense", "connection_missing", "with AccountName and AccountKey"),
        (lambda text: re.sub("AccountKey=[^;]+", "AccountKey=secret!", text), "connection_missing", "is no base64"),
        (lambda text: re.sub("AccountKey=[^;]+", "AccountKey=c2VjcmV0", text), "permission_denied", "the app may not"),
    ],
)
def test_a_connection_that_is_wrong_is_the_operators(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str], code: str, words: str
) -> None:
    monkeypatch.setenv("CONNECTION_THE_PARTNER", change(azurite.connection_string))
    report = work()
    for name in ("shop/nightly", "blog/customers"):
        assert report.failed[name].startswith(f"{code} (operator): ")
        assert words in report.failed[name]
        assert "secret" not in report.failed[name]
        assert "c2VjcmV0" not in report.failed[name]


def test_a_run_is_asked_for_once_and_a_job_stopped_resumed_and_reset() -> None:
    status, answer = ask("run_job", job="once")
    assert (status, set(answer)) == (200, {"run", "due_at"})
    assert ask("run_job", job="once")[0] == 409
    assert ask("jobs")[1]["jobs"][1]["status"] == "running"
    assert ask("stop_job", job="once")[1]["status"] == "stopped"
    assert ask("resume_job", job="once")[1]["status"] == "running"
    assert ask("reset_job", job="once")[1]["run"] is None


@pytest.mark.parametrize(
    "function", ["run_job", "stop_job", "resume_job", "reset_job", "release_audience", "backfill_audience"]
)
def test_a_read_key_changes_nothing(function: str) -> None:
    for key in (None, "shop-read", "shop-public", "nobody"):
        assert ask(function, key)[0] == 401
    assert ask(function, "blog-admin")[0] == 403


def test_a_goal_is_added_with_the_sites_own_admin_key_alone() -> None:
    addition = {"site_id": "shop", "kind": "goals", "definition": {"name": "Reads", "event": "read"}}

    def status(key: str | None) -> int:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        body = json.dumps(addition).encode()
        request = func.HttpRequest("POST", "/", headers=headers, params={}, route_params={}, body=body)
        answer: func.HttpResponse = asyncio.run(handlers()["add_definition"](request))
        return int(answer.status_code)

    assert [status(key) for key in (None, "shop-read", "shop-public", "shop-share", "nobody")] == [401] * 5
    assert status("blog-admin") == 403
    assert status("shop-admin") == 200


def test_what_is_not_there_and_what_is_not_understood() -> None:
    assert ask("jobs", None)[0] == 401
    assert ask("jobs", "shop-public")[0] == 401
    assert ask("jobs", "blog-admin")[0] == 403
    assert ask("job_runs", job="other")[0] == 404
    assert ask("run_job", job="other")[0] == 404
    assert ask("job_runs", limit="0")[0] == 400
    assert ask("job_runs", limit="many")[0] == 400


def test_operators_ask_of_audiences_what_the_next_evaluation_does() -> None:
    for function in ("release_audience", "backfill_audience"):
        status, problem = ask(function, job="readers")
        assert (status, problem["code"]) == (404, "not_found")
        assert "'readers' of shop" in problem["detail"]
    container = services().storage.container(services().settings.lake_container)
    write_progress(container, Progress(now(), now()))
    services().deriver.run(at_once=True)
    services().evaluator.run()
    assert ask("backfill_audience", job="readers") == (200, {"site_id": "shop", "audience": "readers"})
    assert ask("release_audience", job="readers")[0] == 404, "no changes of it wait"
