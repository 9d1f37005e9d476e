"""Without Event Hubs: the main path on the spill alone, from two protocols to the books."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.capture.decode import decode_file
from local.stack import ROOT, Stack
from tests.e2e.defined_shop import Shop
from tests.e2e.erasing import ask, found_in
from tests.e2e.journey import READ, compact_everything, select, stack_settings, wait_for_counts

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: nothing listens on the emulator's port."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSWERED_EVERY_SECONDS", "1")
        settings = replace(stack_settings(tmp_path_factory.mktemp("stack")), without_hub=True)
        with Stack(settings) as running:
            yield running


def spilled(stack: Stack, hub: str) -> int:
    """Number of messages in the blobs of a hub's spill."""
    with BlobServiceClient.from_connection_string(stack.azurite.connection_string) as service:
        container = service.get_container_client("spill")
        return sum(
            len(decode_file(container.download_blob(name).readall()).bodies)
            for name in container.list_blob_names(name_starts_with=f"{hub}/")
            if name.endswith(".avro")
        )


def test_events_of_two_protocols_a_replay_and_an_erasure_need_no_hub(stack: Stack, client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok", "delivery": "spill"}
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["delivery"]) == (200, "spill")
    sinks = ready.json()["sinks"]
    assert {(name, sink["hub"], sink["works"]) for name, sink in sinks.items()} == {
        ("events", "none", True),
        ("failed-events", "none", True),
    }

    # Each answer comes after its blob.
    person = f"canary-{uuid4().hex}"
    basic = {"Authorization": f"Basic {b64encode(b'demo:').decode()}"}
    sent = [
        client.post("/api/events", json=[{"name": "sale", "user_id": person}] * 2, headers={"X-Write-Key": "demo"}),
        client.post("/v1/track", json={"event": "Signed up", "anonymousId": "s", "messageId": "m"}, headers=basic),
    ]
    assert [(each.status_code, each.headers["x-collector-path"]) for each in sent] == [(200, "spill")] * 2
    assert spilled(stack, "events") == 3
    refused = client.post("/api/events", json={"user_id": person}, headers={"X-Write-Key": "demo"})
    assert (refused.status_code, refused.headers["x-collector-path"]) == (400, "spill")
    assert spilled(stack, "failed-events") == 1

    shop = Shop(stack, client)
    shop.define("string")
    shop.send_until("failed")
    shop.define("number")
    shop.send_until("accepted")
    compact_everything(stack)
    assert spilled(stack, "events") == spilled(stack, "failed-events") == 0
    [[kept]] = shop.select("SELECT count(*) FROM failed_events")
    assert (kept > 0, shop.replay()["removed"]) == (True, kept)
    compact_everything(stack)
    assert shop.select("SELECT count(*) FROM failed_events") == [[0]]
    assert shop.select("SELECT count(DISTINCT event_id) = count(*), count(*) FROM events") == [[True, kept + 1]]

    asked = {"site_id": "demo", "metrics": ["events"], "date_range": "all", "dimensions": ["event:name"]}
    everyone = {"filters": [["is", "event:bot", ["true", "false"]]]}
    answer = client.post("/api/query", json={**asked, **everyone}, headers=READ).json()
    assert {row["dimensions"][0]: row["metrics"] for row in answer["results"]} == {"sale": [2], "Signed up": [1]}
    found = "SELECT event_name, dialect, hub_partition FROM events ORDER BY event_name DESC LIMIT 1"
    assert select(client, found) == [["sale", "plain", "spill"]]
    assert answer["meta"]["complete_until"] is not None

    client.post("/api/events", json={"name": "not yet compacted", "user_id": person}, headers={"X-Write-Key": "demo"})
    assert len(ask(client, "export-person", person).text.splitlines()) >= 4
    receipt = ask(client, "erase", person)
    assert (receipt.status_code, receipt.json()["counts"]["failed_events"]) == (200, 1), receipt.text
    assert found_in(stack, person) == []
    compact_everything(stack)
    assert found_in(stack, person) == []

    totals = wait_for_counts(stack, lambda totals: totals.uncounted == 0)
    assert totals.difference == 0 < totals.answered
    printed = subprocess.run(
        [sys.executable, "-m", "clickstream.compacting", "reconcile"],
        cwd=ROOT,
        env={**os.environ, **stack.functions_environment()},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (printed.returncode, printed.stderr) == (0, "")


def test_what_was_answered_is_complete_after_the_next_run_and_no_hub_is_asked(
    stack: Stack, client: httpx.Client
) -> None:
    sent = client.post("/api/events", json={"name": "last"}, headers={"X-Write-Key": "demo"})
    assert sent.status_code == 200
    compact_everything(stack)
    assert [count for [count] in select(client, "SELECT count(*) FROM events WHERE event_name = 'last'")] == [1]
    log: Path = stack.settings.state_dir / "functions" / "functions.log"
    assert "events go to the spill alone" in log.read_text()
    assert "cannot be asked" not in log.read_text()
    assert "spilling: " not in log.read_text(), "a blob is no warning where nothing else takes events"
