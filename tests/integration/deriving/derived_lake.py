"""A lake whose tables of people follow, rows for it, and a scan that finds a text in any of its files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from clickstream.deriving.deriver import Deriver, Report
from clickstream.erasing.eraser import Eraser
from clickstream.erasing.request import ErasureRequest
from clickstream.identity.edges import combined
from clickstream.model.identity_tables import EDGE_SCHEMA, IDENTITY_SCHEMA
from clickstream.model.profile_tables import PROFILE_SCHEMA
from clickstream.storage.account import StorageAccount
from tests.integration.compacting.lake import NOW, START
from tests.integration.maintaining.maintained_lake import MaintainedLake, row, rows

Leave = Callable[[str, Callable[[str], bool]], None]
CANARY = ("canary-user-8471", "canary-device-8471")


class DerivedLake(MaintainedLake):
    """A lake whose derived tables follow."""

    def site(self, name: str, retention_days: int | None, more: str = "") -> None:
        super().site(name, retention_days)
        container = self.service.get_container_client(self.settings.config_container)
        text = container.download_blob(f"sites/{name}.yaml").readall().decode()
        container.upload_blob(f"sites/{name}.yaml", text + more, overwrite=True)

    def add(self, *events: dict[str, Any]) -> None:
        self.writer().append(rows(*events), {}, {})

    def deriver(self, account: StorageAccount | None = None) -> Deriver:
        return Deriver(account or self.account, self.settings, lambda: NOW)

    def derive(self, account: StorageAccount | None = None) -> Report:
        return self.deriver(account).run()

    def versions(self) -> list[int]:
        tables = ("identity_edges", "identities", "activity", "traits", "profiles")
        return [self.delta(table).version() for table in tables]

    def people(self) -> pa.Table:
        stored = self.delta("identities").to_pyarrow_table().select(IDENTITY_SCHEMA.names)
        order = [(name, "ascending") for name in ("site", "kind", "id", "valid_from")]
        return stored.drop_columns(["resolved_date"]).sort_by(order)

    def evidence(self) -> list[dict[str, Any]]:
        stored = self.delta("identity_edges").to_pyarrow_table().select(EDGE_SCHEMA.names)
        at = EDGE_SCHEMA.get_field_index("batch")
        plain = stored.set_column(at, EDGE_SCHEMA.field(at), pa.nulls(stored.num_rows, pa.int64()))
        evidence: list[dict[str, Any]] = combined([plain, plain]).to_pylist()
        return evidence

    def summed(self, table: str, key: Sequence[str], sums: str) -> list[tuple[Any, ...]]:
        """Rows of a table that adds up, one for each key: batches may have several of the same."""
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.register(table, self.delta(table).to_pyarrow_dataset())
            return connection.sql(f"SELECT {', '.join(key)}, {sums} FROM {table} GROUP BY ALL ORDER BY ALL").fetchall()

    def profiles(self) -> list[dict[str, Any]]:
        stored = self.delta("profiles").to_pyarrow_table().select(PROFILE_SCHEMA.names)
        people: list[dict[str, Any]] = stored.sort_by([("site", "ascending"), ("person", "ascending")]).to_pylist()
        return people

    def known(self) -> list[Any]:
        """What is known of each person, and what that follows from."""
        ids = ("site", "anonymous_id", "user_id", "half_hour")
        return [
            self.profiles(),
            self.summed("activity", (*ids, "session_id"), "sum(acts), min(first_at), max(last_at)"),
            self.summed("traits", (*ids, "name", "value"), "min(first_at), max(last_at)"),
        ]

    def check(self) -> None:
        """Assert that building all tables anew changes nothing in them."""
        before, evidence, known = self.people(), self.evidence(), self.known()
        self.deriver().rebuild()
        assert self.people().to_pylist() == before.to_pylist()
        assert self.known() == known
        again = self.evidence()
        for edge in (*evidence, *again):
            if edge["kind"] in ("user", "device", "name"):  # a day has an id once, as first seen
                del edge["first_at"], edge["last_at"]
        assert again == evidence

    def finds(self, *texts: str) -> list[str]:
        """The blobs of the lake that hold one of the texts."""
        container = self.service.get_container_client(self.settings.lake_container)
        found = []
        for name in container.list_blob_names():
            data = container.download_blob(name).readall()
            seen = data.decode("utf-8", "replace")
            if name.endswith(".parquet"):
                seen += repr(pq.read_table(io.BytesIO(data)).to_pylist())
            if any(text in seen for text in texts):
                found.append(name)
        return found


def stays(site: str, is_erased: Callable[[str], bool]) -> None:
    """There are no audiences."""


def page(id: str, minutes: float, **fields: Any) -> dict[str, Any]:
    return row(id, START + timedelta(minutes=minutes), id_source="client", key_kind="public", **fields)


def erase(
    lake: DerivedLake, at: datetime = START + timedelta(hours=3), leave: Leave = stays, **asked: Any
) -> dict[str, Any]:
    eraser = Eraser(lake.account, lake.settings, lambda: at, lambda: "erasure-1", bytes, lambda site: (), leave)
    request = {"site_id": "shop", "user_ids": [CANARY[0]], "anonymous_ids": [CANARY[1]], "asked_by": "test", **asked}
    return eraser.erase(ErasureRequest.model_validate(request))
