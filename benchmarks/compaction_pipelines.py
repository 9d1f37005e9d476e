"""Run one pipeline from captured Avro to a Delta table: `PIPELINE CONTAINER LAKE WARM_LAKE`.

Prints one line of JSON: seconds of wall and processor time, peak memory in MB, rows, and seconds of stages. All
pipelines download with the same library, so that the comparison is about the later steps.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import duckdb
import fastavro
import obstore
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, WriterProperties, write_deltalake

from benchmarks.compaction_data import NOW
from benchmarks.processes import peak_mb
from clickstream.capture.decode import decode_files
from clickstream.capture.marks import Marks
from clickstream.capture.store import CaptureFiles
from clickstream.compacting.compactor import Compactor
from clickstream.compacting.dedupe import separate
from clickstream.compacting.memory import freed_memory_kept
from clickstream.compacting.reading import read_events
from clickstream.erasing.late import LateEvents
from clickstream.model.hub_state import HubState
from clickstream.model.schema import BODY_COLUMNS, TIMESTAMP
from clickstream.settings import Connection, Settings
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE
from clickstream.terminal import leave

MOMENTS = tuple(column.name for column in BODY_COLUMNS if column.type == TIMESTAMP)
# One stage, because files are read and decoded while earlier ones are typed.
TYPING = "read, decode, type"
MARKS = Marks(b"key of the benchmark")
DOCUMENTS = ("properties", "context", "violations")
SCHEMA = pa.schema([(column.name, column.type) for column in BODY_COLUMNS] + [("event_date", pa.date32())])


class Stages:
    """Seconds of wall and processor time by stage."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = self.wall.get(name, 0) + time.perf_counter() - wall
        self.cpu[name] = self.cpu.get(name, 0) + time.process_time() - cpu


class NoHubs:
    """Hub states without partitions: completeness is not measured."""

    def ask(self, hub: str) -> HubState:
        return HubState(NOW, {})


def download(account: StorageAccount, container: str) -> list[bytes]:
    """All blobs of a container, sorted by name."""
    store = account.container(container).store
    paths = sorted(blob["path"] for blobs in obstore.list(store) for blob in blobs)
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda path: bytes(obstore.get(store, path).bytes()), paths))


def records(account: StorageAccount, container: str) -> Iterator[bytes]:
    """The bodies of all captured events."""
    for data in download(account, container):
        for record in fastavro.reader(BytesIO(data)):
            assert isinstance(record, dict)
            yield record["Body"]


# --- ours ------------------------------------------------------------------------------------------------------------


def settings(account_string: str, container: str, lake: str, max_bytes: int) -> Settings:
    """The settings of a compactor."""
    return Settings.from_env(
        {
            "EventHubConnection": "none",
            "Lake": account_string,
            "VISITOR_ID_KEY": "0123456789abcdef",
            "CAPTURE_CONTAINER": container,
            "LAKE_CONTAINER": lake,
            "COMPACT_MAX_BYTES": str(max_bytes),
        }
    )


def compactor(account: StorageAccount, container: str, lake: str, stages: Stages) -> int:
    """The product's compactor with everything: plan, enrichment, counts, progress."""
    del stages
    run_settings = settings(os.environ["ACCOUNT"], container, lake, int(os.environ["MAX_BYTES"]))
    suppression = LateEvents.of(account, run_settings)
    report = Compactor(account, run_settings, suppression, NoHubs(), lambda: NOW).run(NOW + timedelta(hours=1))
    return report.rows


@freed_memory_kept()
def plain(account: StorageAccount, container: str, lake: str, stages: Stages) -> int:
    """The same steps without enrichment and counts, in commits of MAX_BYTES, with the time of each step."""
    files = CaptureFiles(account.container(container))
    waiting = sorted(files.list(""), key=lambda file: file.started_at)
    rows = 0
    while waiting:
        size, count = 0, 0
        while count < len(waiting) and (not count or size + waiting[count].size_bytes <= int(os.environ["MAX_BYTES"])):
            size += waiting[count].size_bytes
            count += 1
        batch, waiting = waiting[:count], waiting[count:]
        table = Table.open_or_create(EVENTS_TABLE, account, lake)
        with stages.part(TYPING):
            events = read_events(files.fetch, batch, MARKS).rows.events
        with stages.part("dedupe"):
            separated = separate(events, "event_id", table)
            events = separated.rows
        for field in EVENTS_TABLE.schema:
            if field.name not in events.column_names:
                events = events.append_column(field, pa.nulls(events.num_rows, field.type))
        with stages.part("sort, write, commit"):
            table.append(events, {}, {}, ~separated.copy)
        rows += separated.new_count
        del events, separated  # frees memory before the next files are read
    return rows


def floors(account: StorageAccount, container: str, lake: str, stages: Stages) -> int:
    """The lower bound of each step: the same libraries, without any check."""
    with stages.part(TYPING):
        contents = download(account, container)
    with stages.part(TYPING):
        b"".join(contents)
    bodies = decode_files(contents).bodies
    shape = json.dumps({c.name: "JSON" if c.name in DOCUMENTS else "VARCHAR" for c in BODY_COLUMNS})
    texts = pa.table({"body": bodies.cast(pa.string_view())})
    with stages.part(TYPING), duckdb.connect() as connection:
        connection.register("bodies", pa.Table.from_batches(texts.to_batches(max_chunksize=512), texts.schema))
        fields = connection.sql(f"SELECT e.* FROM (SELECT json_transform(body, '{shape}') AS e FROM bodies)")
        table = fields.to_arrow_table()
    with stages.part("dedupe"):
        table["event_id"].unique()
    with stages.part("sort, write, commit"):
        order = pa.compute.sort_indices(table, [("site", "ascending"), ("event_name", "ascending")])
        pq.write_table(table.take(order), BytesIO(), compression="zstd", compression_level=1)
    return int(table.num_rows)


# --- theirs ----------------------------------------------------------------------------------------------------------


def _row(value: dict[str, Any], dumps: Callable[[Any], str]) -> dict[str, Any]:
    for name in MOMENTS:
        if name in value:
            value[name] = datetime.fromisoformat(value[name])
    for name in DOCUMENTS:
        if name in value:
            value[name] = dumps(value[name])
    value["event_date"] = value["occurred_at"].date()
    return value


def naive(account: StorageAccount, container: str, lake: str, stages: Stages) -> int:
    """fastavro, json, from_pylist and write_deltalake with defaults, without dedupe and sorting."""
    rows = [_row(json.loads(body), json.dumps) for body in records(account, container)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    options = account.delta_options()
    write_deltalake(
        table_uri(lake, "events"), table, mode="append", partition_by=["event_date"], storage_options=options
    )
    return int(table.num_rows)


def structs(account: StorageAccount, container: str, lake: str, stages: Stages) -> int:
    """fastavro, msgspec, polars anti-join, write_deltalake with zstd 1."""
    import msgspec  # imported here, because it counts towards the memory of a pipeline
    import polars as pl

    kinds: Mapping[pa.DataType, Any] = {TIMESTAMP: datetime, pa.int64(): int, pa.bool_(): bool}
    event = msgspec.defstruct(
        "Event",
        [
            (c.name, (msgspec.Raw if c.name in DOCUMENTS else kinds.get(c.type, str)) | None, None)
            for c in BODY_COLUMNS
            if c.name not in DOCUMENTS
        ]
        + [(name, msgspec.Raw, msgspec.Raw(b"")) for name in DOCUMENTS],
    )
    decoder = msgspec.json.Decoder(event)
    events = [decoder.decode(body) for body in records(account, container)]
    columns: dict[str, Any] = {
        c.name: [bytes(getattr(e, c.name)).decode() or None for e in events]
        if c.name in DOCUMENTS
        else [getattr(e, c.name) for e in events]
        for c in BODY_COLUMNS
    }
    table = pa.table({name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()})
    table = table.append_column("event_date", table["occurred_at"].cast(pa.date32()))
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    frame = frame.unique("event_id", keep="first", maintain_order=True)
    options = account.delta_options()
    uri = table_uri(lake, "events")
    DeltaTable.create(uri, SCHEMA, mode="ignore", partition_by=["event_date"], storage_options=options)
    stored = pl.from_arrow(DeltaTable(uri, storage_options=options).to_pyarrow_table(columns=["event_id"]))
    assert isinstance(stored, pl.DataFrame)
    fresh = frame.join(stored, on="event_id", how="anti").to_arrow().cast(SCHEMA)
    properties = WriterProperties(compression="ZSTD", compression_level=1)
    write_deltalake(uri, fresh, mode="append", storage_options=options, writer_properties=properties)
    return int(fresh.num_rows)


def merge(account: StorageAccount, container: str, lake: str, stages: Stages) -> int:
    """fastavro, orjson, Delta MERGE."""
    rows: dict[str, dict[str, Any]] = {}
    for body in records(account, container):
        row = _row(orjson.loads(body), lambda value: orjson.dumps(value).decode())
        rows.setdefault(row["event_id"], row)
    table = pa.Table.from_pylist(list(rows.values()), schema=SCHEMA)
    options = account.delta_options()
    uri = table_uri(lake, "events")
    DeltaTable.create(uri, SCHEMA, mode="ignore", partition_by=["event_date"], storage_options=options)
    stored = DeltaTable(uri, storage_options=options)
    predicate = "stored.event_date = fresh.event_date AND stored.event_id = fresh.event_id"
    merged = stored.merge(table, predicate, source_alias="fresh", target_alias="stored")
    merged.when_not_matched_insert_all().execute()
    return int(table.num_rows)


PIPELINES: Mapping[str, Callable[[StorageAccount, str, str, Stages], int]] = {
    pipeline.__name__: pipeline for pipeline in (compactor, plain, floors, naive, structs, merge)
}


def main() -> int:
    """Run a pipeline twice, and print the measurements of the second run."""
    name, container, lake, warm_lake = sys.argv[1:]
    account = StorageAccount.from_connection(Connection("Lake", os.environ["ACCOUNT"]))
    # The first run pays what the libraries do once per process.
    PIPELINES[name](account, "warm", warm_lake, Stages())
    stages = Stages()
    wall, cpu = time.perf_counter(), time.process_time()
    rows = PIPELINES[name](account, container, lake, stages)
    measurements = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": peak_mb(),
        "rows": rows,
        "stages": {part: (stages.wall[part], stages.cpu[part]) for part in stages.wall},
    }
    print(json.dumps(measurements))
    return 0


if __name__ == "__main__":
    leave(main())
