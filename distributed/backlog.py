"""A backlog of captured files too big for one instance: planned and committed here, worked off by the engine.

The engine's workers read the files, drop copies and write the table's files; none of these is part of the table before
one commit names all of them, beside the watermarks of the captured files that they were made of. So a crash at any
moment leaves what a compactor's crash leaves (see `clickstream.compacting.compactor`).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from clickstream.compacting.chunk import Gap
from clickstream.compacting.compactor import read_watermark, versions
from clickstream.compacting.counting import HourCounts
from clickstream.compacting.files import CaptureFile, HubPartition, Watermark, plan, prefixes_to_list
from clickstream.compacting.report import Counts
from clickstream.lake.capture_files import CaptureFiles
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, TableSpec
from clickstream.lake.pipeline_hours import HOURS, added_up, hours_to_json
from clickstream.lake.prepared import PreparedTable
from clickstream.lake.storage import StorageAccount
from clickstream.pipeline_hour import PipelineHour
from clickstream.settings import Settings
from distributed.stages import TOLD, Job, ddl, keeping, kept_schema, read_schema, reading, writing

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
# Captured bytes whose rows one worker holds and sorts at once; as a file they are a tenth of it.
BYTES_PER_FILE = 1_000_000_000


# Of what stages tell, what is counted.
COUNTED = ("captured", "rows", "failed", "duplicates", "erased", "unsearched", "quarantined")


@dataclass(slots=True)
class Report(Counts):
    """What was handed over and came back."""

    commits: int = 0


class Backlog:
    """Plans, hands over, commits. `say` is told of each step."""

    def __init__(
        self, account: StorageAccount, settings: Settings, now: Callable[[], datetime], say: Callable[[str], None]
    ) -> None:
        self._account = account
        self._settings = settings
        self._now = now
        self._say = say
        self._files = CaptureFiles(
            account.container(settings.capture_container), account.container(settings.lake_container)
        )

    def run(self, spark: SparkSession, commit_bytes: int, task_bytes: int) -> Report:
        """Take in all captured files of events that wait, about `commit_bytes` with each commit.

        Raise Conflict when a compactor committed meanwhile (nothing of the last commit is in the table then),
        Unavailable, and what the engine raises. What was committed before stays.
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

    def _open(self, spec: TableSpec) -> PreparedTable:
        return PreparedTable.open_or_create(spec, self._account, self._settings.lake_container)

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
        table: PreparedTable,
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
            _files_of_day(files),
        )
        told = _run(spark, job)
        numbers = {path: each for one in told for path, each in one.get("numbers", {}).items()}
        gaps = _gaps(files, numbers, marks)
        own = HourCounts(self._settings.event_hub_name)
        own.add_gaps(gaps, files[0].started_at)
        hours = [PipelineHour(**{**row, "hour": _moment(row["hour"])}) for one in told for row in one.get(HOURS, ())]
        failed_files = [file for one in told for file in one.get("failed_files", ())]
        if failed_files:
            failed_table.commit(failed_files, versions(_reached(files, numbers, failed_marks)), {})
        table.commit(
            [file for one in told for file in one.get("files", ())],
            versions(_reached(files, numbers, marks)),
            hours_to_json(added_up([*hours, *own.hours()])),
        )
        for one in told:
            report.add(Counts(**{name: one[name] for name in COUNTED if name in one}))
        report.add(Counts(files=len(files), bytes=size, gaps=list(gaps)))
        report.commits += 1
        self._say(f"committed: {report.captured} events captured, {report.rows} rows in all")


def _run(spark: SparkSession, job: Job) -> Sequence[Mapping[str, Any]]:
    """All that the stages tell."""
    found = (
        spark.range(0, len(job.tasks), 1, len(job.tasks))
        .mapInArrow(reading(job), ddl(read_schema()))
        .repartition(len(job.tasks), "event_id")
        .mapInArrow(keeping(job), ddl(kept_schema()))
        .repartition(sum(job.files_of_day.values()), "part")
        .mapInArrow(writing(job), ddl(TOLD))
    )
    return [json.loads(row.told) for row in found.collect()]


def _files_of_day(files: Sequence[CaptureFile]) -> Mapping[date, int]:
    """How many files the rows of a day become: about as many events occurred on a day as were captured."""
    sizes: defaultdict[date, int] = defaultdict(int)
    for file in files:
        sizes[file.started_at.date()] += file.size_bytes
    return {day: math.ceil(size / BYTES_PER_FILE) or 1 for day, size in sizes.items()}


def _reached(
    files: Sequence[CaptureFile], numbers: Mapping[str, Any], before: Mapping[HubPartition, Watermark]
) -> Mapping[HubPartition, Watermark]:
    """Where each partition stands once these files, in order, are committed: never before where it stood."""
    after = {file.source: before[file.source] for file in files}
    for file in files:
        if after[file.source].covers(file):
            continue
        told = numbers.get(file.path)
        reached = after[file.source].sequence_number if told is None else told["last"]
        after[file.source] = Watermark(file.started_at, reached)
    return after


def _gaps(
    files: Sequence[CaptureFile], numbers: Mapping[str, Any], before: Mapping[HubPartition, Watermark]
) -> Sequence[Gap]:
    """Holes in the sequence numbers. Numbers that start over are no hole: the hub was made anew."""
    last = {source: mark.sequence_number for source, mark in before.items() if mark.file_started_at is not None}
    found: list[Gap] = []
    for file in files:
        told = numbers.get(file.path)
        if told is None:
            continue
        previous = last.get(file.source, told["first"])
        if told["first"] > previous + 1:
            found.append(Gap(file.source, previous, told["first"]))
        found += [Gap(file.source, after, before_) for after, before_ in told["holes"]]
        last[file.source] = told["last"]
    return found


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
