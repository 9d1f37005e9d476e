"""The files of a table, and commits that add files and take them away. None of them ever changes."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

import deltalake
import obstore
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from clickstream.maintaining.planning import DataFile

if TYPE_CHECKING:
    from obstore.store import AzureStore

Action = AddAction | RemoveAction
# Every commit that takes files away carries this: delta-rs sees no conflict between two that take the same file away
# when the first of them changed no rows, as maintenance does, and the second would bring the file's rows in twice.
REWRITER = "rewriter"
COUNTS = "clickstream"


def data_files(table: DeltaTable, partition: str) -> Sequence[DataFile]:
    """Every file of the version that the handle reads. Raise as deltalake does."""
    told = pa.table(table.get_add_actions(flatten=True))
    names = ["path", f"partition.{partition}", "size_bytes", "modification_time", "min.site", "max.site"]
    return [
        DataFile(
            unquote(file["path"]),
            file[f"partition.{partition}"],
            file["size_bytes"],
            datetime.fromtimestamp(file["modification_time"] / 1000, UTC),
            file.get("min.site"),
            file.get("max.site"),
        )
        for file in told.select([name for name in names if name in told.column_names]).to_pylist()
    ]


def new_path(partition: str, day: date) -> str:
    """Where a file of a date may be written; no other has the name."""
    return f"{partition}={day.isoformat()}/part-{uuid4()}.zstd.parquet"


def addition(
    path: str, size_bytes: int, partition: str, day: date, statistics: str, *, changes_rows: bool = True
) -> AddAction:
    """That a file is part of the table from now on."""
    return AddAction(path, size_bytes, {partition: day.isoformat()}, _now_ms(), changes_rows, statistics)


def removal(path: str, size_bytes: int, partition: str, day: date, *, changes_rows: bool = True) -> RemoveAction:
    """That a file is no part of the table any more; it stays until vacuum."""
    return RemoveAction(path, changes_rows, _now_ms(), size_bytes, {partition: day.isoformat()})


def commit(
    table: DeltaTable,
    schema: deltalake.Schema,
    partition: str,
    actions: Sequence[Action],
    counts: Mapping[str, Any],
    transactions: Sequence[Transaction],
) -> None:
    """Commit all of it as one version, or nothing. Raise CommitFailedError, DeltaError, OSError."""
    if any(isinstance(action, RemoveAction) for action in actions):
        transactions = [*transactions, Transaction(REWRITER, (table.transaction_version(REWRITER) or 0) + 1)]
    table.create_write_transaction(
        list(actions),
        mode="append",
        schema=schema,
        partition_by=[partition],
        commit_properties=CommitProperties(
            custom_metadata={COUNTS: json.dumps(counts, separators=(",", ":"))}, app_transactions=list(transactions)
        ),
    )


@contextlib.contextmanager
def discarding(table: DeltaTable, files: AzureStore, name: str, actions: Iterable[Action]) -> Iterator[None]:
    """Delete the files that these actions add to the table of this name when their commit fails.

    Who was first may have erased what they hold. A commit whose answer was lost fails, too, when it is tried again;
    what it brought into the table stays.
    """
    try:
        yield
    except CommitFailedError:
        table.update_incremental()
        live = set(pa.table(table.get_add_actions(flatten=True))["path"].to_pylist())
        for action in actions:
            if isinstance(action, AddAction) and action.path not in live:
                with contextlib.suppress(FileNotFoundError):
                    obstore.delete(files, f"{name}/{action.path}")
        raise


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
