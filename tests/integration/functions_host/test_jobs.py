"""Timers, queues and worker processes of the local host."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from local.functions_host.process import FunctionsHost
from local.processes import StartFailed

pytestmark = pytest.mark.integration
APP = """
import json, os, pathlib
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
log = pathlib.Path(os.environ["RAN"])

def note(**what):
    with log.open("a") as file:
        file.write(json.dumps({"pid": os.getpid(), **what}) + "\\n")

@app.timer_trigger("timer", "%SCHEDULE%", run_on_startup=os.environ.get("STARTUP") == "1")
async def tick(timer: func.TimerRequest) -> None:
    note(kind="timer", past_due=timer.past_due)

@app.timer_trigger("timer", "0 0 0 1 1 *")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
def failing(timer: func.TimerRequest) -> None:
    note(kind="failing")
    raise ValueError("again")

@app.queue_trigger("msg", "jobs", "AzureWebJobsStorage")
def work(msg: func.QueueMessage) -> None:
    note(kind="queue", body=msg.get_body().decode(), count=msg.dequeue_count)
    if b"bad" in msg.get_body():
        raise ValueError("bad")

@app.route("pid", methods=["GET"])
async def pid(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(os.getpid()))
"""


class Jobs:
    """An app of jobs, and what ran in it."""

    def __init__(self, folder: Path, azurite: Azurite) -> None:
        self.folder = folder
        (folder / "function_app.py").write_text(APP)
        (folder / "host.json").write_text('{"version": "2.0"}')
        self.env = {
            "RAN": str(folder / "ran"),
            "SCHEDULE": "0 0 0 1 1 *",
            "AzureWebJobsStorage": azurite.connection_string,
        }

    def host(self, workers: int = 1, **env: str) -> FunctionsHost:
        return FunctionsHost(self.folder, self.folder / "host", env={**self.env, **env}, workers=workers)

    def ran(self, kind: str) -> list[dict[str, object]]:
        log = self.folder / "ran"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [line for line in lines if line["kind"] == kind]


def wait_until(happened: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def jobs(tmp_path: Path, azurite: Azurite) -> Jobs:
    return Jobs(tmp_path, azurite)


def test_a_timer_runs_by_its_schedule(jobs: Jobs) -> None:
    with jobs.host(SCHEDULE="* * * * * *"):
        wait_until(lambda: len(jobs.ran("timer")) >= 2)
    assert {run["past_due"] for run in jobs.ran("timer")} == {False}


def test_a_timer_runs_on_startup_where_it_says_so(jobs: Jobs) -> None:
    with jobs.host(STARTUP="1"):
        wait_until(lambda: len(jobs.ran("timer")) == 1)


def test_a_run_that_was_missed_is_made_up_for_and_told(jobs: Jobs) -> None:
    with jobs.host():
        status = jobs.folder / "host" / "state" / "timer-tick.json"
        wait_until(status.exists)
    kept = json.loads(status.read_text())
    kept["next"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    status.write_text(json.dumps(kept))
    with jobs.host():
        wait_until(lambda: [run["past_due"] for run in jobs.ran("timer")] == [True])


def test_a_changed_schedule_begins_anew(jobs: Jobs) -> None:
    with jobs.host():
        status = jobs.folder / "host" / "state" / "timer-tick.json"
        wait_until(status.exists)
    kept = json.loads(status.read_text())
    kept["next"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    status.write_text(json.dumps(kept))
    with jobs.host(SCHEDULE="0 0 0 2 1 *"):
        wait_until(lambda: json.loads(status.read_text())["schedule"] == "0 0 0 2 1 *")
    assert jobs.ran("timer") == []


def test_a_timer_that_fails_is_tried_again_as_often_as_it_says(jobs: Jobs) -> None:
    with jobs.host() as host:
        assert httpx.post(f"{host.base_url}/admin/functions/failing", json={}, timeout=60).status_code == 202
        wait_until(lambda: "failing failed (attempt 3)" in host.log.read_text())
        assert len(jobs.ran("failing")) == 3


def test_a_queue_message_is_worked_off_and_poison_is_put_aside(jobs: Jobs, azurite: Azurite) -> None:
    with (
        jobs.host(),
        QueueClient.from_connection_string(azurite.connection_string, "jobs") as queue,
        QueueClient.from_connection_string(azurite.connection_string, "jobs-poison") as poison,
    ):
        wait_until(lambda: _exists(queue) and _exists(poison))
        for body in (b"good", b"bad"):
            queue.send_message(base64.b64encode(body).decode())
        queue.send_message("no base64 !")
        wait_until(lambda: poison.get_queue_properties().approximate_message_count == 2)
        wait_until(lambda: queue.get_queue_properties().approximate_message_count == 0)
        put_aside = {message.content for message in poison.receive_messages()}
    assert put_aside == {base64.b64encode(b"bad").decode(), "no base64 !"}
    assert [run["count"] for run in jobs.ran("queue") if run["body"] == "good"] == [1]
    assert [run["count"] for run in jobs.ran("queue") if run["body"] == "bad"] == [1, 2, 3, 4, 5]


def _exists(queue: QueueClient) -> bool:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        queue.get_queue_properties()
    except ResourceNotFoundError:
        return False
    return True


def test_several_processes_serve_one_port_a_dead_one_comes_back_and_jobs_run_once(jobs: Jobs) -> None:
    with jobs.host(workers=3, STARTUP="1") as host:
        seen: set[int] = set()

        def all_seen() -> bool:
            seen.add(int(httpx.get(f"{host.base_url}/api/pid", timeout=60).text))
            return len(seen) == 3

        wait_until(all_seen)
        (timer,) = jobs.ran("timer")
        victim = next(pid for pid in seen if pid != timer["pid"])
        os.kill(victim, signal.SIGKILL)
        before = set(seen)

        def replaced() -> bool:
            try:
                return int(httpx.get(f"{host.base_url}/api/pid", timeout=60).text) not in before
            except httpx.HTTPError:
                return False

        wait_until(replaced)
    assert len(jobs.ran("timer")) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_an_app_that_cannot_start_says_why(jobs: Jobs, workers: int) -> None:
    del jobs.env["SCHEDULE"]
    with pytest.raises(StartFailed, match="'%SCHEDULE%' does not resolve"):
        jobs.host(workers=workers).start()
