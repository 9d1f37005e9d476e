"""Everything that the tables hold about one person, as lines of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from clickstream.erasing import person as persons
from clickstream.erasing.linking import linked, links_in
from clickstream.erasing.person import Person
from clickstream.erasing.request import ExportRequest
from clickstream.errors import LimitExceeded
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, TableSpec
from clickstream.lake.erasable_table import ErasableTable
from clickstream.lake.progress_file import read_progress
from clickstream.lake.storage import StorageAccount
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.settings import Settings

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
DOCUMENTS = ("properties", "context", "violations", "seen")


class Exporter:
    """Exports persons. Safe to share between threads."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._account = account
        self._container = settings.lake_container
        self._keys = PseudonymKeys.parse(settings.pseudonym_keys, settings.visitor_id_key)
        self._now = now

    def lines(self, request: ExportRequest) -> Iterator[bytes]:
        """One line for each event and failed event, each `{"table": ..., "row": {...}}`, in the order of the files.

        The last line is `{"end": {...}}`: how many there were, and up to which moment the tables are complete. An
        export without it was cut. Raise Unavailable, also while lines are read.
        """
        now = self._now()
        events, failed = self._open(EVENTS_TABLE), self._open(FAILED_TABLE)
        person = Person.of(request.site_id, request.user_ids, request.anonymous_ids, END_OF_TIME, self._keys)
        shared: frozenset[str] = frozenset()
        if request.linked:
            found = linked(person, links_in(events, person.site))
            person, shared = found.person, found.shared
        counts = dict.fromkeys((EVENTS_TABLE.name, FAILED_TABLE.name), 0)
        for table, columns, find in (
            (events, persons.EVENT_COLUMNS, person.in_events),
            (failed, persons.FAILED_COLUMNS, person.in_failed),
        ):
            for rows in table.rows(columns, find):
                for row in rows.to_pylist():
                    counts[table.spec.name] += 1
                    yield _line({"table": table.spec.name, "row": {name: _plain(name, row[name]) for name in row}})
        until = read_progress(self._account.container(self._container)).complete_until
        yield _line({"end": {**counts, "asked_at": now, "complete_until": until, "shared_devices_left": len(shared)}})

    def document(self, request: ExportRequest, max_bytes: int) -> bytes:
        """All lines at once. Raise LimitExceeded when they have more than `max_bytes`, Unavailable."""
        parts: list[bytes] = []
        size = 0
        for line in self.lines(request):
            parts.append(line)
            size += len(line)
            if size > max_bytes:
                raise LimitExceeded(f"the export has more than {max_bytes} bytes; the command has no limit")
        return b"".join(parts)

    def _open(self, spec: TableSpec) -> ErasableTable:
        return ErasableTable.open_or_create(spec, self._account, self._container)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return orjson.loads(value) if name in DOCUMENTS and value else value


def _line(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
