"""A site whose definition of an event is wrong until a test corrects it."""

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
from azure.storage.blob import BlobServiceClient

from local.stack import ROOT, Stack

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
        """Upload the site's document."""
        text = SITE.format(site=self.site, type=type_of_price).encode()
        with BlobServiceClient.from_connection_string(self.stack.azurite.connection_string) as service:
            service.get_blob_client("config", f"sites/{self.site}.yaml").upload_blob(text, overwrite=True)

    def send(self, name: str = "sale", **fields: Any) -> dict[str, Any]:
        """Send one event whose price is a number. Return its verdict; {} if the site is not loaded yet."""
        self.sent += 1
        event = {"name": name, "event_id": f"{self.site}-{self.sent}", "properties": {"price": self.sent}, **fields}
        headers = {"X-Write-Key": f"{self.site}-public"}
        answer = self.client.post("/api/events?verdict=1", json=event, headers=headers)
        verdict: dict[str, Any] = answer.json()["events"][0] if answer.status_code in (200, 400) else {}
        return verdict

    def send_until(self, status: str) -> Sequence[dict[str, Any]]:
        """Send until an event has this status, because changed documents are loaded at an interval."""
        verdicts = [self.send()]
        deadline = time.monotonic() + 120
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
