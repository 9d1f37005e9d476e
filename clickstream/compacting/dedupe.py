"""Deduplication: keeps one row per site, id and fingerprint, the one enqueued first.

What makes two messages copies is decided in docs/decisions/0010-copies-are-looked-for-where-they-can-stand.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.event import CONTENT_DIGITS
from clickstream.model.schema import REUSED_COLUMN
from clickstream.table.delta import Table

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
# The most dates to search besides those near `occurred_at`, for events whose clocks disagree.
MAX_FAR_DATES = 35
EPOCH = date(1970, 1, 1)
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Separated:
    """`rows`, and two masks over them with one boolean per row.

    `copy` is true for copies of an earlier row or of a stored one. `again` is true for those copies that are the same
    message, delivered again: received at the same moment. An event that its client sends again has another moment.
    """

    rows: pa.Table
    copy: Mask
    again: Mask
    unsearched: int
    """The number of rows for which not every date that may hold a copy was searched."""

    @property
    def new_count(self) -> int:
        """The number of rows that are no copy."""
        return int(np.count_nonzero(~self.copy))

    @property
    def new(self) -> pa.Table:
        """The rows that are no copy."""
        return self.rows.filter(pa.array(~self.copy))


@dataclass(slots=True)
class _Known:
    """Fingerprints and moments of receipt (microseconds since 1970) of the messages with one id of one site."""

    fingerprints: set[str | None] = field(default_factory=set)
    received: set[int] = field(default_factory=set)

    def add(self, message: _Message) -> None:
        self.fingerprints.add(message.fingerprint)
        self.received.add(message.received_us)

    def has_copy_of(self, message: _Message) -> bool:
        """Whether one with the same fingerprint was added. Older rows have only the digits of the content."""
        fingerprint = message.fingerprint
        return fingerprint in self.fingerprints or (fingerprint or "")[:CONTENT_DIGITS] in self.fingerprints


class _Message(NamedTuple):
    site: str | None
    id: str
    received_us: int
    fingerprint: str | None


def separate(rows: pa.Table, id_column: str, table: Table) -> Separated:
    """Separate new rows from copies of each other and of rows in the table. Raise Unavailable.

    A row is a copy if another one has its site, id and fingerprint. The one enqueued first is no copy. A row with only
    the site and id of another is new, and `id_reused` is true for it. Failed events have no fingerprint: this product
    makes their ids, so equal ids are copies. `rows` has the columns `id_column`, `site`, `received_at`,
    `hub_partition`, `enqueued_at` and, for events, `fingerprint`, `occurred_at` and `created_at`. The table is searched
    under the dates of `dates_to_search`.
    """
    has_fingerprint = "fingerprint" in rows.column_names
    columns = [id_column, "site", "received_at", *(["fingerprint"] if has_fingerprint else [])]
    search = dates_to_search(rows, table.spec.partition, table.dates)
    stored = table.find(id_column, rows.select([id_column, "site"]), search.dates, columns)
    known: defaultdict[tuple[str | None, str], _Known] = defaultdict(_Known)
    for message in _messages(stored, id_column):
        known[message.site, message.id].add(message)
    suspects = np.flatnonzero(_repeated(rows[id_column]) | _among(rows[id_column], stored[id_column]))
    copy, again, reused = np.zeros((3, rows.num_rows), np.bool_)
    ordered = suspects[_earliest_first(rows, suspects)]
    few = rows.select(columns).take(pa.array(ordered))
    for place, message in zip(ordered.tolist(), _messages(few, id_column), strict=True):
        before = known[message.site, message.id]
        copy[place] = before.has_copy_of(message)
        reused[place] = bool(before.fingerprints) and not copy[place]
        again[place] = copy[place] and message.received_us in before.received
        before.add(message)
    if has_fingerprint:
        rows = rows.append_column(REUSED_COLUMN, pa.array(reused))
    return Separated(rows, copy, again, search.unsearched)


def _messages(rows: pa.Table, id_column: str) -> Iterator[_Message]:
    count = rows.num_rows
    received = rows["received_at"].cast(pa.int64()).to_pylist()
    fingerprints = rows["fingerprint"].to_pylist() if "fingerprint" in rows.column_names else [None] * count
    columns = (rows["site"].to_pylist(), rows[id_column].to_pylist(), received, fingerprints)
    return map(_Message._make, zip(*columns, strict=True))


def _repeated(ids: pa.ChunkedArray) -> Mask:
    """Mask of the ids that occur more than once."""
    # One hash table encodes all chunks, so that a code means the same in each.
    chunks = [chunk.indices.to_numpy() for chunk in ids.dictionary_encode().chunks]
    codes = np.concatenate([np.empty(0, np.int32), *chunks])
    repeated: Mask = np.bincount(codes)[codes] > 1
    return repeated


def _among(ids: pa.ChunkedArray, others: pa.ChunkedArray) -> Mask:
    """Mask of the ids that are among the others."""
    if not len(others):
        return np.zeros(len(ids), np.bool_)
    mask: Mask = pc.is_in(ids, pc.unique(others)).to_numpy()
    return mask


def _earliest_first(rows: pa.Table, places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The order of the rows at these indices by time of enqueuing, then by partition."""
    few = rows.select(["hub_partition", "enqueued_at"]).take(pa.array(places))
    partitions = few["hub_partition"].to_numpy().astype(str)
    return np.lexsort([partitions, few["enqueued_at"].cast(pa.int64()).to_numpy()])


@dataclass(frozen=True, slots=True)
class Search:
    """The dates to search, in order, and the number of rows that may have a copy under another date."""

    dates: Sequence[date]
    unsearched: int = 0


def dates_to_search(rows: pa.Table, partition: str, stored: Callable[[], Collection[date]]) -> Search:
    """The dates to search for copies of these rows. Their number does not grow with the table.

    Events are stored under the date of `occurred_at`. It is the same for every copy, except for the time that a request
    takes, so one hour around it is searched. It differs if a client sends an old event under an old `sent_at`, and if
    it was clamped. `created_at` is the same even then. If the device's clock is right, the first copy is stored around
    it, so if the two disagree, one hour around `created_at` is searched too, however far back it is. Without
    `created_at` one day around `occurred_at` is searched, because the copy that was sent later may be compacted first.

    A client whose `created_at` are spread out must not make a commit read the whole table. At most MAX_FAR_DATES far
    dates are searched, of those for which `stored` has rows: the ones of the most events, newest first.
    """
    if "occurred_at" not in rows.column_names:
        touched: list[date] = pc.unique(rows[partition]).to_pylist()
        near = {day + timedelta(days) for day in touched for days in (-1, 0, 1) if date.min < day < date.max}
        return Search(sorted(near))
    occurred = _us(rows["occurred_at"])
    created = _us(rows["created_at"])
    has_created = rows["created_at"].is_valid().to_numpy()
    undated = occurred[~has_created]
    moments = [occurred - HOUR_US, occurred + HOUR_US, undated - DAY_US, undated + DAY_US]
    days = np.unique(np.concatenate([np.unique(_days(each)) for each in moments]))
    created = created[has_created & (np.abs(created - occurred) > HOUR_US) & (created < occurred + DAY_US)]
    first, last = _days(created - HOUR_US), _days(created + HOUR_US)
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


def _days(moments: Longs) -> Longs:
    """Days since 1970 of moments in microseconds since 1970, clamped to what a date can express."""
    days: Longs = np.clip(moments // DAY_US, (date.min - EPOCH).days, (date.max - EPOCH).days)
    return days


def _us(column: pa.ChunkedArray) -> Longs:
    """Microseconds since 1970; 0 for null."""
    moments: Longs = column.cast(pa.int64()).fill_null(0).to_numpy()
    return moments
