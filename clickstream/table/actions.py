"""Data files of a Delta table, which never change, and the actions that add and remove them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs as pf
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction

from clickstream.table.data_files import DataFile

Action = AddAction | RemoveAction


def data_files(table: DeltaTable, partition: str) -> Sequence[DataFile]:
    """Every file of the version that the handle reads. Raise as deltalake does."""
    files = pa.table(table.get_add_actions(flatten=True))
    names = ["path", f"partition.{partition}", "size_bytes", "modification_time", "min.site", "max.site", "max.batch"]
    return [
        DataFile(
            unquote(file["path"]),
            file[f"partition.{partition}"],
            file["size_bytes"],
            datetime.fromtimestamp(file["modification_time"] / 1000, UTC),
            file.get("min.site"),
            file.get("max.site"),
            file.get("max.batch"),
        )
        for file in files.select([name for name in names if name in files.column_names]).to_pylist()
    ]


def removed_file(action: Mapping[str, Any], partition: str) -> DataFile:
    """The file that a `remove` action of the log removed."""
    removed_at = datetime.fromtimestamp(action["deletionTimestamp"] / 1000, UTC)
    day = date.fromisoformat(action["partitionValues"][partition])
    return DataFile(unquote(action["path"]), day, action["size"], removed_at)


def new_path(partition: str, day: date) -> str:
    """A new, unique path for a file of a date."""
    return f"{partition}={day.isoformat()}/part-{uuid4()}.zstd.parquet"


def addition(
    path: str, size_bytes: int, partition: str, day: date, statistics: str, *, changes_rows: bool = True
) -> AddAction:
    """The action that adds a file to the table."""
    return AddAction(path, size_bytes, {partition: day.isoformat()}, _now_ms(), changes_rows, statistics)


def removal(file: DataFile, partition: str, *, changes_rows: bool = True) -> RemoveAction:
    """The action that removes a file from the table; the file itself stays until vacuum."""
    return RemoveAction(file.path, changes_rows, _now_ms(), file.size_bytes, {partition: file.day.isoformat()})


def stored_files(uri: str, options: dict[str, str], sizes: Mapping[str, int]) -> pf.FileSystem:
    """A table's files, with known sizes: asking storage for one would block the interpreter until it answers."""
    return pf.PyFileSystem(DeltaStorageHandler(uri, options, dict(sizes)))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
