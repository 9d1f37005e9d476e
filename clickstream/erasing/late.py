"""The suppression filter: events of erased persons that arrive late are not compacted, and are removed from their
captured files.
"""

from __future__ import annotations

from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.capture.marks import Marks, Split
from clickstream.erasing.captured import MatchedRecords, change_records
from clickstream.erasing.changing import Removal
from clickstream.erasing.erased import ErasureKeys
from clickstream.erasing.state import ErasureState
from clickstream.retrying import retry_on_conflict
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.storage.blobs import Container
from clickstream.table.specs import EVENTS_TABLE, TableSpec


class LateEvents:
    """Applies the suppression list, which it reads at each call.

    Call it after opening the table that the rows are committed to: an erasure that is noted later makes that commit
    fail, see docs/decisions/0015-erasure-is-noted-first.md.
    """

    def __init__(self, state: ErasureState, capture: Container, marks: Marks) -> None:
        self._state = state
        self._capture = capture
        self.marks = marks

    @classmethod
    def of(cls, account: StorageAccount, settings: Settings) -> Self:
        """The filter for the lake and the captured files of these settings."""
        keys = ErasureKeys.derive(settings.visitor_id_key)
        state = ErasureState(account.container(settings.lake_container), keys)
        return cls(state, account.container(settings.capture_container), keys.marks)

    def rewrite_files_without_erased(self, rows: pa.Table, spec: TableSpec) -> Split:
        """Split off rows of erased persons from before their erasure, and rewrite their captured files without them.

        Failed events are split off if they name an erased person. Raise Unavailable.
        """
        erased = self._state.erased()
        if not erased.sites:
            return Split(rows, rows.slice(0, 0))
        # By name: a worker of another process has a copy of the definition.
        mask = erased.in_events(rows) if spec.name == EVENTS_TABLE.name else erased.in_failed(rows)
        matches = rows.filter(mask)
        for path in pc.unique(matches["capture_file"]).to_pylist():
            of_file = matches.filter(pc.equal(matches["capture_file"], path))
            self._rewrite_file(path, MatchedRecords(self.marks.of_rows(of_file)))
        return Split(rows.filter(pc.invert(mask)), matches)

    def _rewrite_file(self, path: str, matches: MatchedRecords) -> None:
        """Replace records of a captured file by their marks.

        A spilled blob is skipped, because it is deleted once its rows are committed.
        """

        def rewrite() -> None:
            if (blob := self._capture.read(path)) is not None:
                self._capture.write_if(path, change_records(blob.data, matches, Removal()), blob.version)

        retry_on_conflict(rewrite, path)
