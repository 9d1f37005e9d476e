"""The rows of an export, day by day, in batches of text columns or of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from clickstream.errors import Unavailable
from clickstream.exporting.columns import columns_in, csv_select, fields_of, json_select
from clickstream.filters.reader import FilterReader
from clickstream.querying.conditions import Parameters, conditions
from clickstream.querying.period import Period
from clickstream.querying.scope import SiteScope
from clickstream.sites.document import Site
from clickstream.sites.exports import EventExport
from clickstream.table.data_files import DataFile
from clickstream.table.reading import Snapshot, TableReader

# As many as the database works on at once. The rows of an export pass through in such batches, so that memory does not
# grow with them.
BATCH_ROWS = 2_048
MEMORY_MB = 128
# The columns of the condition on the rows of a run.
CONDITION = frozenset({"site", "batch", "occurred_at", "stream"})
ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of an export: those after `after`, up to `last`. -1 is before all, also before rows without one."""

    after: int
    last: int

    @property
    def condition(self) -> ds.Expression:
        """The condition on a row."""
        batch = ds.field("batch")
        if self.after < 0:
            return batch.is_null() | (batch <= self.last)
        return (batch > self.after) & (batch <= self.last)

    def may_be_in(self, file: DataFile) -> bool:
        """Whether the file can have rows of these batches."""
        return self.after < 0 or file.last_batch is None or file.last_batch > self.after


class EventRows:
    """The rows of one job."""

    def __init__(self, reader: TableReader, site: Site, job: EventExport, batches: Batches, zone: ZoneInfo) -> None:
        self._reader, self._site, self._job, self._batches = reader, site, job, batches
        self.begin, self.end = period(job, zone)
        self._parameters = Parameters(SiteScope(site.site, str(zone)), Period(self.begin, self.end))
        filters = FilterReader(of_document=True).read(job.filters)
        where = " AND ".join(conditions(filters, self._parameters)) or "true"
        fields = fields_of(job)
        select = (
            json_select(fields) if job.format == "ndjson" else csv_select(fields, spreadsheet_safe=job.spreadsheet_safe)
        )
        self._sql = f"SELECT {select} FROM of_site WHERE {where}"
        self._database = duckdb.connect(
            config={"memory_limit": f"{MEMORY_MB}MB", "threads": 1, "python_enable_replacements": False}
        )
        self._database.execute("SET TimeZone = 'UTC'")
        names = CONDITION | columns_in(self._database, self._sql)
        self._read = pa.schema([field for field in reader.spec.schema if field.name in names])
        self.schema: pa.Schema = self._converted(self._read.empty_table()).schema

    @property
    def delimiter(self) -> str:
        """What separates columns of CSV."""
        return ","

    @property
    def counts(self) -> Mapping[str, int]:
        """Nothing else."""
        return {}

    def pieces(self, after: str | None, renew: Callable[[], None]) -> Iterator[tuple[str, Iterator[pa.RecordBatch]]]:
        """The rows of each day after `after`, an ISO date, in the newest version of the table. Raise Unavailable."""
        snapshot = self._reader.snapshot()
        for day in sorted({file.day for file in self._files(snapshot)}):
            if after is None or day.isoformat() > after:
                yield day.isoformat(), self._of_day(snapshot, day)

    def _of_day(self, snapshot: Snapshot, day: date) -> Iterator[pa.RecordBatch]:
        condition = (
            (ds.field("site") == pa.scalar(self._site.site))
            & self._batches.condition
            & (ds.field("occurred_at") >= pa.scalar(self.begin.astimezone(UTC)))
            & (ds.field("occurred_at") < pa.scalar(self.end.astimezone(UTC)))
        )
        if self._job.streams:
            stream = ds.field("stream").isin(self._job.streams)
            condition &= (stream | ds.field("stream").is_null()) if "default" in self._job.streams else stream
        files = [file for file in self._files(snapshot) if file.day == day]
        try:
            # Unlike a loop, this keeps no rows while the next ones are decoded.
            decoded = self._reader.decoded(files, self._read, condition, BATCH_ROWS)
            yield from chain.from_iterable(map(pa.Table.to_batches, map(self._converted, decoded)))
        except OSError as error:
            raise Unavailable(f"the table {self._reader.spec.name} cannot be read: {error}") from error

    def _converted(self, rows: pa.Table) -> pa.Table:
        self._database.register("of_site", rows)
        parameters = dict(self._parameters.of(self._sql))
        converted = self._database.sql(self._sql, params=parameters or None).to_arrow_table()
        self._database.unregister("of_site")
        # Else the heap grows by 5 MB, because what one batch frees is too scattered for the next. It takes 1 ms of 75.
        pa.default_memory_pool().release_unused()
        return converted

    def _files(self, snapshot: Snapshot) -> Sequence[DataFile]:
        first, last = self.begin.astimezone(UTC).date(), (self.end - timedelta(microseconds=1)).astimezone(UTC).date()
        return [
            file
            for file in snapshot.of_site(self._site.site)
            if self._batches.may_be_in(file) and first <= file.day <= last
        ]


def period(job: EventExport, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the start date's midnight to the end date's, in the zone."""
    begin, end = (
        None if day is None else datetime.combine(day, time(), zone) for day in (job.start_date, job.end_date)
    )
    return begin or ALWAYS[0], end or ALWAYS[1]
