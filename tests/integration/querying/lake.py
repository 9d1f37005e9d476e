"""A lake to query: real Delta tables in Azurite, written without the code under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from azure.storage.blob import BlobServiceClient
from deltalake import write_deltalake

from clickstream.deriving.people import Basis, people_of
from clickstream.identity.edges import EVENT_COLUMNS as IDENTITY_COLUMNS
from clickstream.identity.edges import edges_of
from clickstream.identity.rules import Rules, Trust
from clickstream.model.audience_tables import AUDIENCE_CHANGES, CHANGE_PARTITION, CHANGE_SCHEMA
from clickstream.model.pipeline_hour import PipelineHour
from clickstream.model.schema import EVENT_COLUMNS, FAILED_COLUMNS, PIPELINE_COLUMNS, arrow_schema
from clickstream.profiles.activity import activity_of
from clickstream.profiles.building import profiles_of
from clickstream.profiles.rules import ProfileRules
from clickstream.profiles.traits import traits_of
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.table.specs import ACTIVITY_TABLE, PROFILES_TABLE, TRAITS_TABLE
from local.azurite import Azurite

NOW = datetime(2026, 10, 28, 10, 30, tzinfo=UTC)


def event(event_id: str, site: str, occurred_at: datetime, **fields: Any) -> dict[str, Any]:
    """A row of the table of events."""
    return {
        "event_id": event_id,
        "site": site,
        "event_type": "page_view",
        "event_name": "page_view",
        "received_at": occurred_at,
        "occurred_at": occurred_at,
        "clock_clamped": False,
        "consent": "full",
        "advertising": True,
        "properties": "{}",
        "context": "{}",
        "dialect": "plain",
        "fingerprint": "0" * 32,
        "event_date": occurred_at.date(),
        "hub_partition": "0",
        "sequence_number": 0,
        "enqueued_at": occurred_at,
        "capture_file": "a.avro",
        **fields,
    }


def failed_event(failed_event_id: str, site: str | None, **fields: Any) -> dict[str, Any]:
    """A row of the table of failed events."""
    return {
        "failed_event_id": failed_event_id,
        "site": site,
        "received_at": NOW,
        "stage": "collect",
        "failure_class": "schema_violation",
        "pointer": "/name",
        "message": "is required",
        "payload": b"\x00\xff",
        "payload_truncated": False,
        "failed_date": NOW.date(),
        "hub": "failed-events",
        "hub_partition": "0",
        "sequence_number": 0,
        "enqueued_at": NOW,
        "capture_file": "a.avro",
        **fields,
    }


@dataclass(frozen=True, slots=True)
class Lake:
    """One container of its own."""

    azurite: Azurite
    settings: Settings
    account: StorageAccount

    def append(self, *rows: Mapping[str, Any]) -> None:
        self.append_table(_table_of(rows))

    def append_table(self, rows: pa.Table) -> None:
        self._append("events", "event_date", rows)

    def append_failed(self, *rows: Mapping[str, Any]) -> None:
        table = pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(FAILED_COLUMNS))
        self._append("failed_events", "failed_date", table)

    def append_people(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The people of these rows of events, by the usual rules."""
        events = _table_of(rows)
        for site in pc.unique(events["site"]).to_pylist():
            self._append("identities", "resolved_date", _people_in(events, site))

    def append_profiles(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The activity, traits and profiles in these rows of events, by the usual rules."""
        events = _table_of(rows)
        for site in pc.unique(events["site"]).to_pylist():
            own = events.filter(pc.equal(events["site"], site))
            activity, traits, people = activity_of(own), traits_of(own), _people_in(own, site)
            profiles = profiles_of(activity, traits, people, Trust.ANY, ProfileRules(), site, NOW.date())
            for spec, found in ((ACTIVITY_TABLE, activity), (TRAITS_TABLE, traits), (PROFILES_TABLE, profiles)):
                self._append(spec.name, spec.partition, found)

    def append_changes(self, *changes: Mapping[str, Any]) -> None:
        """Rows of `audience_changes`, with values for what they leave out."""
        usual = {"is_known": True, "kind": "enter", "reason": "event", "definition": 1, "committed_at": NOW}
        rows = [{**usual, CHANGE_PARTITION: NOW.date(), **change} for change in changes]
        self._append(AUDIENCE_CHANGES, CHANGE_PARTITION, pa.Table.from_pylist(rows, schema=CHANGE_SCHEMA))

    def append_hours(self, *hours: PipelineHour) -> None:
        rows = [{**asdict(hour), "hour_date": hour.hour.date()} for hour in hours]
        self._append("pipeline_hours", "hour_date", pa.Table.from_pylist(rows, schema=arrow_schema(PIPELINE_COLUMNS)))

    def put(self, path: str, content: bytes) -> None:
        with BlobServiceClient.from_connection_string(self.azurite.connection_string) as client:
            client.get_blob_client(self.settings.lake_container, path).upload_blob(content, overwrite=True)

    def delete(self, *paths: str) -> None:
        with BlobServiceClient.from_connection_string(self.azurite.connection_string) as client:
            for path in paths:
                client.get_blob_client(self.settings.lake_container, path).delete_blob()

    def blobs(self) -> dict[str, str]:
        """Every blob and its ETag, to see that nothing was written."""
        with BlobServiceClient.from_connection_string(self.azurite.connection_string) as client:
            return {
                blob.name: blob.etag for blob in client.get_container_client(self.settings.lake_container).list_blobs()
            }

    def _append(self, table: str, partition: str, rows: pa.Table) -> None:
        write_deltalake(
            table_uri(self.settings.lake_container, table),
            rows,
            mode="append",
            partition_by=[partition],
            storage_options=self.account.delta_options(),
        )


def _table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(EVENT_COLUMNS))


def _people_in(events: pa.Table, site: str) -> pa.Table:
    edges = edges_of(events.select(IDENTITY_COLUMNS), {})
    return people_of(edges.filter(pc.equal(edges["site"], site)), Basis(Rules()), site, NOW.date())


def make_lake(azurite: Azurite, **settings: str) -> Lake:
    """An empty one."""
    container = f"lake-{uuid4().hex}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        client.create_container(container)
    read = Settings.from_env(
        {
            "EventHubConnection": "unused",
            "Lake": azurite.connection_string,
            "VISITOR_ID_KEY": "0123456789abcdef",
            "LAKE_CONTAINER": container,
            "QUERY_TIMEOUT_SECONDS": "120",
            "QUERY_MEMORY_MB": "256",
            "QUERY_MAX_ROWS": "1000",
            "QUERY_FILES_FOLDER": str(azurite.folder / "copies"),
            **settings,
        }
    )
    return Lake(azurite, read, StorageAccount.from_connection(read.lake))
