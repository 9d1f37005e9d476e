"""The ledger of faults: whatever the hub and the spill do, what was answered 200 is in the table, once.

Clients send as trackers do: a batch that was refused or not answered is sent again, with the same ids.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx
import orjson
import pytest
from azure.storage.blob import BlobServiceClient
from deltalake import DeltaTable

from clickstream.compacting.totals import read_totals
from clickstream.lake.storage import StorageAccount, table_uri
from clickstream.settings import Connection
from local.stack import Stack, StackSettings
from tests.e2e.journey import DEADLINES, compact_everything, stack_settings
from tests.integration.compacting.failing_storage import FailingStorage

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

EVENTS = 50_000
BATCH = 50
CLIENTS = 8
LONGEST_ANSWER_SECONDS = 4.0
VISITORS = 500
# What the hub does, in turn; each as the emulator's rules.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "refused": {"point": "connect", "action": "drop"},
    "black-holed": {"point": "send", "action": "black_hole"},
    "slowed": {"point": "send", "action": "delay", "delay_ms": 2500},
    "server-busy": {"point": "send", "action": "reject"},
    "throttled": {"point": "send", "action": "throttle", "events_per_second": 300},
    "detached": {"point": "send", "action": "detach"},
    "flapping": {"point": "send", "action": "drop_before_store", "probability": 0.5, "seed": 3},
    "dropped after store": {"point": "send", "action": "drop_after_store"},
    "silent after store": {"point": "send", "action": "no_ack"},
}


class StackOverFailingStorage(Stack):
    """The functions reach storage through a proxy; all others reach it as it is."""

    def __init__(self, settings: StackSettings, storage: FailingStorage) -> None:
        super().__init__(settings)
        self.storage = storage

    def functions_environment(self) -> dict[str, str]:
        direct = f"http://127.0.0.1:{self.settings.azurite_blob_port}/devstoreaccount1"
        environment = super().functions_environment()
        return {
            **environment,
            "Lake": environment["Lake"].replace(direct, self.storage.endpoint),
            **DEADLINES,
        }


@dataclass(frozen=True)
class Answer:
    """What a client was told: 0 for nothing. Moments are monotonic."""

    status: int
    asked_at: float
    answered_at: float


@dataclass
class Clients:
    """Threads that send batches, as many as they are allowed, each again until it is accepted."""

    base_url: str
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(EVENTS // BATCH)))
    allowed: queue.SimpleQueue[int | None] = field(default_factory=queue.SimpleQueue)
    answers: list[Answer] = field(default_factory=list)
    accepted: set[int] = field(default_factory=set)
    released: int = 0

    def __post_init__(self) -> None:
        self.threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        for _ in self.threads:
            self.allowed.put(None)
        for thread in self.threads:
            thread.join()

    def release(self, count: int) -> None:
        """Let so many more batches be sent."""
        for number in self.numbers:
            self.allowed.put(number)
            self.released += 1
            count -= 1
            if not count:
                return

    @property
    def waiting(self) -> int:
        return self.released - len(self.accepted)

    def _work(self, seed: int) -> None:
        chance = random.Random(seed)
        with httpx.Client(base_url=self.base_url, headers={"X-Write-Key": "demo-server"}, timeout=30) as client:
            while (number := self.allowed.get()) is not None:
                body = orjson.dumps([event(number * BATCH + at) for at in range(BATCH)])
                while not self._send(client, body):
                    time.sleep(chance.uniform(0.05, 0.2))
                self.accepted.add(number)

    def _send(self, client: httpx.Client, body: bytes) -> bool:
        asked_at = time.monotonic()
        try:
            status = client.post("/api/events", content=body).status_code
        except httpx.HTTPError:
            status = 0
        self.answers.append(Answer(status, asked_at, time.monotonic()))
        return status == httpx.codes.OK


def event_id(number: int) -> str:
    return str(UUID(int=number))


def event(number: int) -> dict[str, str]:
    return {"name": "ledger", "event_id": event_id(number), "anonymous_id": f"visitor-{number % VISITORS}"}


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def recover(stack: Stack, clients: Clients) -> None:
    """Return once the hub takes events again, and nobody has restarted anything."""
    stack.event_hubs.clear_faults()
    stored = stack.event_hubs.stored("events")
    deadline = time.monotonic() + 30
    while stack.event_hubs.stored("events") == stored:
        assert time.monotonic() < deadline, "the hub was never taken up again"
        clients.release(1)
        time.sleep(0.2)  # batches are few


def readiness(stack: Stack) -> tuple[int, str, bool]:
    """The status of `/health/ready`, the breaker of the hub of events, and whether events can become durable."""
    answer = httpx.get(f"{stack.base_url}/health/ready", timeout=30)
    events = answer.json()["sinks"]["events"]
    return answer.status_code, events["hub"], events["works"]


def spilled_blobs(service: BlobServiceClient) -> int:
    return len(list(service.get_container_client("spill").list_blob_names()))


def test_cases_41_to_44_and_48_fifty_thousand_events_through_every_fault_are_in_the_table_exactly_once(
    tmp_path: Path,
) -> None:
    settings = stack_settings(tmp_path)
    azurite = f"http://127.0.0.1:{settings.azurite_blob_port}/devstoreaccount1"
    with (
        FailingStorage(azurite, only="/spill/") as storage,
        StackOverFailingStorage(settings, storage) as stack,
        Clients(stack.base_url) as clients,
    ):
        service = BlobServiceClient.from_connection_string(stack.azurite.connection_string)
        assert stack.functions is not None
        functions_pid = stack.functions.pid

        # A hub that works needs no spill, dead or not.
        storage.die_at(1)
        clients.release(100)
        wait_until(lambda: not clients.waiting, 60, "a healthy hub did not take all")
        assert {answer.status for answer in clients.answers} == {httpx.codes.OK}
        assert (storage.seen, stack.event_hubs.stored("events")) == (0, 100 * BATCH)
        storage.die_at(None)
        assert readiness(stack) == (httpx.codes.OK, "closed", True)

        # The hub fails in every way; the spill takes what it does not.
        for name, rule in FAULTS.items():
            stack.event_hubs.fault(**rule)
            if name == "refused":
                stack.event_hubs.drop_connections()
            clients.release(50)
            wait_until(lambda: not clients.waiting, 60, f"{name}: not all was accepted")
            recover(stack, clients)
        assert {answer.status for answer in clients.answers} == {httpx.codes.OK}
        blobs = spilled_blobs(service)
        assert blobs > 0

        # Both are dead, in two ways: nobody is told that anything was taken.
        for stall_seconds in (0.0, 30.0):
            stack.event_hubs.fault("send", "black_hole")
            storage.die_at(1, stall_seconds=stall_seconds)
            dead_from = time.monotonic()
            clients.release(40)
            refused = len(clients.answers) + 2 * CLIENTS
            wait_until(lambda refused=refused: len(clients.answers) >= refused, 60, "no answers")  # type: ignore[misc]
            assert readiness(stack)[::2] == (httpx.codes.SERVICE_UNAVAILABLE, False)
            dead_until = time.monotonic()
            meanwhile = [
                answer.status
                for answer in list(clients.answers)
                if answer.asked_at > dead_from and answer.answered_at < dead_until
            ]
            assert set(meanwhile) == {httpx.codes.SERVICE_UNAVAILABLE}
            storage.die_at(None)
            recover(stack, clients)

        # What is left; then everything into the table.
        clients.release(EVENTS)
        wait_until(lambda: not clients.waiting, 120, "not all was accepted in the end")
        assert stack.functions.pid == functions_pid and stack.failure() is None
        assert len(clients.accepted) == EVENTS // BATCH
        answered = [answer for answer in clients.answers if answer.status]
        assert len(answered) == len(clients.answers), "every request was answered"
        assert max(answer.answered_at - answer.asked_at for answer in answered) < LONGEST_ANSWER_SECONDS
        compact_everything(stack)
        assert spilled_blobs(service) == 0
        account = StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))
        table = DeltaTable(table_uri("lake", "events"), storage_options=account.delta_options())
        found = table.to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist()
        assert len(found) == len(set(found)), "none twice"
        assert set(found) == {event_id(number) for number in range(EVENTS)}, "none lost"
        totals = read_totals(account, "lake")
        assert (totals.difference, totals.rows) == (0, EVENTS), totals
        assert totals.spilled > 0 and totals.redelivered > 0
