"""Steps that journeys share: capture and compact all events, then query them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from clickstream.capture.spill import PARTITION as SPILL
from clickstream.capture.spill import SpillFiles
from clickstream.compacting.totals import Totals, is_counted, read_totals
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import read_progress
from clickstream.table.pipeline_hours import read_hours
from local.processes import free_port
from local.stack import ROOT, Stack, StackSettings
from tests.target import KEYS, TARGET, RemoteStack

# Those of the settings, which the tests lengthen.
SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
DEADLINES = {name: SAMPLE[name] for name in ("SEND_DEADLINE_MS", "SPILL_DEADLINE_MS")}
SITES = ROOT / "tests" / "e2e" / "sites"
READ = {"Authorization": f"Bearer {KEYS.read}"}


def stack_settings(state_dir: Path, sites_dir: Path = SITES, *, pages_port: int | None = None) -> StackSettings:
    """Free ports, a folder of its own, the shortest window, and compaction when a test asks for it.

    With `pages_port` the stack is on Flex Consumption, and its platform answers the preflights of pages on this port.
    """
    return StackSettings(
        port=free_port(),
        azurite_blob_port=free_port(),
        azurite_queue_port=free_port(),
        event_hubs_port=free_port(),
        state_dir=state_dir,
        sites_dir=sites_dir,
        capture_window_seconds=1,
        compact_every_seconds=3600,
        allowed_origins="" if pages_port is None else ",".join(page_origins(pages_port)),
    )


def page_origins(port: int) -> tuple[str, ...]:
    """Origins of the tests' pages, which a browser's driver serves on a port of this machine."""
    return f"http://localhost:{port}", f"http://127.0.0.1:{port}"


def open_stack(state_dir: Path, pages_port: int) -> Stack:
    """A stack of the tests' own, to be entered; or the app that they are run against."""
    return Stack(stack_settings(state_dir, pages_port=pages_port)) if TARGET is None else RemoteStack(TARGET)


def wait_for_site(client: httpx.Client, site: str) -> None:
    """Return once the collector knows the site."""
    deadline = time.monotonic() + 120
    headers = {"X-Write-Key": f"{site}-public"}
    while (
        client.post("/api/events", json={"name": "look", "anonymous_id": "nobody"}, headers=headers).status_code != 200
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def compact_everything(stack: Stack, seconds: float = 300) -> None:
    """Return once all events of the hubs and the spill are in the tables and counted."""
    if isinstance(stack, RemoteStack):
        stack.wait_until_complete()
        return
    if not stack.settings.without_hub:
        stack.event_hubs.flush_capture()
    account = StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))
    deadline = time.monotonic() + seconds
    while not _is_compacted(stack, account):
        assert time.monotonic() < deadline, "compaction did not come to its end"
        stack.compact()
        time.sleep(0.2)


def _is_compacted(stack: Stack, account: StorageAccount) -> bool:
    """Rows are committed first, spilled blobs are deleted then, and all is counted at the end of the run."""
    spill = SpillFiles(account.container("spill"))
    if any(map(spill.list, ("events", "failed-events"))):
        return False
    taken = sum(hour.captured for hour in read_hours(account, "lake") if hour.hub_partition != SPILL)
    counted = is_counted(read_progress(account.container("lake")), account, "lake")
    return counted and (stack.settings.without_hub or taken >= stack.event_hubs.captured())


def wait_for_counts(stack: Stack, holds: Callable[[Totals], bool], seconds: float = 300) -> Totals:
    """The totals once something holds of them: collectors write what they answered some seconds later."""
    account = StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))
    deadline = time.monotonic() + seconds
    while not holds(totals := read_totals(account, "lake")):
        assert time.monotonic() < deadline, f"this was not counted: {totals}"
        stack.compact()
        time.sleep(0.2)
    return totals


def select(client: httpx.Client, sql: str, *parameters: object) -> list[list[Any]]:
    """The rows of free SQL over the demo site."""
    answer = client.post("/api/sql", json={"site_id": "demo", "sql": sql, "parameters": list(parameters)}, headers=READ)
    assert answer.status_code == httpx.codes.OK, answer.text
    rows: list[list[Any]] = answer.json()["rows"]
    return rows
