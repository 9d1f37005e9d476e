"""A ledger of eight clients in three protocols: whatever dies, stops or fills up, an answer of 200 is one row.

`LEDGER=100000` sends as many events, and meets each fault several times; without, fewer are sent, and each fault is met
once. Clients send a batch that was refused or not answered again, with the same ids.
"""

from __future__ import annotations

import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from deltalake import DeltaTable

from clickstream.compacting.totals import summed
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.table.pipeline_hours import read_hours
from local.processes import Service
from local.stack import ROOT, Stack
from tests.e2e.journey import DEADLINES, stack_settings, wait_for_counts

pytestmark = pytest.mark.e2e

EVENTS = int(os.environ.get("LEDGER", "4000"))
SEED = 20260310
CLIENTS = 8
LARGEST_BATCH = 50
# Each fault is met once for so many events.
EVENTS_OF_A_ROUND = 20_000
STOPPED_SECONDS = 3.0
DISK_MB = 1_500
SNOWPLOW = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"


def event_id(number: int) -> str:
    return str(UUID(int=number))


def plain(numbers: Sequence[int]) -> tuple[str, Any]:
    return "/api/events", [
        {"name": "ledger", "event_id": event_id(number), "anonymous_id": f"v{number % 500}"} for number in numbers
    ]


def segment(numbers: Sequence[int]) -> tuple[str, Any]:
    return "/v1/batch", {
        "batch": [
            {"type": "track", "event": "ledger", "messageId": event_id(number), "anonymousId": f"v{number % 500}"}
            for number in numbers
        ]
    }


def snowplow(numbers: Sequence[int]) -> tuple[str, Any]:
    data = [{"e": "se", "se_ca": "l", "se_ac": "ledger", "eid": event_id(number), "duid": "v"} for number in numbers]
    return "/com.snowplowanalytics.snowplow/tp2", {"schema": SNOWPLOW, "data": data}


PROTOCOLS = (plain, segment, snowplow)


def batches() -> Iterator[Sequence[int]]:
    """The numbers of all events, from 1 to LARGEST_BATCH of them at a time."""
    chance, at = random.Random(SEED), 0
    while at < EVENTS:
        size = min(chance.randint(1, LARGEST_BATCH), EVENTS - at)
        yield range(at, at + size)
        at += size


@dataclass
class Clients:
    """Threads that send the batches that they are given, each again until it is accepted."""

    base_url: str
    given: queue.SimpleQueue[Sequence[int] | None] = field(default_factory=queue.SimpleQueue)
    sent: int = 0
    accepted: list[int] = field(default_factory=list)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for _ in threads:
                self.given.put(None)
            for thread in threads:
                thread.join()

    def give(self, numbers: Sequence[int]) -> None:
        self.sent += len(numbers)
        self.given.put(numbers)

    @property
    def idle(self) -> bool:
        assert not self.wrong, self.wrong[:3]
        return len(self.accepted) == self.sent

    def _work(self, number: int) -> None:
        protocol, chance = PROTOCOLS[number % len(PROTOCOLS)], random.Random(number)
        with httpx.Client(base_url=self.base_url, headers={"X-Write-Key": "demo-server"}, timeout=180) as client:
            while (numbers := self.given.get()) is not None:
                path, said = protocol(numbers)
                body = orjson.dumps(said)
                while not self._send(client, path, body):
                    self.refused += 1
                    time.sleep(chance.uniform(0.05, 0.3))
                self.accepted.extend(numbers)

    def _send(self, client: httpx.Client, path: str, body: bytes) -> bool:
        try:
            answer = client.post(path, content=body)
        except httpx.HTTPError:
            return False
        if 400 <= answer.status_code < 500:
            self.wrong.append(f"{answer.status_code} {answer.text}")
        return answer.status_code == httpx.codes.OK


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class LedgerStack(Stack):
    """A stack whose disk is full when a test says so, and whose functions answer by their own deadlines."""

    def functions_environment(self) -> dict[str, str]:
        return {**super().functions_environment(), **DEADLINES}

    @property
    def disk(self) -> Path:
        """The folder of the storage emulator."""
        return self.settings.state_dir / "azurite"

    @contextmanager
    def on_a_disk_of_its_own(self) -> Iterator[bool]:
        """Whether the folder could be mounted, for which one has to be root."""
        self.disk.mkdir(parents=True)
        options = ["-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(self.disk)]
        mounted = os.geteuid() == 0 and subprocess.run(["mount", *options], check=False).returncode == 0
        try:
            yield mounted
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", str(self.disk)], check=False)

    def compactors(self, count: int) -> Sequence[subprocess.Popen[bytes]]:
        """Compactors beside the functions' own."""
        environment = {**os.environ, **self.functions_environment()}
        command = [sys.executable, "-m", "clickstream.compacting", "run"]
        quiet = subprocess.DEVNULL
        return [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) for _ in range(count)]


# --- faults ---------------------------------------------------------------------------------------------------------


def stopped(part: Service) -> None:
    os.kill(part.pid, signal.SIGSTOP)
    time.sleep(STOPPED_SECONDS)
    os.kill(part.pid, signal.SIGCONT)


def functions_are_killed(stack: LedgerStack) -> None:
    assert stack.functions is not None
    stack.functions.kill()
    stack.functions.start()


def storage_is_stopped(stack: LedgerStack) -> None:
    stopped(stack.azurite)


def hub_is_stopped(stack: LedgerStack) -> None:
    stopped(stack.event_hubs)


def hub_loses_answers_and_refuses(stack: LedgerStack) -> None:
    for point, action in (("send", "drop_after_store"), ("send", "no_ack"), ("connect", "drop")):
        stack.event_hubs.fault(point, action)
        time.sleep(1)
        stack.event_hubs.clear_faults()
    stack.event_hubs.drop_connections()


def hub_begins_its_numbers_anew(stack: LedgerStack) -> None:
    stack.event_hubs.stop()
    stack.event_hubs.start()


def two_compactors_run_at_once(stack: LedgerStack) -> None:
    stack.compact()
    for compactor in stack.compactors(2):
        assert compactor.wait(120) in (0, 1)


def a_compactor_is_killed(stack: LedgerStack) -> None:
    (compactor,) = stack.compactors(1)
    with suppress(subprocess.TimeoutExpired):
        compactor.wait(random.Random(len(stack.event_hubs.state())).uniform(2, 4))
    compactor.kill()
    compactor.wait()


def the_disk_is_full(stack: LedgerStack) -> None:
    ballast = stack.disk / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(2**20))
            file.flush()
    time.sleep(STOPPED_SECONDS)
    ballast.unlink()


FAULTS = (
    functions_are_killed,
    storage_is_stopped,
    hub_is_stopped,
    hub_loses_answers_and_refuses,
    two_compactors_run_at_once,
    hub_begins_its_numbers_anew,
    a_compactor_is_killed,
    the_disk_is_full,
)


def test_what_eight_clients_were_answered_is_in_the_table_once_whatever_dies_stops_or_fills_up(
    tmp_path: Path,
) -> None:
    stack = LedgerStack(stack_settings(tmp_path))
    with stack.on_a_disk_of_its_own() as has_disk, stack:
        faults = [fault for fault in FAULTS if has_disk or fault is not the_disk_is_full]
        rounds = max(EVENTS // EVENTS_OF_A_ROUND, 1)
        clients, waiting = Clients(stack.base_url), list(batches())
        each = -(-len(waiting) // (rounds * len(faults) + 1))
        met: list[str] = []
        with clients.at_work():
            for fault in [*faults * rounds, None]:
                for numbers in waiting[:each]:
                    clients.give(numbers)
                del waiting[:each]
                if fault is not None:
                    wait_until(lambda: clients.given.qsize() < each, 300, "nothing was accepted")
                    fault(stack)
                    met.append(fault.__name__)
                wait_until(lambda: clients.idle, 300, f"not all was accepted after {met[-1:]}")
        assert sorted(clients.accepted) == list(range(EVENTS)) and stack.failure() is None
        check(stack, clients, met)


def check(stack: LedgerStack, clients: Clients, met: Sequence[str]) -> None:
    account = StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))

    def found() -> list[str]:
        table = DeltaTable(table_uri("lake", "events"), storage_options=account.delta_options())
        ids: list[str] = table.to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist()
        return ids

    stack.event_hubs.flush_capture()
    totals = wait_for_counts(stack, lambda totals: totals.rows >= EVENTS, 300)
    ids = found()
    hours = read_hours(account, "lake")
    lost = {event_id(number) for number in clients.accepted} - set(ids)
    by_hour = {at: summed([hour for hour in hours if hour.hour == at]) for at in sorted({hour.hour for hour in hours})}
    print(
        f"\nledger: {EVENTS} events told 200, {clients.refused} requests refused or not answered, {len(met)} faults",
        f"lost {len(lost)}, twice {len(ids) - len(set(ids))}",
        *(
            f"{at:%Y-%m-%dT%H}Z difference {each.difference}, uncounted {each.uncounted}"
            for at, each in by_hour.items()
        ),
        totals,
        sep="\n  ",
    )
    assert (lost, len(ids) - len(set(ids)), len(ids)) == (set(), 0, EVENTS)
    # A process that was killed takes the counts of its last seconds with it: they are uncounted, and no difference.
    assert [each.difference for each in by_hour.values() if each.difference] == []
    assert totals.spilled > 0 and totals.redelivered > 0 and totals.renumbered > 0
