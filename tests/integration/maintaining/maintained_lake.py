"""A lake that is maintained, and rows for its tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pyarrow as pa
from deltalake import DeltaTable

from clickstream.maintaining.maintainer import Maintainer, Report
from clickstream.storage.account import table_uri
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE
from local.azurite import Azurite
from tests.integration.compacting.lake import START, Lake

DAY = START.date()
LATER = START + timedelta(days=30)


class MaintainedLake(Lake):
    """A lake with a container for the sites' documents, too."""

    def __init__(self, azurite: Azurite) -> None:
        super().__init__(azurite)
        config = f"config-{uuid4().hex[:12]}"
        self.service.create_container(config)
        self.settings = replace(self.settings, config_container=config)

    def site(self, name: str, retention_days: int | None) -> None:
        text = f"site: {name}\nkeys: [{{kind: public, key: {name}-key}}]\n"
        text += "" if retention_days is None else f"retention_days: {retention_days}\n"
        container = self.service.get_container_client(self.settings.config_container)
        container.upload_blob(f"sites/{name}.yaml", text, overwrite=True)

    def maintain(self, now: datetime = LATER, minutes: int = 10) -> Report:
        return Maintainer(self.account, self.settings, lambda: now).run(now + timedelta(minutes=minutes))

    def captured(self) -> list[str]:
        return sorted(self.service.get_container_client(self.settings.capture_container).list_blob_names())

    def delta(self, table: str = "events") -> DeltaTable:
        uri = table_uri(self.settings.lake_container, table)
        return DeltaTable(uri, storage_options=self.account.delta_options())

    def events(self) -> Table:
        table = Table.open(EVENTS_TABLE, self.account, self.settings.lake_container)
        assert table is not None
        return table

    def writer(self) -> Table:
        return Table.open_or_create(EVENTS_TABLE, self.account, self.settings.lake_container)


def row(event_id: str, occurred_at: datetime = START, **fields: Any) -> dict[str, Any]:
    required: dict[str, Any] = {
        "event_id": event_id,
        "site": "shop",
        "event_type": "page_view",
        "event_name": "page_view",
        "received_at": occurred_at,
        "occurred_at": occurred_at,
        "enqueued_at": occurred_at,
        "event_date": occurred_at.date(),
        "consent": "full",
        "dialect": "plain",
        "fingerprint": "f",
        "hub_partition": "0",
        "capture_file": "a.avro",
    }
    for field in EVENTS_TABLE.schema:
        if not field.nullable and field.name not in required:
            required[field.name] = False if pa.types.is_boolean(field.type) else 0
    return {**required, **fields}


def rows(*events: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(events), schema=EVENTS_TABLE.schema)
