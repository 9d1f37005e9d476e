"""The log lines of a collecting process, which the host must forward."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from local.processes import free_port

pytestmark = pytest.mark.e2e
App = Callable[..., httpx.Client]


def lines(log: Path) -> dict[str, list[dict[str, object]]]:
    """Warnings of functions that run, by the line's name."""
    found: dict[str, list[dict[str, object]]] = {}
    for name, told in re.findall(r"WARNING \S+ \[[0-9a-f-]{36}\] (\w+): (\{.*\})$", log.read_text(), re.M):
        found.setdefault(name, []).append(json.loads(told))
    return found


def test_a_hub_that_is_gone_is_told_once_by_the_requests_that_miss_it(app: App, tmp_path: Path) -> None:
    nowhere = (
        f"Endpoint=sb://localhost:{free_port()};SharedAccessKeyName=k;SharedAccessKey=cw==;UseDevelopmentEmulator=true;"
    )
    client = app(EventHubConnection=nowhere)
    for number in range(6):
        answer = client.post("/api/events?write_key=demo", json={"name": "bought", "event_id": f"gone-{number}"})
        assert (answer.status_code, answer.headers["X-Collector-Path"]) == (200, "spill")
    told = lines(tmp_path / "functions.log")
    assert told["spilling"] == [{"schema": 1, "events": 1}]
    assert [(each["hub"], each["openings"]) for each in told["breaker_open"]] == [("events", 1)]
    assert "refused" not in told


def test_events_that_nothing_takes_are_told_with_what_they_were_answered(app: App, tmp_path: Path) -> None:
    client = app(VISITOR_ID_KEY="@Microsoft.KeyVault(SecretUri=x)")
    for _ in range(3):
        assert client.post("/api/events?write_key=demo", json={"name": "bought"}).status_code == 503
    (told,) = lines(tmp_path / "functions.log")["refused"]
    assert (told["status"], told["requests"]) == (503, 1)
    assert "VISITOR_ID_KEY is a Key Vault reference" in str(told["message"])
