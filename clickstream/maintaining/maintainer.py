"""The maintainer: keeps the tables fast and the containers small, step by step, until its time is over.

Every step leaves the tables consistent, so a run may end at any step. Steps and compactors do not wait for each other.
A merge and an append both succeed, in either order. If rows are deleted after a compactor opened the table and before
its commit, that commit fails and the compactor retries. Of two concurrent rewrites of files (a merge, a deletion, a
replay, an erasure) one succeeds; if the maintainer's fails, its next run does the work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from clickstream.capture.retention import captured_before
from clickstream.capture.store import CaptureFiles
from clickstream.errors import Conflict
from clickstream.maintaining.planning import expired, files_to_merge
from clickstream.maintaining.retention import retention_days
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.storage.answered_files import FOLDER
from clickstream.storage.emptied_folders import delete_emptied_folders
from clickstream.storage.site_documents import EditableBlobSiteDocuments
from clickstream.table.data_files import Cleaned
from clickstream.table.delta import Table
from clickstream.table.maintenance import checkpoint, delete_expired, merge, note_cleaned, read_cleaned
from clickstream.table.specs import (
    ACTIVITY_TABLE,
    ALL_TABLES,
    EVENTS_TABLE,
    FAILED_TABLE,
    IDENTITIES_TABLE,
    IDENTITY_EDGES_TABLE,
    PROFILES_TABLE,
    TRAITS_TABLE,
    TableSpec,
)
from clickstream.table.watermarks import read_watermark

log = logging.getLogger(__name__)
CHECKPOINT_AFTER_COMMITS = 20
# Folders younger than this stay, so that a collector whose clock is off by less still writes into an existing folder.
SPILL_IS_WRITTEN = timedelta(days=1)
EXPIRING_TABLES = (EVENTS_TABLE, FAILED_TABLE, IDENTITY_EDGES_TABLE, ACTIVITY_TABLE, TRAITS_TABLE)
# Files of these have rows of one site, and are replaced often. Anybody can build them anew, so old ones go soon.
REPLACED_TABLES = (IDENTITIES_TABLE, PROFILES_TABLE)
REPLACED_RETENTION = timedelta(days=1)
MERGED_TABLES = tuple(spec for spec in ALL_TABLES if spec not in REPLACED_TABLES)


@dataclass(slots=True)
class TableReport:
    """Counts of one run for one table. `written_files`, of `written_bytes` in total, replaced `merged_files`."""

    expired_rows: int = 0
    merged_files: int = 0
    written_files: int = 0
    written_bytes: int = 0
    vacuumed_files: int = 0
    checkpointed: bool = False
    conflicts: int = 0


@dataclass(slots=True)
class Report:
    """The results of one run. `finished` is False if work is left because the time was over."""

    tables: dict[str, TableReport] = field(default_factory=dict)
    capture_files: int = 0
    capture_bytes: int = 0
    finished: bool = True


class Maintainer:
    """Maintains the tables and the containers. `say` gets a line of progress for each step."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        now: Callable[[], datetime],
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._account = account
        self._settings = settings
        self._now = now
        self._say = say

    def run(self, deadline: datetime) -> Report:
        """Do all maintenance that is due. Begins nothing after `deadline`; the next run does the rest.

        Raise Unavailable if storage fails; what is done by then stays.
        """
        report = Report()
        # Merges come last because they can use all the time.
        self._delete_captured(report, deadline)
        self._delete_folders_of_the_spill()
        documents = EditableBlobSiteDocuments(self._account.container(self._settings.config_container))
        kept_from = {
            site: self._now().date() - timedelta(days=days) for site, days in retention_days(documents).items()
        }
        for step, tables in (
            (self._delete_expired, EXPIRING_TABLES),
            (self._clean_up, ALL_TABLES),
            (self._merge, MERGED_TABLES),
        ):
            for spec in tables:
                done = report.tables.setdefault(spec.name, TableReport())
                try:
                    report.finished = step(spec, kept_from, done, deadline) and report.finished
                except Conflict as conflict:
                    done.conflicts += 1
                    log.info("left to the next run: %s", conflict.message)
        return report

    def _open(self, spec: TableSpec) -> Table | None:
        return Table.open(spec, self._account, self._settings.lake_container)

    # --- captured files ----------------------------------------------------------------------------------------------

    def _delete_captured(self, report: Report, deadline: datetime) -> None:
        """Delete old captured files whose events are committed, except the last of each partition.

        The last file stays because partitions are listed by their files. Events are committed after the failures of
        the same file, so the watermark in `events` covers both.
        """
        capture = self._account.container(self._settings.capture_container)
        sources = CaptureFiles(capture)
        old = self._now() - timedelta(days=self._settings.capture_retention_days)
        hubs = {self._settings.event_hub_name: EVENTS_TABLE, self._settings.failed_event_hub_name: FAILED_TABLE}
        for hub, spec in hubs.items():
            table = Table.open_or_create(spec, self._account, self._settings.lake_container)
            for source in sources.sources(hub):
                committed = read_watermark(table, source).file_started_at
                if committed is None:
                    continue
                for files in captured_before(capture, source, min(old, committed)):
                    if self._now() >= deadline:
                        report.finished = False
                        return
                    capture.delete_all([file.path for file in files])
                    delete_emptied_folders(capture, source.prefix, min(old, committed), [file.path for file in files])
                    report.capture_files += len(files)
                    report.capture_bytes += sum(file.size_bytes for file in files)
                    self._say(f"{source.prefix}: {report.capture_files} captured files deleted in all")
                # Also folders of hours that were not over yet when their last file was deleted.
                delete_emptied_folders(capture, source.prefix, min(old, committed))

    def _delete_folders_of_the_spill(self) -> None:
        """Delete empty folders in the spill's container. `compact` deletes their blobs."""
        spill = self._account.container(self._settings.spill_container)
        for root in (self._settings.event_hub_name, self._settings.failed_event_hub_name, FOLDER):
            delete_emptied_folders(spill, root, self._now() - SPILL_IS_WRITTEN)

    # --- one table; each step returns whether it did all that was due ------------------------------------------------

    def _delete_expired(
        self, spec: TableSpec, kept_from: Mapping[str, date], done: TableReport, deadline: datetime
    ) -> bool:
        table = self._open(spec)
        if table is None or not kept_from:
            return True
        began_at = self._now()
        cleaned = read_cleaned(table, kept_from)
        due = expired(table.files(), kept_from, cleaned)
        for number, each in enumerate(due, 1):
            if self._now() >= deadline:
                return False
            done.expired_rows += delete_expired(table, each)
            self._say(f"{spec.name}: day {number} of {len(due)} looked at, {done.expired_rows} expired rows deleted")
        late = {site for each in due for site in each.sites}
        marks = {
            site: Cleaned(first, began_at)
            for site, first in kept_from.items()
            if site in late or site not in cleaned or cleaned[site].until < first
        }
        if marks:
            note_cleaned(table, marks)
        return True

    def _clean_up(self, spec: TableSpec, kept_from: Mapping[str, date], done: TableReport, deadline: datetime) -> bool:
        table = self._open(spec)
        if table is None:
            return True
        if self._now() >= deadline:
            return False
        done.checkpointed = checkpoint(table, CHECKPOINT_AFTER_COMMITS)
        retention = timedelta(days=self._settings.vacuum_retention_days)
        if spec in REPLACED_TABLES:
            retention = min(retention, REPLACED_RETENTION)
        done.vacuumed_files = table.vacuum(retention)
        self._say(f"{spec.name}: {done.vacuumed_files} files of old versions deleted")
        return True

    def _merge(self, spec: TableSpec, kept_from: Mapping[str, date], done: TableReport, deadline: datetime) -> bool:
        while (table := self._open(spec)) is not None:
            files = next(files_to_merge(table.files(), self._now().date()), None)
            if files is None:
                return True
            if self._now() >= deadline:
                return False
            size = merge(table, files)
            done.merged_files += len(files)
            done.written_files += 1
            done.written_bytes += size
            self._say(f"{spec.name}: {len(files)} files of {files[0].day} became one of {size / 1e6:.1f} MB")
        return True
