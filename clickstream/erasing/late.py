"""What arrives late of erased persons: left out by the compactor, and taken out of the captured files it came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing.captured import Found, change_records
from clickstream.erasing.changing import Removal
from clickstream.erasing.erased import ErasureKeys, is_mark, marked
from clickstream.erasing.state import ErasureState
from clickstream.errors import Conflict, Unavailable
from clickstream.lake.blobs import Blobs
from clickstream.lake.storage import StorageAccount
from clickstream.settings import Settings

TRIES_AFTER_CONFLICT = 20


@dataclass(frozen=True, slots=True)
class Split:
    """Rows that are compacted, and rows that are only counted, as erased."""

    kept: pa.Table
    erased: pa.Table


class LateEvents:
    """Who was erased is read at each call. Call it after the table was opened that the rows are committed to: an
    erasure that is noted later makes that commit fail, see docs/decisions/0015-erasure-is-noted-first.md.
    """

    def __init__(self, state: ErasureState, capture: Blobs) -> None:
        self._state = state
        self._capture = capture

    @classmethod
    def of(cls, account: StorageAccount, settings: Settings) -> Self:
        """The lake and the captured files of these settings."""
        keys = ErasureKeys.derive(settings.visitor_id_key)
        state = ErasureState(Blobs(account.container(settings.lake_container)), keys)
        return cls(state, Blobs(account.container(settings.capture_container)))

    def split_events(self, rows: pa.Table) -> Split:
        """Apart those of erased persons from before their erasure. Raise Unavailable."""
        erased = self._state.erased()
        return self._split(rows, erased.in_events(rows)) if erased.sites else Split(rows, rows.slice(0, 0))

    def split_failed(self, rows: pa.Table) -> Split:
        """Apart those that name erased persons, and what stands in captured files for erased events.

        Raise Unavailable.
        """
        marks = is_mark(rows["payload"])
        gone = marked(rows.filter(marks))
        rows = rows.filter(pc.invert(marks))
        erased = self._state.erased()
        found = self._split(rows, erased.in_failed(rows)) if erased.sites else Split(rows, rows.slice(0, 0))
        return Split(found.kept, pa.concat_tables([gone, found.erased.select(gone.column_names)]))

    def _split(self, rows: pa.Table, erased: pa.ChunkedArray) -> Split:
        found = rows.filter(erased)
        numbers: dict[str, set[int]] = {}
        for path, number in zip(found["capture_file"].to_pylist(), found["sequence_number"].to_pylist(), strict=True):
            numbers.setdefault(path, set()).add(number)
        for path, some in numbers.items():
            self._take_out(path, Found(others=frozenset(some)))
        return Split(rows.filter(pc.invert(erased)), found)

    def _take_out(self, path: str, found: Found) -> None:
        """Of a spilled blob there is nothing to do: it is deleted when its rows are committed."""
        for _ in range(TRIES_AFTER_CONFLICT):
            blob = self._capture.read(path)
            if blob is None:
                return
            try:
                self._capture.replace(blob, change_records(blob.data, found, Removal()))
                return
            except Conflict:
                continue
        raise Unavailable(f"others changed {path} {TRIES_AFTER_CONFLICT} times")
