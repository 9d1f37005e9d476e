"""The failed events of a site as they stand in the table: chosen, read in slices, removed."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.errors import Conflict, Unavailable
from clickstream.lake.delta import FAILED_TABLE, LakeTable
from clickstream.lake.reading import TableReader
from clickstream.lake.storage import StorageAccount
from clickstream.replaying.failed_row import COLUMNS, FailedRow
from clickstream.replaying.repairing import event_name_of
from clickstream.replaying.request import Filters, Place, ReplayRequest

log = logging.getLogger(__name__)

# A payload has at most 32 KiB, so this bounds what is held at once.
ROWS_AT_ONCE = 1000
TRIES_AFTER_CONFLICT = 20
PLACE_COLUMNS = ("received_at", "failed_event_id")


@dataclass(frozen=True, slots=True)
class Chosen:
    """`places` are those asked for, the oldest first; `more` says whether others match behind them."""

    places: Sequence[Place]
    more: bool


class FailedRows:
    """Failed events of any site. Safe to share between threads."""

    def __init__(self, account: StorageAccount, container: str) -> None:
        self._account = account
        self._container = container
        self._reader = TableReader(FAILED_TABLE, account, container)

    def choose(self, request: ReplayRequest) -> Chosen:
        """The first `limit` rows behind the request's place. Raise Unavailable."""
        behind = request.place
        places = (place for place in self._matching(request) if behind is None or place > behind)
        found = heapq.nsmallest(request.limit + 1, places)
        return Chosen(found[: request.limit], len(found) > request.limit)

    def count(self, request: ReplayRequest) -> int:
        """How many rows the filters match now. Raise Unavailable."""
        return sum(1 for _ in self._matching(request))

    def read(self, site: str, places: Sequence[Place]) -> Iterator[Sequence[FailedRow]]:
        """The rows at these places, in order, in slices; those that are gone by now are left out. Raise Unavailable."""
        for start in range(0, len(places), ROWS_AT_ONCE):
            some = places[start : start + ROWS_AT_ONCE]
            first, last = some[0][0], some[-1][0]
            ids = pa.array([failed_event_id for _, failed_event_id in some], pa.string())
            condition = (pc.field("site") == site) & pc.field("failed_event_id").isin(ids)
            condition &= (pc.field("received_at") >= first) & (pc.field("received_at") <= last)
            rows = [FailedRow(**row) for row in self._scan(COLUMNS, condition, first.date(), last.date())]
            yield sorted(rows, key=lambda row: row.place)

    def remove(self, rows: Sequence[Place]) -> int:
        """Take these rows out of the table. Returns how many were there. Raise Unavailable.

        They are removed from the newest version, whatever compaction or another replay committed meanwhile.
        """
        if not rows:
            return 0
        ids: dict[date, set[str]] = {}
        for received_at, failed_event_id in rows:
            ids.setdefault(received_at.date(), set()).add(failed_event_id)
        for _ in range(TRIES_AFTER_CONFLICT):
            try:
                table = LakeTable.open_or_create(FAILED_TABLE, self._account, self._container)
                return table.remove("failed_event_id", ids, "repaired")
            except Conflict:
                log.info("the table of failed events was changed meanwhile; looking again")
        raise Unavailable(f"others changed the table of failed events {TRIES_AFTER_CONFLICT} times")

    def _matching(self, request: ReplayRequest) -> Iterator[Place]:
        """The places of all rows that the filters match, in no order, whatever number they are."""
        wanted = request.filters
        first = wanted.received_from.date() if wanted.received_from else None
        last = wanted.received_to.date() if wanted.received_to else None
        columns = PLACE_COLUMNS if wanted.event_name is None else COLUMNS
        for row in self._scan(columns, condition_of(request.site_id, wanted), first, last):
            if wanted.event_name is None or event_name_of(FailedRow(**row)) == wanted.event_name:
                yield row["received_at"], row["failed_event_id"]

    def _scan(
        self, columns: Sequence[str], condition: pc.Expression, first: date | None, last: date | None
    ) -> Iterator[Mapping[str, Any]]:
        dataset = self._reader.dataset(first, last)
        scanner = dataset.scanner(
            columns=list(columns), filter=condition, batch_size=ROWS_AT_ONCE, batch_readahead=2, fragment_readahead=1
        )
        try:
            for batch in scanner.to_batches():
                yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise Unavailable(f"the table {FAILED_TABLE.name} cannot be read: {error}") from error


def condition_of(site: str, filters: Filters) -> pc.Expression:
    """What a row's own columns tell of the filters; the event's name is none of them."""
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
