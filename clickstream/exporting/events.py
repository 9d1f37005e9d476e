"""The export of events: which rows a run takes.

A run takes the rows of the batches after those of the last run, up to the newest batch of its beginning. The number of
a row's batch never changes, so late events come once, and merged, enriched or rewritten rows never again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from clickstream.exporting.rows import Batches, EventRows
from clickstream.jobs.runner import zone_of
from clickstream.jobs.work import ActiveRun, Done
from clickstream.settings import Settings
from clickstream.sites.exports import EventExport
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.reading import TableReader
from clickstream.table.specs import EVENTS_TABLE

# Events may reach the table this long after they occurred, and a day for their way to it.
LATEST = timedelta(days=8)


class Events:
    """The events of sites."""

    def __init__(self, account: StorageAccount, settings: Settings) -> None:
        self._account, self._container = account, settings.lake_container

    def begin(self, run: ActiveRun) -> Mapping[str, Any]:
        """The batches of a run: `batches` has the last one of the run before, and its own last one."""
        table = Table.open(EVENTS_TABLE, self._account, self._container)
        last = 0 if table is None else table.application_version(COMPACTOR) or 0
        after = -1 if run.job.keep_updated is None else run.state.position.get("batch", -1)
        return {"batches": [after, last], "table_version": -1 if table is None else table.version}

    def rows(self, run: ActiveRun, scope: Mapping[str, Any]) -> EventRows:
        """The rows of these batches."""
        assert isinstance(run.job, EventExport)
        reader = TableReader(EVENTS_TABLE, self._account, self._container)
        return EventRows(reader, run.site, run.job, Batches(*scope["batches"]), zone_of(run.site, run.job))

    def done(self, run: ActiveRun, scope: Mapping[str, Any]) -> Done:
        """The next run begins after these batches; there is none long after the end date."""
        job = run.job
        assert isinstance(job, EventExport)
        ends_at = None
        if job.end_date is not None:
            ends_at = datetime.combine(job.end_date, datetime.min.time(), zone_of(run.site, job))
        return Done(
            position={"batch": scope["batches"][1]},
            scope={**scope, "streams": list(job.streams), "start_date": job.start_date, "end_date": job.end_date},
            is_last=ends_at is not None and run.run.due_at >= ends_at + LATEST,
        )
