"""Exports everything that the tables hold about one person as NDJSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from clickstream.erasing import person as persons
from clickstream.erasing.derived import (
    ACTIVITY_COLUMNS,
    CHANGE_COLUMNS,
    EDGE_COLUMNS,
    EDIT_COLUMNS,
    IDENTITY_COLUMNS,
    PROFILE_COLUMNS,
    DerivedRows,
)
from clickstream.erasing.linking import Linked, linked, links_in
from clickstream.erasing.person import Person
from clickstream.erasing.reach import check_reach, preview
from clickstream.erasing.request import ExportRequest
from clickstream.errors import LimitExceeded
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import read_progress
from clickstream.table.delta import Table
from clickstream.table.erasure import whole_rows
from clickstream.table.specs import (
    ACTIVITY_TABLE,
    AUDIENCE_CHANGES_TABLE,
    EVENTS_TABLE,
    FAILED_TABLE,
    IDENTITIES_TABLE,
    IDENTITY_EDGES_TABLE,
    IDENTITY_EDITS_TABLE,
    PROFILES_TABLE,
    TRAITS_TABLE,
    TableSpec,
)

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
        """One line for each row about the person, each `{"table": ..., "row": {...}}`, in the order of the files.

        The last line is `{"end": {...}}`: the numbers of rows, and the moment until which the tables are complete. An
        export without it was cut off. A dry run has one line, that of `preview`.

        Raise InvalidRequest (too_common), LimitExceeded, Unavailable, the last also during iteration.
        """
        now = self._now()
        events, failed = self._open(EVENTS_TABLE), self._open(FAILED_TABLE)
        given = Person.of(request.site_id, request.user_ids, request.anonymous_ids, END_OF_TIME, self._keys)
        identities = Table.open(IDENTITIES_TABLE, self._account, self._container)
        linked_person = linked(given, links_in(events, identities, given.site)) if request.linked else Linked(given)
        person = linked_person.person
        if request.dry_run:
            yield _line(preview(linked_person, given, events, failed))
            return
        if not request.force:
            check_reach(failed, person)
        derived = DerivedRows(person)
        steps = [
            (events, persons.EVENT_COLUMNS, person.in_events),
            (failed, persons.FAILED_COLUMNS, person.in_failed),
        ]
        for spec, columns_of_table, found in (
            (IDENTITY_EDGES_TABLE, EDGE_COLUMNS, derived.in_edges),
            (IDENTITIES_TABLE, IDENTITY_COLUMNS, derived.in_identities),
            (IDENTITY_EDITS_TABLE, EDIT_COLUMNS, derived.in_edits),
            (AUDIENCE_CHANGES_TABLE, CHANGE_COLUMNS, derived.in_changes),
            (ACTIVITY_TABLE, ACTIVITY_COLUMNS, derived.in_activity),
            (TRAITS_TABLE, ACTIVITY_COLUMNS, derived.in_activity),
            (PROFILES_TABLE, PROFILE_COLUMNS, derived.in_profiles),
        ):
            if (table := Table.open(spec, self._account, self._container)) is not None:
                steps.append((table, columns_of_table, found))
        counts = {table.spec.name: 0 for table, *_ in steps}
        for table, columns, find in steps:
            for rows in whole_rows(table, columns, find):
                for row in rows.to_pylist():
                    counts[table.spec.name] += 1
                    yield _line({"table": table.spec.name, "row": {name: _plain(name, row[name]) for name in row}})
        until = read_progress(self._account.container(self._container)).complete_until
        yield _line(
            {
                "end": {
                    **counts,
                    "asked_at": now,
                    "complete_until": until,
                    "shared_devices_left": len(linked_person.shared),
                }
            }
        )

    def document(self, request: ExportRequest, max_bytes: int) -> bytes:
        """All lines as one NDJSON document. Raise as `lines`, and LimitExceeded beyond `max_bytes`."""
        parts: list[bytes] = []
        size = 0
        for line in self.lines(request):
            parts.append(line)
            size += len(line)
            if size > max_bytes:
                raise LimitExceeded(f"the export has more than {max_bytes} bytes; the command has no limit")
        return b"".join(parts)

    def _open(self, spec: TableSpec) -> Table:
        return Table.open_or_create(spec, self._account, self._container)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return orjson.loads(value) if name in DOCUMENTS and value else value


def _line(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
