"""A lake for one test: writes captured files as Capture does, compacts them, and reads the tables."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from azure.storage.blob import BlobServiceClient
from deltalake import DeltaTable

from clickstream.capture.spill import SpillFiles
from clickstream.compacting.committing import MAX_DATES
from clickstream.compacting.compactor import Compactor
from clickstream.compacting.report import Report
from clickstream.compacting.retrying import Retried
from clickstream.compacting.totals import Totals, read_totals
from clickstream.enriching.steps import STEPS, Knowledge, Step, Values
from clickstream.erasing.late import LateEvents
from clickstream.model.event import Event, FailedEvent
from clickstream.model.hub_state import HubState
from clickstream.model.message import Message
from clickstream.model.pipeline_hour import ANSWERED_PARTITION, PipelineHour
from clickstream.settings import Connection, Settings
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.storage.answered_files import FOLDER, AnsweredFiles
from local.azurite import Azurite
from local.event_hubs.avro import Record, write_file

NOW = datetime(2026, 3, 10, 13, 0, 0, tzinfo=UTC)
START = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


@dataclass
class Hubs:
    """Hub states set by a test: last sequence numbers by hub and partition."""

    created_at: datetime = START - timedelta(days=1)
    last: dict[str, dict[str, int]] = field(default_factory=dict)

    def ask(self, hub: str) -> HubState:
        return HubState(self.created_at, self.last.get(hub, {}))


class Lake:
    """New containers in a shared Azurite."""

    max_dates = MAX_DATES

    def __init__(self, azurite: Azurite, max_bytes: int = 1_000_000, max_dates: int = MAX_DATES) -> None:
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
        self.max_dates = max_dates

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
        """Write one captured file. Its window starts `second` seconds after START. Returns its path."""
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
        """Write a spilled blob as the collector does. Returns its path."""
        files = SpillFiles(self.account.container(self.settings.spill_container))
        return asyncio.run(files.write(hub, [Message(body, "visitor", {"site": "shop"}) for body in bodies], at))

    def answer(
        self, accepted: int = 0, failed: int = 0, *, site: str = "shop", path: str | None = None, **counts: int
    ) -> str:
        """Write counts of answered events as a collector does. Returns the blob's path."""
        hour = PipelineHour(
            site=site,
            hub="events",
            hub_partition=ANSWERED_PARTITION,
            hour=START,
            request_accepted=accepted,
            request_failed=failed,
            **counts,
        )
        files = AnsweredFiles(self.account.container(self.settings.spill_container))
        path = path or files.new_path(NOW)
        asyncio.run(files.write(path, [hour]))
        return path

    def totals(self) -> Totals:
        """The totals over `pipeline_hours`."""
        return read_totals(self.account, self.settings.lake_container)

    def spilled(self) -> list[str]:
        """The paths of waiting spilled blobs."""
        return self._names(without=FOLDER)

    def answers(self) -> list[str]:
        """The paths of waiting counts of answered events."""
        return sorted(set(self._names(without="-")) - set(self.spilled()))

    def _names(self, without: str) -> list[str]:
        names = self.service.get_container_client(self.settings.spill_container).list_blob_names()
        return sorted(name for name in names if not name.startswith(f"{without}/"))

    @property
    def suppression(self) -> LateEvents:
        """The suppression filter of this lake."""
        return LateEvents.of(self.account, self.settings)

    def compactor(self, *steps: Step) -> Compactor:
        """A compactor with these steps of enrichment in addition to the product's."""
        steps = (*STEPS, *steps)
        return Compactor(
            self.account, self.settings, self.suppression, self.hubs, lambda: NOW, steps, max_dates=self.max_dates
        )

    def compact(self, *steps: Step) -> Report:
        return self.compactor(*steps).run(NOW + timedelta(hours=1))

    def retry(self, *steps: Step) -> list[Retried]:
        """Compact files from quarantine."""
        return list(self.compactor(*steps).retry())

    def aside(self) -> list[str]:
        """The original paths of files in quarantine."""
        lake = self.service.get_container_client(self.settings.lake_container)
        names = [name.removeprefix("quarantine/") for name in lake.list_blob_names(name_starts_with="quarantine/")]
        return sorted(name for name in names if not name.endswith(".json"))

    def rows(self, table: str = "events") -> list[dict[str, Any]]:
        uri = table_uri(self.settings.lake_container, table)
        rows: list[dict[str, Any]] = (
            DeltaTable(uri, storage_options=self.account.delta_options()).to_pyarrow_table().to_pylist()
        )
        return rows

    def ids(self) -> list[str]:
        return sorted(row["event_id"] for row in self.rows())


def failing_at(title: str) -> Step:
    """A faulty step of enrichment: it raises ZeroDivisionError for one page title."""

    def make(values: Values, knowledge: Knowledge) -> Values:
        if values == (title,):
            raise ZeroDivisionError(title)
        return (None,)

    return Step("faulty", 1, ("page_title",), ("city",), make)


FAULTY = failing_at("poison")


def poison(event_id: str, **fields: Any) -> bytes:
    """An event for which FAULTY raises."""
    return event(event_id, page_title="poison", **fields)


def event(
    event_id: str, *, site: str = "shop", occurred_at: datetime = START, fingerprint: str = "f", **fields: Any
) -> bytes:
    return Event(
        event_id=event_id,
        consent="full",
        site=site,
        event_type="page_view",
        event_name="page_view",
        occurred_at=occurred_at,
        dialect="plain",
        fingerprint=fingerprint,
        **{"received_at": START, **fields},
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
    ).to_json()
