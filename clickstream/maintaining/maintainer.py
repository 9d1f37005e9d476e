"""The maintainer: what keeps the tables fast and the containers small, step by step, until its time is up.

Every step leaves the tables whole, so a run may end anywhere. Beside a compactor no step waits and none is waited for:
a merge and an append both come through, whichever is first; a deletion of rows that comes between a compactor's look
and its commit makes that one look again. Of two that rewrite files (a merge, a deletion, a replay, an erasure) one
comes through, and the maintainer leaves what it lost to its next run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from clickstream.compacting.compactor import read_watermark
from clickstream.errors import Conflict
from clickstream.lake.capture_files import CaptureFiles
from clickstream.lake.captured import captured_before, delete_captured
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE, LakeTable, TableSpec
from clickstream.lake.maintenance import MaintainedTable
from clickstream.lake.site_documents import EditableBlobSiteDocuments
from clickstream.lake.storage import StorageAccount
from clickstream.maintaining.planning import Cleaned, expired, files_to_merge
from clickstream.maintaining.retention import retention_days
from clickstream.settings import Settings

log = logging.getLogger(__name__)
CHECKPOINT_AFTER_COMMITS = 20
TABLES = (EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE)


@dataclass(slots=True)
class TableReport:
    """What one run did to one table. Of `merged_files` files became `written_files`, of `written_bytes`."""

    expired_rows: int = 0
    merged_files: int = 0
    written_files: int = 0
    written_bytes: int = 0
    vacuumed_files: int = 0
    checkpointed: bool = False
    conflicts: int = 0


@dataclass(slots=True)
class Report:
    """What one run did; `finished` is false where its time was up before its work was done."""

    tables: dict[str, TableReport] = field(default_factory=dict)
    capture_files: int = 0
    capture_bytes: int = 0
    finished: bool = True


class Maintainer:
    """Keeps both tables and the captured files in order. `say` is told of each step, for a person who waits."""

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
        """Do what is due; begin nothing after `deadline`, which leaves the rest to the next run.

        Raise Unavailable when storage fails; what was done until then stays.
        """
        report = Report()
        # A merge can take all the time there is, so it comes last.
        self._delete_captured(report, deadline)
        documents = EditableBlobSiteDocuments(self._account.container(self._settings.config_container))
        kept_from = {
            site: self._now().date() - timedelta(days=days) for site, days in retention_days(documents).items()
        }
        for step, tables in (
            (self._delete_expired, (EVENTS_TABLE, FAILED_TABLE)),
            (self._clean_up, TABLES),
            (self._merge, TABLES),
        ):
            for spec in tables:
                done = report.tables.setdefault(spec.name, TableReport())
                try:
                    report.finished = step(spec, kept_from, done, deadline) and report.finished
                except Conflict as conflict:
                    done.conflicts += 1
                    log.info("left to the next run: %s", conflict.message)
        return report

    def _open(self, spec: TableSpec) -> MaintainedTable | None:
        return MaintainedTable.open(spec, self._account, self._settings.lake_container)

    # --- captured files ----------------------------------------------------------------------------------------------

    def _delete_captured(self, report: Report, deadline: datetime) -> None:
        """Delete old captured files whose events are committed, but the last of each partition: it shows the partition.

        A file of the hub of events is committed to `events` after its failures were to `failed_events`.
        """
        capture = self._account.container(self._settings.capture_container)
        sources = CaptureFiles(capture, self._account.container(self._settings.lake_container))
        old = self._now() - timedelta(days=self._settings.capture_retention_days)
        hubs = {self._settings.event_hub_name: EVENTS_TABLE, self._settings.failed_event_hub_name: FAILED_TABLE}
        for hub, spec in hubs.items():
            table = LakeTable.open_or_create(spec, self._account, self._settings.lake_container)
            for source in sources.sources(hub):
                committed = read_watermark(table, source).file_started_at
                if committed is None:
                    continue
                for files in captured_before(capture, source, min(old, committed)):
                    if self._now() >= deadline:
                        report.finished = False
                        return
                    delete_captured(capture, files)
                    report.capture_files += len(files)
                    report.capture_bytes += sum(file.size_bytes for file in files)
                    self._say(f"{source.prefix}: {report.capture_files} captured files deleted in all")

    # --- one table; each step returns whether it did all that was due ------------------------------------------------

    def _delete_expired(
        self, spec: TableSpec, kept_from: Mapping[str, date], done: TableReport, deadline: datetime
    ) -> bool:
        table = self._open(spec)
        if table is None or not kept_from:
            return True
        began_at = self._now()
        cleaned = table.cleaned(kept_from)
        due = expired(table.files(), kept_from, cleaned)
        for number, each in enumerate(due, 1):
            if self._now() >= deadline:
                return False
            done.expired_rows += table.delete(each)
            self._say(f"{spec.name}: day {number} of {len(due)} looked at, {done.expired_rows} expired rows deleted")
        late = {site for each in due for site in each.sites}
        marks = {
            site: Cleaned(first, began_at)
            for site, first in kept_from.items()
            if site in late or site not in cleaned or cleaned[site].until < first
        }
        if marks:
            table.note_cleaned(marks)
        return True

    def _clean_up(self, spec: TableSpec, kept_from: Mapping[str, date], done: TableReport, deadline: datetime) -> bool:
        table = self._open(spec)
        if table is None:
            return True
        if self._now() >= deadline:
            return False
        done.checkpointed = table.checkpoint(CHECKPOINT_AFTER_COMMITS)
        done.vacuumed_files = table.vacuum(timedelta(days=self._settings.vacuum_retention_days))
        self._say(f"{spec.name}: {done.vacuumed_files} files of old versions deleted")
        return True

    def _merge(self, spec: TableSpec, kept_from: Mapping[str, date], done: TableReport, deadline: datetime) -> bool:
        while (table := self._open(spec)) is not None:
            files = next(files_to_merge(table.files(), self._now().date()), None)
            if files is None:
                return True
            if self._now() >= deadline:
                return False
            size = table.merge(files)
            done.merged_files += len(files)
            done.written_files += 1
            done.written_bytes += size
            self._say(f"{spec.name}: {len(files)} files of {files[0].day} became one of {size / 1e6:.1f} MB")
        return True
