"""Steps that the journeys share: everything sent is captured and compacted, then asked for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx

from clickstream.lake.pipeline_hours import read_hours
from clickstream.lake.spill_files import PARTITION as SPILL
from clickstream.lake.spill_files import SpillFiles
from clickstream.lake.storage import StorageAccount
from clickstream.settings import Connection
from local.processes import free_port
from local.stack import ROOT, Stack, StackSettings

# Those of the settings, which the tests lengthen.
SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
DEADLINES = {name: SAMPLE[name] for name in ("SEND_DEADLINE_MS", "SPILL_DEADLINE_MS")}
READ = {"Authorization": "Bearer demo-read"}


def stack_settings(state_dir: Path, sites_dir: Path = ROOT / "local" / "sites") -> StackSettings:
    """Free ports, a folder of its own, the shortest window, and compaction when a test asks for it."""
    return StackSettings(
        port=free_port(),
        azurite_blob_port=free_port(),
        azurite_queue_port=free_port(),
        event_hubs_port=free_port(),
        state_dir=state_dir,
        sites_dir=sites_dir,
        capture_window_seconds=1,
        compact_every_seconds=3600,
    )


def compact_everything(stack: Stack, seconds: float = 120) -> None:
    """Return once all that the hubs hold stands in the tables."""
    stack.event_hubs.flush_capture()
    account = StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))
    deadline = time.monotonic() + seconds
    spill = SpillFiles(account.container("spill"))
    while not _is_compacted(stack, account) or any(map(spill.list, ("events", "failed-events"))):
        assert time.monotonic() < deadline, "compaction did not come to its end"
        stack.compact()
        time.sleep(0.2)


def _is_compacted(stack: Stack, account: StorageAccount) -> bool:
    taken = sum(hour.captured for hour in read_hours(account, "lake") if hour.hub_partition != SPILL)
    return taken >= stack.event_hubs.captured()


def select(client: httpx.Client, sql: str, *parameters: object) -> list[list[Any]]:
    """The rows of free SQL over the demo site."""
    answer = client.post("/api/sql", json={"site_id": "demo", "sql": sql, "parameters": list(parameters)}, headers=READ)
    assert answer.status_code == httpx.codes.OK, answer.text
    rows: list[list[Any]] = answer.json()["rows"]
    return rows
