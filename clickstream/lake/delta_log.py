"""The log of a Delta table, read for what the library gives only one by one, or while everything else waits.

Of the protocol only this is used: commits are `_delta_log/<20 digits>.json`, a line for each action; `_last_checkpoint`
names a version whose state stands in one Parquet file. See https://github.com/delta-io/delta/blob/master/PROTOCOL.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any

import obstore
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from obstore.store import AzureStore

PARALLEL_READS = 16


class DeltaLog:
    """One table's log. What fails raises as obstore does: OSError, BaseError."""

    def __init__(self, files: AzureStore, table: str) -> None:
        self._files = files
        self._folder = f"{table}/_delta_log"

    def commit_infos(self, first: int, last: int) -> Sequence[Mapping[str, Any]]:
        """What the commits of these versions say of themselves, oldest first; those cleaned up are left out."""
        return [info for commit in self._commits(first, last) for info in _actions(commit or b"", "commitInfo")]

    def transactions(self, version: int) -> Mapping[str, int] | None:
        """The last version of every application, as of a version of the table; None where the log is not whole."""
        checkpoint = self._checkpoint(version)
        if checkpoint is None:
            return None
        since, found = checkpoint
        for commit in self._commits(since + 1, version):
            if commit is None:
                return None
            found |= {action["appId"]: action["version"] for action in _actions(commit, "txn")}
        return found

    def _checkpoint(self, version: int) -> tuple[int, dict[str, int]] | None:
        """The last checkpoint's version and transactions; -1 without one. None where it cannot be used here."""
        try:
            told = json.loads(self._get("_last_checkpoint"))
        except FileNotFoundError:
            return -1, {}
        if told.get("parts") or told["version"] > version:
            return None
        try:
            data = self._get(f"{told['version']:020}.checkpoint.parquet")
        except FileNotFoundError:
            return None
        rows = pq.read_table(BytesIO(data), columns=["txn"])["txn"].to_pylist()
        # A struct that is not there may read as one whose members are all null.
        return told["version"], {row["appId"]: row["version"] for row in rows if row and row["appId"] is not None}

    def _commits(self, first: int, last: int) -> Iterator[bytes | None]:
        def read(version: int) -> bytes | None:
            try:
                return self._get(f"{version:020}.json")
            except FileNotFoundError:
                return None

        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            yield from pool.map(read, range(first, last + 1))

    def _get(self, name: str) -> bytes:
        return bytes(obstore.get(self._files, f"{self._folder}/{name}").bytes())


def _actions(commit: bytes, kind: str) -> Iterator[Any]:
    start = f'{{"{kind}"'.encode()
    for line in commit.splitlines():
        if line.startswith(start):
            yield json.loads(line)[kind]
