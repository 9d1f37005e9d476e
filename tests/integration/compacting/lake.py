"""A lake of its own for a test: captured files are written as Capture writes them, the tables read back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from azure.storage.blob import BlobServiceClient
from deltalake import DeltaTable

from clickstream.compacting.compactor import Compactor
from clickstream.compacting.progress import HubState
from clickstream.compacting.report import Report
from clickstream.delivery.message import Message
from clickstream.event import Event, FailedEvent
from clickstream.lake.spill_files import SpillFiles
from clickstream.lake.storage import StorageAccount, table_uri
from clickstream.settings import Connection, Settings
from local.azurite import Azurite
from local.event_hubs.avro import Record, write_file

NOW = datetime(2026, 3, 10, 13, 0, 0, tzinfo=UTC)
START = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


@dataclass
class Hubs:
    """Hubs that say what a test wants."""

    created_at: datetime = START - timedelta(days=1)
    last: dict[str, dict[str, int]] = field(default_factory=dict)

    def ask(self, hub: str) -> HubState:
        return HubState(self.created_at, self.last.get(hub, {}))


class Lake:
    """Containers of their own in a shared Azurite."""

    def __init__(self, azurite: Azurite, max_bytes: int = 1_000_000) -> None:
        name = uuid4().hex[:12]
        self.service = BlobServiceClient.from_connection_string(azurite.connection_string)
        for kind in ("capture", "spill", "lake"):
            self.service.create_container(f"{kind}-{name}")
        self.settings = Settings.from_env(
            {
                "EventHubConnection": "none",
                "Lake": azurite.connection_string,
                "VISITOR_ID_KEY": "0123456789abcdef",
                "CAPTURE_CONTAINER": f"capture-{name}",
                "SPILL_CONTAINER": f"spill-{name}",
                "LAKE_CONTAINER": f"lake-{name}",
                "COMPACT_MAX_BYTES": str(max_bytes),
                "QUERY_FILES_FOLDER": str(azurite.folder / "copies"),
            }
        )
        self.account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
        self.hubs = Hubs()

    def capture(
        self,
        second: int,
        bodies: Sequence[bytes],
        *,
        first_sequence: int = 0,
        partition: str = "0",
        hub: str = "events",
        raw: bytes | None = None,
    ) -> str:
        """Write one captured file, whose window started so many seconds after START. Returns its path."""
        started = START + timedelta(seconds=second)
        path = f"ns/{hub}/{partition}/{started:%Y/%m/%d/%H/%M/%S}.avro"
        enqueued_ms = int(started.timestamp() * 1000)
        records = [
            Record(first_sequence + i, i, enqueued_ms + i, {"x-opt-enqueued-time": enqueued_ms + i}, {}, body)
            for i, body in enumerate(bodies)
        ]
        data = write_file(records, b"\x07" * 16) if raw is None else raw
        self.service.get_blob_client(self.settings.capture_container, path).upload_blob(data)
        return path

    def spill(self, bodies: Sequence[bytes], *, hub: str = "events", at: datetime = START) -> str:
        """Spill as the collector does. Returns the blob's path."""
        files = SpillFiles(self.account.container(self.settings.spill_container))
        return asyncio.run(files.write(hub, [Message(body, "visitor", {"site": "shop"}) for body in bodies], at))

    def spilled(self) -> list[str]:
        """The paths of the blobs that wait."""
        return sorted(self.service.get_container_client(self.settings.spill_container).list_blob_names())

    def compact(self) -> Report:
        return Compactor(self.account, self.settings, self.hubs, lambda: NOW).run(NOW + timedelta(hours=1))

    def rows(self, table: str = "events") -> list[dict[str, Any]]:
        uri = table_uri(self.settings.lake_container, table)
        rows: list[dict[str, Any]] = (
            DeltaTable(uri, storage_options=self.account.delta_options()).to_pyarrow_table().to_pylist()
        )
        return rows

    def ids(self) -> list[str]:
        return sorted(row["event_id"] for row in self.rows())


def event(event_id: str, *, occurred_at: datetime = START, fingerprint: str = "f", **fields: Any) -> bytes:
    return Event(
        event_id=event_id,
        consent="full",
        site="shop",
        event_type="page_view",
        event_name="page_view",
        occurred_at=occurred_at,
        dialect="plain",
        fingerprint=fingerprint,
        **{"received_at": START, "request_accepted": 1, "request_failed": 0, **fields},
    ).to_json()


def failed_event(failed_event_id: str) -> bytes:
    return FailedEvent(
        failed_event_id=failed_event_id,
        site="shop",
        received_at=START,
        stage="collect",
        failure_class="schema_violation",
        message="wrong",
        payload=b"\xff\x00",
        request_accepted=0,
        request_failed=1,
    ).to_json()
