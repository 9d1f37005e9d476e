"""A lake with audiences, a clock that is moved by hand, and a hub that takes messages or does not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from azure.eventhub import EventData, EventHubConsumerClient, PartitionContext

from clickstream.audiences.changing import HELD_FROM
from clickstream.audiences.evaluating import Evaluator, Report
from clickstream.audiences.sending import Sender
from clickstream.audiences.state import Memberships, memberships_of
from clickstream.delivery.event_hub import EventHub, Hub
from clickstream.model.message import Message
from clickstream.querying.engine import QueryEngine
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import Progress, write_progress
from clickstream.table.delta import Table
from clickstream.table.specs import AUDIENCE_CHANGES_TABLE
from clickstream.tally import Tally
from local.azurite import Azurite
from local.event_hubs.process import EventHubsEmulator
from tests.integration.compacting.lake import START
from tests.integration.deriving.derived_lake import DerivedLake
from tests.integration.maintaining.maintained_lake import row


class Crash(Exception):
    """The process ended here."""


class Outbox:
    """A hub that keeps what it acknowledged, and passes it on if there is another. It dies before or after messages."""

    condition: Literal["none"] = "none"
    acknowledged_at = None

    def __init__(self, open_hub: Callable[[], Hub] | None = None) -> None:
        self.taken: list[Message] = []
        self.dies: Literal["before", "after", "half", None] = None
        self._open_hub = open_hub

    async def deliver(self, messages: Sequence[Message], until: datetime | None = None) -> Sequence[Message]:
        dies, self.dies = self.dies, None
        if dies == "before":
            raise Crash
        taken = messages[: len(messages) // 2] if dies == "half" else messages
        self.taken += taken
        if self._open_hub is not None:
            hub = self._open_hub()
            assert await hub.deliver(taken) == []
            await hub.close()
        if dies == "after":
            raise Crash
        return messages[len(taken) :]

    async def is_reachable(self) -> bool:
        return True

    async def close(self) -> None:
        """There is nothing to close."""


class AudienceLake(DerivedLake):
    """`at` is the moment up to which the table is complete."""

    def __init__(self, azurite: Azurite) -> None:
        super().__init__(azurite)
        self.at = START
        self.settings = replace(self.settings, query_timeout_seconds=300)
        self.engine = QueryEngine(self.account, self.settings, lambda: self.at)
        self.hub = Outbox()
        self._evaluators: dict[object, Evaluator] = {}

    def moves(self, by: timedelta) -> None:
        """Time passes, and all that was sent by then is compacted."""
        self.at += by
        write_progress(self.account.container(self.settings.lake_container), Progress(self.at, self.at))

    def evaluate(self, account: StorageAccount | None = None, held_from: int = HELD_FROM) -> Report:
        """Evaluate in a process that lives on, unless it was restarted."""
        account = account or self.account
        key = (account.blob_endpoint, held_from)
        if key not in self._evaluators:
            self._evaluators[key] = Evaluator(
                account, self.settings, self.engine, lambda: self.at + timedelta(seconds=90), held_from
            )
        return self._evaluators[key].run()

    def restart(self) -> None:
        """The process ends, and another one begins."""
        self._evaluators.clear()

    def send(self, account: StorageAccount | None = None, hub: Hub | None = None) -> int:
        return Sender(
            account or self.account, self.settings, lambda connection, name: hub or self.hub, lambda: self.at
        ).run()

    def run(self) -> Report:
        """What follows a compaction."""
        self.derive()
        report = self.evaluate()
        self.send()
        return report

    def changes(self) -> list[dict[str, Any]]:
        """The rows of the table, in order."""
        rows: list[dict[str, Any]] = self.delta("audience_changes").to_pyarrow_table().sort_by("seq").to_pylist()
        return rows

    def memberships(self) -> Memberships:
        table = Table.open(AUDIENCE_CHANGES_TABLE, self.account, self.settings.lake_container)
        return {} if table is None else memberships_of(table, "shop")

    def bodies(self) -> list[Mapping[str, Any]]:
        """The bodies of the messages that the hub took."""
        return [json.loads(message.body) for message in self.hub.taken]


def did(id: str, at: datetime, user: str, name: str = "view", **fields: Any) -> dict[str, Any]:
    """An event of a user."""
    more = {"event_type": "custom", "advertising": True, "id_source": "client", "key_kind": "public"}
    return row(id, at, **{**more, "event_name": name, "user_id": user, "anonymous_id": f"device of {user}", **fields})


def opened(emulator: EventHubsEmulator) -> EventHub:
    """The hub `changes` of an emulator."""
    connection = Connection("CONNECTION_CRM", emulator.connection_string)
    return EventHub(connection, "changes", 60, lambda: datetime.now(UTC), Tally(time.monotonic))


def consumed(emulator: EventHubsEmulator, count: int) -> list[EventData]:
    """So many messages of the hub, by the SDK's consumer."""
    received: list[EventData] = []
    client = EventHubConsumerClient.from_connection_string(
        emulator.connection_string, consumer_group="$Default", eventhub_name="changes"
    )

    def on_event(context: PartitionContext, event: EventData | None) -> None:
        assert event is not None
        received.append(event)

    thread = threading.Thread(target=lambda: client.receive(on_event=on_event, starting_position="-1"))
    thread.start()
    deadline = time.monotonic() + 120
    try:
        while len(received) < count and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        client.close()
        thread.join(timeout=60)
    return received
