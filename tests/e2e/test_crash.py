"""A 200 survives anything: workers are killed at random moments under load, and what was accepted is in the table."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import orjson
import pytest
from deltalake import DeltaTable

from clickstream.compacting.totals import read_totals
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount, table_uri
from local.functions_host.process import FunctionsHost
from local.stack import ROOT, Stack
from tests.e2e.journey import compact_everything, stack_settings

pytestmark = pytest.mark.e2e

SEED = 20260310
# One way to end a worker after the other; the last ones are asked to end, as a platform that scales in does.
ENDS = [signal.SIGKILL] * 20 + [signal.SIGTERM] * 3
WORKERS = 3
CLIENTS = 6
BATCH = 20


@dataclass
class Clients:
    """Threads that send batch after batch; one that was not answered 200 is sent again with the same ids."""

    base_url: str
    accepted: list[int] = field(default_factory=list)
    unanswered: int = 0
    enough: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def finish(self) -> None:
        """Return once every batch that was begun is accepted."""
        self.enough.set()
        for thread in self.threads:
            thread.join()

    def _work(self, client_number: int) -> None:
        batch = client_number
        while not self.enough.is_set():
            body = orjson.dumps(
                [{"name": "crash", "event_id": event_id} for event_id in event_ids(batch)],
            )
            while not self._send(body):
                time.sleep(0.02)
            self.accepted.append(batch)
            batch += CLIENTS

    def _send(self, body: bytes) -> bool:
        # A connection for each request, so that all workers are reached, also new ones; it loads no certificates.
        headers = {"X-Write-Key": "demo-server"}
        try:
            answer = httpx.post(f"{self.base_url}/api/events", content=body, headers=headers, timeout=60, verify=False)
        except httpx.HTTPError:
            self.unanswered += 1
            return False
        # The host answers 500 for a worker that ended.
        self.unanswered += answer.status_code != httpx.codes.OK
        return answer.status_code == httpx.codes.OK


def event_ids(batch: int) -> Sequence[str]:
    return [str(UUID(int=batch * BATCH + at)) for at in range(BATCH)]


def serving_workers(parent: int, port: int) -> list[int]:
    """The children of the host that have a connection to the hub: those that have sent events."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    to_hub = {f"socket:[{row[9]}]" for row in table if row[3] == "01" and row[2].endswith(f":{port:04X}")}
    found = []
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        try:
            if to_hub & {str(entry.readlink()) for entry in Path(f"/proc/{child}/fd").iterdir()}:
                found.append(int(child))
        except OSError:  # it ended meanwhile
            continue
    return found


def end_one(host: int, hub_port: int, end: signal.Signals, chance: random.Random) -> bool:
    """End a worker that serves. Returns whether there was one, which lived until now."""
    try:
        os.kill(chance.choice(serving_workers(host, hub_port)), end)
    except (IndexError, ProcessLookupError):
        return False
    return True


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def test_after_20_kills_at_random_moments_every_200_is_in_the_table_exactly_once(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    settings = stack_settings(tmp_path)
    with Stack(settings) as stack:
        assert stack.functions is not None
        stack.functions.stop()
        stack.functions = FunctionsHost(
            ROOT, tmp_path / "functions", port=settings.port, env=stack.functions_environment(), workers=WORKERS
        ).start()
        host = stack.functions.pid
        hub_port = stack.event_hubs.port
        clients = Clients(stack.base_url)
        clients.start()
        try:
            for end in ENDS:
                wait_until(lambda: len(serving_workers(host, hub_port)) >= 2, 300, "no two workers served")
                more = len(clients.accepted) + chance.randint(1, 20)
                wait_until(lambda more=more: len(clients.accepted) >= more, 300, "nothing was accepted")  # type: ignore[misc]
                wait_until(partial(end_one, host, hub_port, end, chance), 300, "no worker served")
        finally:
            clients.finish()
        assert clients.unanswered > 0, "no request was hit"
        compact_everything(stack)
        sent = {event_id for batch in clients.accepted for event_id in event_ids(batch)}
        account = StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))
        table = DeltaTable(table_uri("lake", "events"), storage_options=account.delta_options())
        found = table.to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist()
        assert len(found) == len(set(found)), "none twice"
        assert set(found) == sent, "none lost"
        totals = read_totals(account, "lake")
        # A process that is killed loses the counts of its last seconds, and no event.
        assert (totals.difference, totals.rows) == (0, len(sent)), totals
        assert totals.answered <= (len(clients.accepted) + clients.unanswered) * BATCH, totals
