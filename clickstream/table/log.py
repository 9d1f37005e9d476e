"""Reads the log of a Delta table, where the library would read it once per value or block the whole process.

It uses only this part of the protocol: commits are `_delta_log/<20 digits>.json`, one action per line;
`_last_checkpoint` names a version whose state is in one Parquet file.
See https://github.com/delta-io/delta/blob/master/PROTOCOL.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pyarrow.parquet as pq

from clickstream.storage.blobs import Container

PARALLEL_READS = 16


class DeltaLog:
    """One table's log. Methods raise Unavailable."""

    def __init__(self, files: Container, table: str) -> None:
        self._files = files
        self._folder = f"{table}/_delta_log"

    def commit_infos(self, first: int, last: int) -> Sequence[Mapping[str, Any]]:
        """The commitInfo of these versions, oldest first, without versions that were cleaned up."""
        return [info for commit in self._commits(first, last) for info in _actions(commit or b"", "commitInfo")]

    def replaced(self, first: int, last: int) -> Sequence[Mapping[str, Any]] | None:
        """The `remove` actions of files that were in the table before these versions; None if the log has gaps."""
        added, removed = set[str](), list[Mapping[str, Any]]()
        for commit in self._commits(first, last):
            if commit is None:
                return None
            removed += [action for action in _actions(commit, "remove") if action["path"] not in added]
            added |= {action["path"] for action in _actions(commit, "add")}
        return removed

    def has(self, version: int) -> bool:
        """Whether this version was committed, and its commit was not cleaned up."""
        return self._get(f"{version:020}.json") is not None

    def transactions(
        self, version: int, known: tuple[int, Mapping[str, int] | None] | None = None
    ) -> Mapping[str, int] | None:
        """The last version by application id, as of a version of the table; None if the log has gaps.

        `known` is another version with its answer: if it is an earlier one, the log is read from there on.
        """
        before, answer = known or (version, None)
        start = self._checkpoint(version) if answer is None or before >= version else (before, dict(answer))
        if start is None:
            return None
        since, versions = start
        for commit in self._commits(since + 1, version):
            if commit is None:
                return None
            versions |= {action["appId"]: action["version"] for action in _actions(commit, "txn")}
        return versions

    def _checkpoint(self, version: int) -> tuple[int, dict[str, int]] | None:
        """The last checkpoint's version, -1 if there is none, and its transactions. None if it cannot be used here."""
        last = self._get("_last_checkpoint")
        if last is None:
            return -1, {}
        checkpoint = json.loads(last)
        if checkpoint.get("parts") or checkpoint["version"] > version:
            return None
        data = self._get(f"{checkpoint['version']:020}.checkpoint.parquet")
        if data is None:
            return None
        rows = pq.read_table(BytesIO(data), columns=["txn"])["txn"].to_pylist()
        # A missing struct may be read as one whose members are all null.
        return checkpoint["version"], {row["appId"]: row["version"] for row in rows if row and row["appId"] is not None}

    def _commits(self, first: int, last: int) -> Iterator[bytes | None]:
        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            yield from pool.map(self._get, (f"{version:020}.json" for version in range(first, last + 1)))

    def _get(self, name: str) -> bytes | None:
        blob = self._files.read(f"{self._folder}/{name}")
        return None if blob is None else blob.data


def _actions(commit: bytes, kind: str) -> Iterator[Any]:
    start = f'{{"{kind}"'.encode()
    for line in commit.splitlines():
        if line.startswith(start):
            yield json.loads(line)[kind]
