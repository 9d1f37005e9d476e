"""The table `identity_edits`: what operators said about ids, who, when and why. Lines are only added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from clickstream.identity.edits import Edit, EditKind
from clickstream.model.identity_tables import EDIT_PARTITION, EDIT_SCHEMA
from clickstream.retrying import retry_on_conflict
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.reading import TableReader
from clickstream.table.specs import IDENTITY_EDITS_TABLE
from clickstream.table.translation import translated


@dataclass(frozen=True, slots=True)
class LoggedEdit:
    """One line of the log, and who recorded it, when and why."""

    edit: Edit
    why: str
    asked_by: str
    recorded_at: datetime

    def document(self) -> dict[str, Any]:
        """The line as JSON values."""
        edit = self.edit
        return {
            "number": edit.number,
            "kind": edit.kind.value,
            "ids": list(edit.ids),
            "at": edit.at and edit.at.isoformat(),
            "undoes": edit.undoes,
            "why": self.why,
            "asked_by": self.asked_by,
            "recorded_at": self.recorded_at.isoformat(),
        }


Logs = Mapping[str, Sequence[LoggedEdit]]
"""The lines of each site that has any, in order."""


class EditLog:
    """Reads and extends the log. Safe to share between threads."""

    def __init__(self, account: StorageAccount, container: str) -> None:
        self._account = account
        self._container = container
        self._reader = TableReader(IDENTITY_EDITS_TABLE, account, container)
        self._read: tuple[int, Logs] = (-1, {})

    def read(self) -> Logs:
        """All lines by site. Raise Unavailable."""
        snapshot = self._reader.snapshot()
        version, logs = self._read
        if snapshot.version != version:
            with translated(IDENTITY_EDITS_TABLE.name):
                logs = _logs(self._reader.dataset_of(snapshot.files).to_table(EDIT_SCHEMA.names))
            self._read = snapshot.version, logs
        return logs

    def append(self, site: str, make: Callable[[Sequence[LoggedEdit]], LoggedEdit]) -> LoggedEdit:
        """Add the line that `make` returns for the site's log. Another writer's line makes it be called again.

        Raise Unavailable, and what `make` raises.
        """

        def attempt() -> LoggedEdit:
            table = Table.open_or_create(IDENTITY_EDITS_TABLE, self._account, self._container)
            with translated(IDENTITY_EDITS_TABLE.name):
                before = _logs(table.dataset().to_table(EDIT_SCHEMA.names)).get(site, ())
            made = make(before)
            table.append(_table(site, made), {}, {})
            return made

        return retry_on_conflict(attempt, IDENTITY_EDITS_TABLE.name)


def _logs(rows: pa.Table) -> Logs:
    logs: defaultdict[str, list[LoggedEdit]] = defaultdict(list)
    for row in rows.to_pylist():
        ids = tuple(orjson.loads(row["ids"]))
        edit = Edit(number=row["number"], kind=EditKind(row["kind"]), ids=ids, at=row["at"], undoes=row["undoes"])
        logs[row["site"]].append(LoggedEdit(edit, row["why"], row["asked_by"], row["recorded_at"]))
    return {site: sorted(lines, key=lambda line: line.edit.number) for site, lines in logs.items()}


def _table(site: str, line: LoggedEdit) -> pa.Table:
    row = {
        "site": site,
        "number": line.edit.number,
        "kind": line.edit.kind.value,
        "ids": orjson.dumps(line.edit.ids).decode(),
        "at": line.edit.at,
        "undoes": line.edit.undoes,
        "why": line.why,
        "asked_by": line.asked_by,
        "recorded_at": line.recorded_at,
        EDIT_PARTITION: line.recorded_at.date(),
    }
    return pa.Table.from_pylist([row], schema=EDIT_SCHEMA)
