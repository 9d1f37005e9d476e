"""The table `pipeline_hours`: the counts that commits of the other tables carry, gathered.

A commit's counts are part of it, so they are exact whatever crashes. Here they are added up afterwards: each of these
commits names the version up to which a table's counts are in, so none is added twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa

from clickstream.errors import Conflict, Unavailable
from clickstream.lake.delta import PIPELINE_TABLE, LakeTable
from clickstream.lake.reading import TableReader
from clickstream.lake.schema import PIPELINE_PARTITION
from clickstream.lake.storage import StorageAccount
from clickstream.pipeline_hour import COUNTS, PipelineHour

HOURS = "hours"
TRIES_AFTER_CONFLICT = 20


def hours_to_json(hours: Iterable[PipelineHour]) -> Mapping[str, Any]:
    """What a commit carries; counts of nothing are left out."""
    told = ({name: value for name, value in asdict(hour).items() if value} for hour in hours)
    return {HOURS: [{**row, "hour": row["hour"].isoformat()} for row in told]}


def _hours_of(counts: Mapping[str, Any]) -> Sequence[PipelineHour]:
    return [PipelineHour(**{**row, "hour": datetime.fromisoformat(row["hour"])}) for row in counts.get(HOURS, ())]


def gather_hours(tables: Iterable[LakeTable], account: StorageAccount, container: str) -> None:
    """Add what these tables' commits have counted since this was last done. Raise Unavailable."""
    for table in tables:
        for _ in range(TRIES_AFTER_CONFLICT):
            try:
                _gather(table, LakeTable.open_or_create(PIPELINE_TABLE, account, container))
                break
            except Conflict:  # another one gathered at this moment
                continue
        else:
            raise Unavailable(f"other compactors were first {TRIES_AFTER_CONFLICT} times")


def _gather(table: LakeTable, book: LakeTable) -> None:
    application = f"{table.spec.name}/version"
    gathered = book.application_version(application)
    commits = table.counts_since(-1 if gathered is None else gathered)
    if hours := [hour for counts in commits for hour in _hours_of(counts)]:
        book.append(_rows(added_up(hours)), {application: table.version}, {})


def added_up(hours: Iterable[PipelineHour]) -> Sequence[PipelineHour]:
    """One row for each site, hub, partition and hour, in the order of hours."""
    sums: defaultdict[tuple[str | None, str, str, datetime], dict[str, int]] = defaultdict(dict)
    for hour in hours:
        counts = sums[hour.site, hour.hub, hour.hub_partition, hour.hour]
        for name in COUNTS:
            counts[name] = counts.get(name, 0) + getattr(hour, name)
    found = [
        PipelineHour(site=site, hub=hub, hub_partition=partition, hour=at, **counts)
        for (site, hub, partition, at), counts in sums.items()
    ]
    return sorted(found, key=lambda row: (row.hour, row.hub, row.hub_partition, row.site or ""))


def _rows(hours: Sequence[PipelineHour]) -> pa.Table:
    rows = [{**asdict(hour), PIPELINE_PARTITION: hour.hour.date()} for hour in hours]
    return pa.Table.from_pylist(rows, schema=PIPELINE_TABLE.schema)


def read_hours(account: StorageAccount, container: str) -> Sequence[PipelineHour]:
    """Everything that was gathered, one row for each site, hub, partition and hour. Raise Unavailable."""
    rows = TableReader(PIPELINE_TABLE, account, container).dataset()
    try:
        found = rows.to_table().drop_columns([PIPELINE_PARTITION]).to_pylist()
    except OSError as error:
        raise Unavailable(f"the table {PIPELINE_TABLE.name} cannot be read: {error}") from error
    return added_up(PipelineHour(**row) for row in found)
