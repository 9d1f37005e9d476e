"""Selects a site's failed events in the table, reads them in slices, and removes them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.pipeline_hour import ANSWERED_PARTITION, PipelineHour, floored, hours_to_json
from clickstream.replaying.failed_row import COLUMNS, FailedRow
from clickstream.replaying.repairing import event_name_of
from clickstream.replaying.request import Filters, Place, ReplayRequest
from clickstream.retrying import retry_on_conflict
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.reading import TableReader
from clickstream.table.specs import FAILED_TABLE

# A payload has at most 32 KiB, so this limits the memory of one slice.
ROWS_AT_ONCE = 1000
PLACE_COLUMNS = ("received_at", "failed_event_id")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The places of the rows to replay, oldest first; `more` is whether later rows match, too."""

    places: Sequence[Place]
    more: bool


class FailedRows:
    """Failed events of any site. Safe to share between threads."""

    def __init__(self, account: StorageAccount, container: str, event_hub: str) -> None:
        """`event_hub` is the hub that repaired events are sent to."""
        self._account = account
        self._container = container
        self._event_hub = event_hub
        self._reader = TableReader(FAILED_TABLE, account, container)

    def choose(self, request: ReplayRequest) -> Chosen:
        """The first `limit` matching rows after the request's place. Raise Unavailable."""
        after = request.place
        places = (place for place in self._matching(request) if after is None or place > after)
        first_places = heapq.nsmallest(request.limit + 1, places)
        return Chosen(first_places[: request.limit], len(first_places) > request.limit)

    def count(self, request: ReplayRequest) -> int:
        """The number of rows that the filters match now. Raise Unavailable."""
        return sum(1 for _ in self._matching(request))

    def read(self, site: str, places: Sequence[Place]) -> Iterator[Sequence[FailedRow]]:
        """The rows at these places in order, in slices of ROWS_AT_ONCE, without removed rows. Raise Unavailable."""
        for start in range(0, len(places), ROWS_AT_ONCE):
            slice_of_places = places[start : start + ROWS_AT_ONCE]
            first, last = slice_of_places[0][0], slice_of_places[-1][0]
            ids = pa.array([failed_event_id for _, failed_event_id in slice_of_places], pa.string())
            condition = (pc.field("site") == site) & pc.field("failed_event_id").isin(ids)
            condition &= (pc.field("received_at") >= first) & (pc.field("received_at") <= last)
            rows = [FailedRow(**row) for row in self._scan(COLUMNS, condition, first.date(), last.date())]
            yield sorted(rows, key=lambda row: row.place)

    def remove(self, repaired: Mapping[Place, datetime]) -> int:
        """Remove rows whose events are durable from the table. Returns the number removed. Raise Unavailable.

        `repaired` maps the place of each row to its event's time of receipt, by whose hour it is counted. The rows are
        removed from the newest version, whatever compaction or another replay committed meanwhile.
        """
        if not repaired:
            return 0
        ids: dict[date, set[str]] = {}
        moments: dict[str, datetime] = {}
        for (received_at, failed_event_id), event_received_at in repaired.items():
            ids.setdefault(received_at.date(), set()).add(failed_event_id)
            moments[failed_event_id] = event_received_at

        def counts(rows: pa.Table) -> Mapping[str, Any]:
            """Count one more sent event per row. A replay that crashes before the removal sends it again, uncounted."""
            pairs = zip(rows["site"].to_pylist(), rows["failed_event_id"].to_pylist(), strict=True)
            hours = Counter((site, floored(moments[failed_event_id])) for site, failed_event_id in pairs)
            return hours_to_json(self._answered(site, hour, count) for (site, hour), count in hours.items())

        def remove() -> int:
            table = Table.open_or_create(FAILED_TABLE, self._account, self._container)
            return table.remove("failed_event_id", ids, counts)

        return retry_on_conflict(remove, "the table of failed events")

    def _answered(self, site: str | None, hour: datetime, count: int) -> PipelineHour:
        return PipelineHour(
            site=site, hub=self._event_hub, hub_partition=ANSWERED_PARTITION, hour=hour, request_accepted=count
        )

    def _matching(self, request: ReplayRequest) -> Iterator[Place]:
        """The places of all rows that the filters match, in no particular order."""
        filters = request.filters
        first = filters.received_from.date() if filters.received_from else None
        last = filters.received_to.date() if filters.received_to else None
        columns = PLACE_COLUMNS if filters.event_name is None else COLUMNS
        for row in self._scan(columns, condition_of(request.site_id, filters), first, last):
            if filters.event_name is None or event_name_of(FailedRow(**row)) == filters.event_name:
                yield row["received_at"], row["failed_event_id"]

    def _scan(
        self, columns: Sequence[str], condition: pc.Expression, first: date | None, last: date | None
    ) -> Iterator[Mapping[str, Any]]:
        return chain.from_iterable(self._reader.batches(columns, condition, first, last, ROWS_AT_ONCE))


def condition_of(site: str, filters: Filters) -> pc.Expression:
    """The filters on a row's own columns as an expression; the event's name is not a column, so it is left out."""
    condition = pc.field("site") == site
    for name in ("failure_class", "pointer", "dialect"):
        if (value := getattr(filters, name)) is not None:
            condition &= pc.field(name) == value
    if filters.failed_event_ids is not None:
        condition &= pc.field("failed_event_id").isin(pa.array(filters.failed_event_ids, pa.string()))
    if filters.received_from is not None:
        condition &= pc.field("received_at") >= filters.received_from
    if filters.received_to is not None:
        condition &= pc.field("received_at") < filters.received_to
    if filters.message_contains is not None:
        condition &= pc.match_substring(pc.field("message"), filters.message_contains)
    return condition
