"""Tables of older versions: columns come to them, and their rows stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from clickstream.model.schema import DERIVED_COLUMNS, Column
from clickstream.storage.account import table_uri
from clickstream.table.delta import Table
from clickstream.table.maintenance import merge
from clickstream.table.reading import TableReader
from clickstream.table.specs import EVENTS_TABLE, TableSpec
from local.azurite import Azurite
from tests.integration.compacting.lake import START, Lake, event

DERIVED = frozenset(column.name for column in DERIVED_COLUMNS)
MAY_BE_NULL = frozenset(column.name for column in EVENTS_TABLE.columns if column.nullable)
OLD_ROW: Mapping[str, Any] = {
    "event_id": "old",
    "site": "shop",
    "event_type": "page_view",
    "event_name": "page_view",
    "received_at": START,
    "occurred_at": START,
    "clock_clamped": False,
    "page_path": "/old",
    "consent": "full",
    "advertising": True,
    "dialect": "plain",
    "fingerprint": "f",
    "event_date": START.date(),
    "hub_partition": "0",
    "sequence_number": 7,
    "enqueued_at": START,
    "capture_file": "ns/events/0/2026/03/10/11/00/00.avro",
}


def older(without: frozenset[str]) -> TableSpec:
    return replace(EVENTS_TABLE, columns=tuple(c for c in EVENTS_TABLE.columns if c.name not in without))


@pytest.mark.parametrize("without", [DERIVED, MAY_BE_NULL - {"page_path"}], ids=["without derived", "the least"])
def test_a_table_of_an_older_version_takes_new_rows_and_keeps_its_own(
    azurite: Azurite, without: frozenset[str]
) -> None:
    lake = Lake(azurite)
    container = lake.settings.lake_container
    spec = older(without)
    row = {name: value for name, value in OLD_ROW.items() if name in spec.schema.names}
    Table.open_or_create(spec, lake.account, container).append(
        pa.Table.from_pylist([row], schema=spec.schema), {"ns/events/9/file": 5}, {}
    )
    assert TableReader(EVENTS_TABLE, lake.account, container).dataset().to_table().num_rows == 1, "before any commit"
    lake.capture(0, [event("new", page_path="/new", user_agent="curl/8.5.0"), event("old"), event("old")])
    lake.compact()
    rows = {row["event_id"]: row for row in lake.rows()}
    assert rows.keys() == {"old", "new"}
    assert {name: rows["old"][name] for name in row} == row
    assert {rows["old"][name] for name in without - row.keys()} == {None}
    assert (rows["new"]["page_path"], rows["new"]["is_bot"]) == ("/new", True)
    table = Table.open_or_create(EVENTS_TABLE, lake.account, container)
    assert table.application_version("ns/events/9/file") == 5
    table.remove("event_id", {START.date(): {"new"}})
    assert [row["page_path"] for row in lake.rows()] == ["/old"]


def test_rows_of_old_and_new_files_are_rewritten_together(azurite: Azurite) -> None:
    lake = Lake(azurite)
    container = lake.settings.lake_container
    spec = older(DERIVED)
    Table.open_or_create(spec, lake.account, container).append(
        pa.Table.from_pylist([dict(OLD_ROW)], schema=spec.schema), {}, {}
    )
    lake.capture(0, [event("new", occurred_at=START + timedelta(seconds=1))])
    lake.compact()
    uri = table_uri(container, "events")
    DeltaTable(uri, storage_options=lake.account.delta_options()).optimize.compact()
    assert lake.ids() == ["new", "old"]
    assert [column.name for column in EVENTS_TABLE.columns if column.name not in lake.rows()[0]] == []


def test_a_table_with_columns_that_are_no_more_takes_new_rows_and_is_merged(azurite: Azurite) -> None:
    lake = Lake(azurite)
    retired = Column("request_accepted", pa.int64(), True, "Of an earlier version.", "server", "1")
    spec = replace(EVENTS_TABLE, columns=(*EVENTS_TABLE.columns, retired))
    rows = pa.Table.from_pylist([{**OLD_ROW, "request_accepted": 3}], schema=spec.schema)
    Table.open_or_create(spec, lake.account, lake.settings.lake_container).append(rows, {}, {})
    old_body = event("new", page_path="/new")[:-1] + b',"request_accepted":1,"request_failed":0}'
    lake.capture(0, [old_body, event("old")])
    assert lake.compact().duplicates == 1
    assert {row["event_id"]: (row["page_path"], row["properties"]) for row in lake.rows()} == {
        "old": ("/old", None),
        "new": ("/new", "{}"),
    }
    reader = TableReader(EVENTS_TABLE, lake.account, lake.settings.lake_container)
    assert reader.dataset().to_table().schema == EVENTS_TABLE.schema
    table = Table.open(EVENTS_TABLE, lake.account, lake.settings.lake_container)
    assert table is not None
    merge(table, table.files())
    assert lake.ids() == ["new", "old"]


def test_every_column_that_a_body_may_lack_may_be_null_in_the_table() -> None:
    required = {column.name for column in EVENTS_TABLE.columns if not column.nullable}
    assert required == {name for name in OLD_ROW if name != "page_path"}, "a new column must be one that may be null"
