"""A definition is broken, events fail by it, it is fixed, they are replayed: each stands in `events` exactly once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.stack import ROOT, Stack
from tests.e2e.journey import compact_everything

pytestmark = pytest.mark.e2e
SITE = """
site: {site}
keys:
- {{kind: public, key: {site}-public}}
- {{kind: read, key: {site}-read}}
- {{kind: admin, key: {site}-admin}}
events:
  mode: block
  definitions:
  - name: sale
    properties: {{price: {{type: {type}, required: true}}}}
  - name: refund
    properties: {{price: {{type: {type}, required: true}}}}
"""


@dataclass
class Shop:
    """A site of this test alone, in a stack that others use too."""

    stack: Stack
    client: httpx.Client
    site: str = field(default_factory=lambda: f"replay-{uuid4().hex[:8]}")
    sent: int = 0

    def define(self, type_of_price: str) -> None:
        """Put the site's document in force."""
        text = SITE.format(site=self.site, type=type_of_price).encode()
        with BlobServiceClient.from_connection_string(self.stack.azurite.connection_string) as service:
            service.get_blob_client("config", f"sites/{self.site}.yaml").upload_blob(text, overwrite=True)

    def send(self, name: str = "sale", **fields: Any) -> dict[str, Any]:
        """Send one event whose price is a number. Returns its verdict; {} where the site is not in force yet."""
        self.sent += 1
        event = {"name": name, "event_id": f"{self.site}-{self.sent}", "properties": {"price": self.sent}, **fields}
        headers = {"X-Write-Key": f"{self.site}-public"}
        answer = self.client.post("/api/events?verdict=1", json=event, headers=headers)
        verdict: dict[str, Any] = answer.json()["events"][0] if answer.status_code in (200, 400) else {}
        return verdict

    def send_until(self, status: str) -> Sequence[dict[str, Any]]:
        """Send until an event has this status, for documents come into force when they are looked at again."""
        verdicts = [self.send()]
        deadline = time.monotonic() + 60
        while verdicts[-1].get("status") != status:
            assert time.monotonic() < deadline, verdicts[-1]
            time.sleep(0.1)
            verdicts.append(self.send())
        return verdicts

    def select(self, sql: str) -> list[list[Any]]:
        answer = self.client.post(
            "/api/sql",
            json={"site_id": self.site, "sql": sql},
            headers={"Authorization": f"Bearer {self.site}-read"},
        )
        assert answer.status_code == 200, answer.text
        rows: list[list[Any]] = answer.json()["rows"]
        return rows

    def replay(self, **asked: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.site}-admin"}
        answer = self.client.post("/api/replay", json={"site_id": self.site, **asked}, headers=headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def replay_by_command(self, *arguments: str) -> dict[str, str]:
        """The lines that `python -m clickstream.replaying` prints, by their first word."""
        process = subprocess.run(
            [sys.executable, "-m", "clickstream.replaying", self.site, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.stack.functions_environment()},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (process.returncode, process.stderr) == (0, "")
        return {name: rest.strip() for name, _, rest in (line.partition(" ") for line in process.stdout.splitlines())}


def test_a_broken_definition_that_is_fixed_costs_no_event(stack: Stack, client: httpx.Client) -> None:
    shop = Shop(stack, client)
    shop.define("number")
    verdicts = list(shop.send_until("accepted"))
    shop.define("string")
    verdicts += shop.send_until("failed")
    verdicts += [shop.send(name) for name in ("sale", "refund") for _ in range(5)]
    verdicts += [shop.send(event_id=None) for _ in range(3)]
    failed = [verdict for verdict in verdicts if verdict.get("status") == "failed"]
    accepted = [verdict["event_id"] for verdict in verdicts if verdict.get("status") == "accepted"]
    assert len(failed) == 14
    shop.define("number")
    accepted += [verdict["event_id"] for verdict in shop.send_until("accepted") if verdict["status"] == "accepted"]
    compact_everything(stack)

    count = "SELECT failure_class, pointer, count(*) FROM failed_events GROUP BY ALL"
    [[failure_class, pointer, kept]] = shop.select(count)
    assert (failure_class, pointer) == ("definition_violation", "/properties/price")
    assert kept >= 14, "and those that were sent while the fixed document was not yet in force"
    assert shop.replay(dry_run=True)["repaired"] == kept
    refunds = shop.replay(filters={"event_name": "refund"})
    assert (refunds["examined"], refunds["removed"], refunds["remaining"]) == (5, 5, 0)
    printed = shop.replay_by_command("--class", "definition_violation")
    assert (printed["repaired"], printed["removed"], printed["remaining"]) == (str(kept - 5), str(kept - 5), "0")

    assert shop.replay()["examined"] == 0
    assert shop.select("SELECT count(*) FROM failed_events") == [[0]]
    compact_everything(stack)
    ids = [row[0] for row in shop.select("SELECT event_id FROM events")]
    assert len(ids) == len(set(ids)) == len(accepted) + kept
    assert set(accepted) <= set(ids)
    assert shop.select("SELECT count(*) FROM failed_events") == [[0]]
    # The hub tells whole milliseconds.
    early = (
        "SELECT count(*) FROM events WHERE greatest(received_at, occurred_at) >= enqueued_at + INTERVAL 1 MILLISECOND"
    )
    assert shop.select(early) == [[0]]


def test_the_command_says_what_is_wrong(stack: Stack) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        process = subprocess.run(
            [sys.executable, "-m", "clickstream.replaying", *arguments],
            cwd=ROOT,
            env={**os.environ, **stack.functions_environment()},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return process.returncode, process.stderr.strip()

    assert run("no-such-site") == (1, "there is no site 'no-such-site'")
    code, error = run("demo", "--from", "yesterday", "--limit", "0")
    assert code == 1
    assert "/filters/received_from: " in error and "/limit: " in error
