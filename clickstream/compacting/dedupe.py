"""Copies of an event: one row per id and content, the earliest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.lake.delta import LakeTable
from clickstream.lake.schema import REUSED_COLUMN

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
# Where clocks disagree, so many dates are searched besides those at which a commit's events occurred.
MAX_FAR_DATES = 35
EPOCH = date(1970, 1, 1)
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Separated:
    """All `rows`, and of each whether it is a copy, of another or of a stored one.

    `again` are those of the copies that are the very message which was taken before: received at the same moment. A
    client that sends an event again is received again.
    """

    rows: pa.Table
    copy: Mask
    again: Mask
    unsearched: int
    """Of so many rows a copy was not looked for under every date that it may stand under."""

    @property
    def new_count(self) -> int:
        """How many rows the table has not yet, each once."""
        return int(np.count_nonzero(~self.copy))

    @property
    def new(self) -> pa.Table:
        """These rows."""
        return self.rows.filter(pa.array(~self.copy))


@dataclass(slots=True)
class _Known:
    """What is known of one id: the contents and moments of receipt it came with."""

    contents: set[str | None] = field(default_factory=set)
    received: set[int] = field(default_factory=set)


def separate(rows: pa.Table, id_column: str, table: LakeTable) -> Separated:
    """Tell new rows from copies, among themselves and in the table. Raise Unavailable.

    Of copies the earliest enqueued stays. A row is a copy where another one has its id and its fingerprint; one that
    has the id alone is new, and is marked in the column `id_reused`. Failed events have no fingerprint: of them the id
    tells all. See `dates_to_search` for where the table is searched.
    """
    content = "fingerprint" if "fingerprint" in rows.column_names else None
    columns = [id_column, "received_at", *([content] if content else [])]
    search = dates_to_search(rows, table.spec.partition, table.dates)
    stored = table.find(id_column, rows[id_column], search.dates, columns)
    known: dict[str, _Known] = {}
    for event_id, received, told in _told(stored, id_column, content):
        _note(known, event_id, received, told)
    suspects = np.flatnonzero(_repeated(rows[id_column]) | _among(rows[id_column], stored[id_column]))
    copy, again, reused = np.zeros((3, rows.num_rows), np.bool_)
    ordered = suspects[_earliest_first(rows, suspects)]
    few = rows.select([*columns]).take(pa.array(ordered))
    for place, (event_id, received, told) in zip(ordered.tolist(), _told(few, id_column, content), strict=True):
        before = known.get(event_id)
        if before is not None:
            copy[place] = told in before.contents
            reused[place] = not copy[place]
            again[place] = copy[place] and received in before.received
        _note(known, event_id, received, told)
    if content:
        rows = rows.append_column(REUSED_COLUMN, pa.array(reused))
    return Separated(rows, copy, again, search.unsearched)


def _told(rows: pa.Table, id_column: str, content: str | None) -> zip[tuple[str, int, str | None]]:
    ids = rows[id_column].to_pylist()
    received = rows["received_at"].cast(pa.int64()).to_pylist()
    return zip(ids, received, rows[content].to_pylist() if content else [None] * len(ids), strict=True)


def _note(known: dict[str, _Known], event_id: str, received: int, content: str | None) -> None:
    of_id = known.setdefault(event_id, _Known())
    of_id.contents.add(content)
    of_id.received.add(received)


def _repeated(ids: pa.ChunkedArray) -> Mask:
    """Of each id, whether it is there more than once."""
    # One hash table encodes all chunks, so that a code means the same in each.
    chunks = [chunk.indices.to_numpy() for chunk in ids.dictionary_encode().chunks]
    codes = np.concatenate([np.empty(0, np.int32), *chunks])
    repeated: Mask = np.bincount(codes)[codes] > 1
    return repeated


def _among(ids: pa.ChunkedArray, others: pa.ChunkedArray) -> Mask:
    if not len(others):
        return np.zeros(len(ids), np.bool_)
    found: Mask = pc.is_in(ids, pc.unique(others)).to_numpy()
    return found


def _earliest_first(rows: pa.Table, places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    few = rows.select(["hub_partition", "enqueued_at"]).take(pa.array(places))
    partitions = few["hub_partition"].to_numpy().astype(str)
    return np.lexsort([partitions, few["enqueued_at"].cast(pa.int64()).to_numpy()])


@dataclass(frozen=True, slots=True)
class Search:
    """Dates, and the number of rows of which not every date is among them."""

    dates: Sequence[date]
    unsearched: int = 0


def dates_to_search(rows: pa.Table, partition: str, stored: Callable[[], Collection[date]]) -> Search:
    """The dates under which a copy of one of these rows may stand; how many there are does not grow with the table.

    Events are stored under the date of `occurred_at`, which is the same moment for every copy but for the time that a
    request takes: an hour around it is searched. It moves where a client sends an old event under an old `sent_at`, and
    where it was clamped. `created_at` is the same then, and if the device's clock is right the first copy stands around
    it: where the two disagree, that is searched too, however far back it is. Without `created_at` the day before is.

    Whoever sends events whose `created_at` are spread out must not make a commit read all that there ever was. Of the
    far dates that are `stored` under no more than MAX_FAR_DATES are searched: those of the most events, newest first.
    """
    if "occurred_at" not in rows.column_names:
        touched: list[date] = pc.unique(rows[partition]).to_pylist()
        near = {day + timedelta(days) for day in touched for days in (-1, 0, 1) if date.min < day < date.max}
        return Search(sorted(near))
    occurred = _us(rows["occurred_at"])
    created = _us(rows["created_at"])
    told = rows["created_at"].is_valid().to_numpy()
    moments = [occurred - HOUR_US, occurred + HOUR_US, occurred[~told] - DAY_US]
    days = np.unique(np.concatenate([np.unique(each // DAY_US) for each in moments]))
    created = created[told & (np.abs(created - occurred) > HOUR_US) & (created < occurred + DAY_US)]
    first, last = (created - HOUR_US) // DAY_US, (created + HOUR_US) // DAY_US
    far, events = np.unique(np.concatenate([first, last[last > first]]), return_counts=True)
    is_far = ~np.isin(far, days)
    far, events = far[is_far], events[is_far]
    left_out = far[:0]
    if len(far) > MAX_FAR_DATES:
        there = np.isin(far, [(day - EPOCH).days for day in stored()])
        far = far[there][np.lexsort([-far[there], -events[there]])]
        far, left_out = far[:MAX_FAR_DATES], far[MAX_FAR_DATES:]
    unsearched = int(np.count_nonzero(np.isin(first, left_out) | np.isin(last, left_out)))
    return Search([EPOCH + timedelta(day) for day in sorted([*days.tolist(), *far.tolist()])], unsearched)


def _us(column: pa.ChunkedArray) -> Longs:
    moments: Longs = column.cast(pa.int64()).fill_null(0).to_numpy()
    return moments
