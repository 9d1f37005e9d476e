"""A commit whose files are written by many machines and committed by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from deltalake import Transaction
from deltalake.transaction import AddAction

from clickstream.lake.actions import Action
from clickstream.lake.delta import COMPACTOR, LakeTable

WrittenFile = Mapping[str, Any]


class PreparedTable(LakeTable):
    """Writes files as `append` does, and commits files that were written so elsewhere."""

    _prepared: list[Action] | None = None

    def write(self, rows: pa.Table) -> Sequence[WrittenFile]:
        """Write files of rows. They are part of no version until they are committed. Raise Unavailable."""
        self._prepared = []
        try:
            self.append(rows, {}, {})
            return [asdict(action) for action in self._prepared if isinstance(action, AddAction)]
        finally:
            self._prepared = None

    def commit(self, files: Sequence[WrittenFile], versions: Mapping[str, int], counts: Mapping[str, Any]) -> None:
        """Commit files, application versions and counts as one, or nothing at all. Raise Conflict, Unavailable."""
        generation = (self.application_version(COMPACTOR) or 0) + 1
        transactions = [Transaction(app_id, version) for app_id, version in {**versions, COMPACTOR: generation}.items()]
        with self._writable():
            self._commit([AddAction(**file) for file in files], counts, transactions)

    def _commit(
        self, actions: Sequence[Action], counts: Mapping[str, Any], transactions: Sequence[Transaction]
    ) -> None:
        if self._prepared is None:
            super()._commit(actions, counts, transactions)
        else:
            self._prepared += actions
