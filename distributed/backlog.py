"""Compacts a backlog of captured files too big for one instance: planned and committed here, processed by the engine.

The engine's workers read the files, drop copies and write the table's files. None of these is part of the table before
one commit adds all of them, together with the watermarks of the captured files. So a crash at any moment leaves the
same state as a compactor's crash (see `clickstream.compacting.compactor`).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from deltalake.transaction import AddAction

from clickstream.capture.chunk import FileNumbers, gaps
from clickstream.capture.names import CaptureFile, HubPartition, Watermark, plan, prefixes_to_list
from clickstream.capture.store import CaptureFiles
from clickstream.compacting.ledger import Ledger
from clickstream.compacting.report import Counts
from clickstream.model.pipeline_hour import hours_from_json, hours_to_json
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.pipeline_hours import added_up
from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE, TableSpec
from clickstream.table.watermarks import read_watermark, versions
from distributed.stages import SUMMARY, Job, ddl, keeping, kept_schema, read_schema, reading, writing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAMES = (
    "event_hub_name",
    "failed_event_hub_name",
    "capture_container",
    "config_container",
    "spill_container",
    "salt_container",
    "lake_container",
)
# Captured bytes whose rows one worker holds and sorts at once; the file written has about a tenth of them.
BYTES_PER_FILE = 1_000_000_000


# The members of the stages' summaries that are added to the report.
COUNTED = ("captured", "rows", "failed", "duplicates", "erased", "unsearched", "quarantined")


@dataclass(slots=True)
class Report(Counts):
    """The counts of all commits of one run."""

    commits: int = 0


class Backlog:
    """Plans tasks, runs them on the engine, and commits the result. `say` gets a line for each step."""

    def __init__(
        self, account: StorageAccount, settings: Settings, now: Callable[[], datetime], say: Callable[[str], None]
    ) -> None:
        self._account = account
        self._settings = settings
        self._now = now
        self._say = say
        self._files = CaptureFiles(account.container(settings.capture_container))

    def run(self, spark: SparkSession, commit_bytes: int, task_bytes: int) -> Report:
        """Compact all waiting captured files of events, about `commit_bytes` per commit.

        Raise Conflict if a compactor committed meanwhile (then the last commit added nothing), Unavailable, and the
        engine's errors. Earlier commits stay.
        """
        report = Report()
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        while True:
            table = self._open(EVENTS_TABLE)
            marks = {
                source: read_watermark(table, source) for source in self._files.sources(self._settings.event_hub_name)
            }
            tasks = self._plan(marks, commit_bytes, task_bytes)
            if not tasks:
                return report
            self._hand_over(spark, table, tasks, marks, report)

    def _open(self, spec: TableSpec) -> Table:
        return Table.open_or_create(spec, self._account, self._settings.lake_container)

    def _plan(
        self, marks: Mapping[HubPartition, Watermark], commit_bytes: int, task_bytes: int
    ) -> Sequence[Sequence[CaptureFile]]:
        waiting = [
            file
            for source, mark in marks.items()
            for prefix in prefixes_to_list(source, mark, self._now().date())
            for file in self._files.list(prefix)
        ]
        tasks: list[Sequence[CaptureFile]] = []
        size = 0
        for files in plan(waiting, marks, task_bytes):
            if tasks and size >= commit_bytes:
                break
            tasks.append(list(files))
            size += sum(file.size_bytes for file in files)
        return tasks

    def _hand_over(
        self,
        spark: SparkSession,
        table: Table,
        tasks: Sequence[Sequence[CaptureFile]],
        marks: Mapping[HubPartition, Watermark],
        report: Report,
    ) -> None:
        files = [file for task in tasks for file in task]
        size = sum(file.size_bytes for file in files)
        self._say(f"{len(files)} captured files of {size / 1e6:.0f} MB, {len(tasks)} tasks")
        failed_table = self._open(FAILED_TABLE)
        failed_marks = {source: read_watermark(failed_table, source) for source in marks}
        job = Job(
            {name.upper(): getattr(self._settings, name) for name in NAMES},
            tasks,
            frozenset(file.path for file in files if failed_marks[file.source].covers(file)),
            dict(marks),
            _files_of_day(files),
        )
        summaries = _run(spark, job)
        numbers = {
            path: FileNumbers(**numbers_of_file)
            for summary in summaries
            for path, numbers_of_file in summary.get("numbers", {}).items()
        }
        ledger = Ledger(self._settings.event_hub_name)
        ledger.add_files(files)
        ledger.add_gaps(gaps(files, numbers, marks), files[0].started_at)
        hours = [hour for summary in summaries for hour in hours_from_json(summary)]
        failed_files = [file for summary in summaries for file in summary.get("failed_files", ())]
        if failed_files:
            failed_table.commit_batch(_added(failed_files), versions(_reached(files, numbers, failed_marks)), {})
        table.commit_batch(
            _added(file for summary in summaries for file in summary.get("files", ())),
            versions(_reached(files, numbers, marks)),
            hours_to_json(added_up([*hours, *ledger.hours()])),
        )
        for summary in summaries:
            report.add(Counts(**{name: summary[name] for name in COUNTED if name in summary}))
        report.add(ledger.counts())
        report.commits += 1
        self._say(f"committed: {report.captured} events captured, {report.rows} rows in all")


def _run(spark: SparkSession, job: Job) -> Sequence[Mapping[str, Any]]:
    """Run the stages on the engine, and return all their summaries."""
    summaries = (
        spark.range(0, len(job.tasks), 1, len(job.tasks))
        .mapInArrow(reading(job), ddl(read_schema()))
        .repartition(len(job.tasks), "event_id")
        .mapInArrow(keeping(job), ddl(kept_schema()))
        .repartition(sum(job.files_of_day.values()), "part")
        .mapInArrow(writing(job), ddl(SUMMARY))
    )
    return [json.loads(row.summary) for row in summaries.collect()]


def _added(files: Iterable[Mapping[str, Any]]) -> Sequence[AddAction]:
    return [AddAction(**file) for file in files]


def _files_of_day(files: Sequence[CaptureFile]) -> Mapping[date, int]:
    """The number of files for the rows of each day, assuming that events occurred on the day of their capture."""
    sizes: defaultdict[date, int] = defaultdict(int)
    for file in files:
        sizes[file.started_at.date()] += file.size_bytes
    return {day: math.ceil(size / BYTES_PER_FILE) or 1 for day, size in sizes.items()}


def _reached(
    files: Sequence[CaptureFile], numbers: Mapping[str, FileNumbers], before: Mapping[HubPartition, Watermark]
) -> Mapping[HubPartition, Watermark]:
    """The watermark of each partition after committing these files in order; it never moves back."""
    after = {file.source: before[file.source] for file in files}
    for file in files:
        if after[file.source].covers(file):
            continue
        own = numbers.get(file.path)
        reached = after[file.source].sequence_number if own is None else own.last
        after[file.source] = Watermark(file.started_at, reached)
    return after
