"""A person is exported and erased by the routes of a running stack, and is found in no blob of the account after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.stack import ROOT, Stack
from tests.e2e.erasing import ask, found_in
from tests.e2e.journey import compact_everything, select

pytestmark = pytest.mark.e2e


def send(client: httpx.Client, *events: dict[str, Any]) -> None:
    answer = client.post("/api/events", json=list(events), headers={"X-Write-Key": "demo"})
    assert answer.status_code == 200, answer.text


def test_a_person_is_handed_over_then_erased_everywhere(stack: Stack, client: httpx.Client, tmp_path: Path) -> None:
    person, other = f"canary-{uuid4().hex}", f"other-{uuid4().hex}"
    for user in (person, other):
        send(client, {"name": "sale", "user_id": user, "properties": {"note": user}}, {"name": "page_view"})
        send(client, {"name": "sale", "user_id": user})
        failed = client.post("/api/events", json={"user_id": user}, headers={"X-Write-Key": "demo"})
        assert failed.status_code == 400
    compact_everything(stack)
    send(client, {"name": "not yet compacted", "user_id": person})
    stack.event_hubs.flush_capture()

    exported = ask(client, "export-person", person)
    assert exported.status_code == 200 and exported.headers["Content-Type"] == "application/x-ndjson"
    *rows, last = [json.loads(line) for line in exported.text.splitlines()]
    assert other not in exported.text
    assert len(rows) >= 3 and last["end"]["failed_events"] == 1
    assert found_in(stack, person) != []

    assert ask(client, "erase", person, "demo-read").status_code == 401
    answer = ask(client, "erase", person)
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    assert receipt["counts"]["events"] >= 2 and receipt["counts"]["failed_events"] == 1
    assert found_in(stack, person) == []
    compact_everything(stack)
    assert found_in(stack, person) == []
    assert select(client, "SELECT count(*) FROM events WHERE user_id = ?", other) == [[2]]
    [end] = [json.loads(line) for line in ask(client, "export-person", person).text.splitlines()]
    assert (end["end"]["events"], end["end"]["failed_events"]) == (0, 0)

    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(receipt))
    assert command(stack, "verify", str(file))[0] == 0
    file.write_text(json.dumps({**receipt, "asked_by": "somebody else"}))
    code, told = command(stack, "verify", str(file))
    assert (code, told) == (1, f"{file}: its signature does not match: it was changed since")
    assert command(stack, "export", "no-such-site", "--user", "x")[0] == 1


def command(stack: Stack, *arguments: str) -> tuple[int, str]:
    """Exit code and what `python -m clickstream.erasing` said."""
    process = subprocess.run(
        [sys.executable, "-m", "clickstream.erasing", *arguments],
        cwd=ROOT,
        env={**os.environ, **stack.functions_environment()},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return process.returncode, (process.stderr or process.stdout).strip()
