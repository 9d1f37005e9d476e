"""The table `pipeline_hours`: sums of what collectors answered and of the counts in the other tables' commits.

Counts are part of a commit, so they are exact whatever crashes. This module adds them up afterwards. The commit that
adds them names the version up to which a table's counts are in, and the blobs of answered events that it includes, so
nothing is added twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial

import pyarrow as pa

from clickstream.model.pipeline_hour import COUNTS, PipelineHour, hours_from_json
from clickstream.model.schema import PIPELINE_PARTITION
from clickstream.retrying import retry_on_conflict
from clickstream.storage.account import StorageAccount
from clickstream.storage.answered_files import AnsweredFiles
from clickstream.table.delta import Table
from clickstream.table.reading import TableReader
from clickstream.table.specs import PIPELINE_TABLE
from clickstream.table.translation import translated

# Sums are clamped, so that a commit with counts beyond 64 bits does not block those after it.
_MAX_SUM = 2**62
# The member of a commit's counts that lists the blobs of answered events that it includes.
TAKEN = "answered"
# That list is read from this many of the last commits. A blob is deleted right after its commit, but may remain if the
# process ended before, or return if a collector whose write got no answer repeats it.
COMMITS_ASKED = 32


def gather_hours(tables: Iterable[Table], account: StorageAccount, container: str) -> None:
    """Add the counts of these tables' commits since the last call. Raise Unavailable."""
    for table in tables:
        _retried(partial(_gather, table), account, container)


def gather_answered(answered: AnsweredFiles, account: StorageAccount, container: str) -> None:
    """Add the counts of what collectors have answered since the last call. Raise Unavailable."""
    _retried(partial(_gather_answered, answered), account, container)


def _retried(gather: Callable[[Table], None], account: StorageAccount, container: str) -> None:
    retry_on_conflict(lambda: gather(Table.open_or_create(PIPELINE_TABLE, account, container)), PIPELINE_TABLE.name)


def _gather(table: Table, book: Table) -> None:
    application = f"{table.spec.name}/version"
    gathered = book.application_version(application)
    commits = table.counts_since(-1 if gathered is None else gathered)
    if hours := [hour for counts in commits for hour in hours_from_json(counts)]:
        book.append(_rows(added_up(hours)), {application: table.version}, {})


def _gather_answered(answered: AnsweredFiles, book: Table) -> None:
    blobs = _waiting(answered, book)
    if not blobs:
        return
    hours = [hour for blob_hours in blobs.values() for hour in blob_hours]
    book.append(_rows(added_up(hours)), {}, {TAKEN: list(blobs)})
    answered.delete(list(blobs))


def _waiting(answered: AnsweredFiles, book: Table) -> Mapping[str, Sequence[PipelineHour]]:
    """The counts, by path, of blobs that no commit includes. Deletes blobs that a commit includes already."""
    paths = answered.list()
    if not paths:
        return {}
    taken = {
        path for counts in book.counts_since(max(book.version - COMMITS_ASKED, -1)) for path in counts.get(TAKEN, ())
    }
    answered.delete([path for path in paths if path in taken])
    return answered.read([path for path in paths if path not in taken])


def added_up(hours: Iterable[PipelineHour]) -> Sequence[PipelineHour]:
    """Sums, one row for each site, hub, partition and hour, in the order of hours."""
    sums: defaultdict[tuple[str | None, str, str, datetime], dict[str, int]] = defaultdict(dict)
    for hour in hours:
        counts = sums[hour.site, hour.hub, hour.hub_partition, hour.hour]
        for name in COUNTS:
            counts[name] = max(-_MAX_SUM, min(counts.get(name, 0) + (getattr(hour, name) or 0), _MAX_SUM))
    rows = [
        PipelineHour(site=site, hub=hub, hub_partition=partition, hour=at, **counts)
        for (site, hub, partition, at), counts in sums.items()
    ]
    return sorted(rows, key=lambda row: (row.hour, row.hub, row.hub_partition, row.site or ""))


def _rows(hours: Sequence[PipelineHour]) -> pa.Table:
    rows = [{**asdict(hour), PIPELINE_PARTITION: hour.hour.date()} for hour in hours]
    return pa.Table.from_pylist(rows, schema=PIPELINE_TABLE.schema)


def read_hours(account: StorageAccount, container: str) -> Sequence[PipelineHour]:
    """The whole table, one row for each site, hub, partition and hour. Raise Unavailable."""
    rows = TableReader(PIPELINE_TABLE, account, container).dataset()
    with translated(PIPELINE_TABLE.name):
        values = rows.to_table().drop_columns([PIPELINE_PARTITION]).to_pylist()
    return added_up(PipelineHour(**row) for row in values)
