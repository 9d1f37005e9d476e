"""A lake in which one person stands in every store among others, and a scan that finds that person anywhere."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import fastavro
import pyarrow.parquet as pq

from clickstream.compacting.compactor import Compactor
from clickstream.compacting.report import Report
from clickstream.erasing.eraser import Eraser
from clickstream.erasing.exporting import Exporter
from clickstream.erasing.request import ErasureRequest, ExportRequest
from clickstream.jobs.state import JobStates
from clickstream.model.event import Event, FailedEvent
from clickstream.storage.account import StorageAccount
from local.azurite import Azurite
from tests.integration.compacting.lake import NOW, START, Lake

USER, DEVICE = "canary-user-8471", "canary-device-8471"
# In every text that a person's event may hold; no id, so that nothing is found by it.
WORD = "kanarienvogel"


def event(event_id: str, *, site: str = "shop", at: datetime = START, **fields: Any) -> bytes:
    """An event's body on the hub."""
    values: dict[str, Any] = {
        "event_type": "page_view",
        "event_name": "page_view",
        "consent": "full",
        "received_at": at,
        "occurred_at": at,
        "dialect": "plain",
        "fingerprint": event_id.rjust(32, "0")[-32:],
        "anonymous_id": f"device-of-{event_id}",
    }
    return Event(event_id=event_id, site=site, **{**values, **fields}).to_json()


def canary(event_id: str, **fields: Any) -> bytes:
    """An event of the person, who tells of themselves wherever they can."""
    told: dict[str, Any] = {
        "user_id": USER,
        "anonymous_id": DEVICE,
        "session_id": f"{WORD}-session",
        "page_url": f"https://shop.test/{WORD}?q={WORD}",
        "page_title": WORD,
        "page_query": f"q={WORD}",
        "user_agent": f"{WORD}/1.0",
        "utm_content": WORD,
        "properties": {"name": WORD},
        "context": {"user": {"id": USER}},
    }
    return event(event_id, **{**told, **fields})


def failed_event(failed_event_id: str, payload: bytes, **fields: Any) -> bytes:
    """A failed event's body on its hub."""
    values: dict[str, Any] = {
        "site": "shop",
        "received_at": START,
        "message": "wrong",
    }
    return FailedEvent(
        failed_event_id=failed_event_id,
        stage="collect",
        failure_class="schema_violation",
        payload=payload,
        **{**values, **fields},
    ).to_json()


def failed_canary(failed_event_id: str, **fields: Any) -> bytes:
    """A failed event whose original names the person."""
    return failed_event(failed_event_id, json.dumps({"userId": USER, "traits": {"name": WORD}}).encode(), **fields)


@dataclass
class World:
    """One lake, and erasures over it at a clock that a test moves."""

    azurite: Azurite
    now: datetime = NOW
    second: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    erasures: int = 0

    def __post_init__(self) -> None:
        self.lake = Lake(self.azurite)

    def capture(self, *bodies: bytes, hub: str = "events") -> str:
        """One captured file. Returns its path."""
        self.second += 1
        first = self.numbers.get(hub, 0)
        self.numbers[hub] = first + len(bodies)
        return self.lake.capture(self.second, bodies, hub=hub, first_sequence=first)

    def compact(self) -> Report:
        return Compactor(
            self.lake.account, self.lake.settings, self.lake.suppression, self.lake.hubs, lambda: self.now
        ).run(self.now + timedelta(hours=1))

    def eraser(self, account: StorageAccount | None = None) -> Eraser:
        settings = self.lake.settings
        exports = JobStates(self.lake.account.container(settings.lake_container)).exports
        return Eraser(account or self.lake.account, settings, lambda: self.now, self._new_id, bytes, exports)

    def erase(self, account: StorageAccount | None = None, **asked: Any) -> dict[str, Any]:
        return self.eraser(account).erase(request(**asked))

    def export(self, **asked: Any) -> list[dict[str, Any]]:
        asked = {"site_id": "shop", "user_ids": [USER], "anonymous_ids": [DEVICE], **asked}
        lines = Exporter(self.lake.account, self.lake.settings, lambda: self.now).lines(
            ExportRequest.model_validate(asked)
        )
        return [json.loads(line) for line in lines]

    def rows(self, table: str = "events") -> list[dict[str, Any]]:
        """Every row, in an order of its own."""
        id_column = "event_id" if table == "events" else "failed_event_id"
        return sorted(self.lake.rows(table), key=lambda row: str(row[id_column]))

    def blobs(self) -> Iterator[tuple[str, bytes]]:
        """Every blob of every container of this lake."""
        settings = self.lake.settings
        for container in (settings.capture_container, settings.spill_container, settings.lake_container):
            client = self.lake.service.get_container_client(container)
            for name in client.list_blob_names():
                yield f"{container}/{name}", client.download_blob(name).readall()

    def finds(self, *texts: str) -> list[str]:
        """The blobs that hold one of the texts: as bytes, in a column of Parquet, in a body of Avro, in base64."""
        contents = ((name, content(name, data)) for name, data in self.blobs())
        return [name for name, found in contents if any(text in found for text in texts)]

    def _new_id(self) -> str:
        self.erasures += 1
        return f"erasure-{self.erasures}"


def request(**asked: Any) -> ErasureRequest:
    """A request that names the person, unless told otherwise."""
    return ErasureRequest.model_validate(
        {"site_id": "shop", "user_ids": [USER], "anonymous_ids": [DEVICE], "asked_by": "ticket 1", **asked}
    )


def content(name: str, data: bytes) -> str:
    """All that can be read in a blob."""
    found = [data.decode("utf-8", "replace")]
    if name.endswith(".parquet"):
        found.append(repr(pq.read_table(io.BytesIO(data)).to_pylist()))
    if name.endswith(".avro"):
        try:
            records: list[Any] = list(fastavro.reader(io.BytesIO(data)))
        except Exception:  # a damaged file is looked at as bytes alone
            records = []
        for record in records:
            found.append(repr(record))
            body = record["Body"] or b""
            if b'"payload"' in body:
                found.append(base64.b64decode(json.loads(body)["payload"]).decode("utf-8", "replace"))
    return "\n".join(found)
