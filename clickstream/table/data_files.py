"""A table's data files as its log lists them, and the progress of retention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a table. The sites are lower and upper bounds, and the batch is an upper one.

    Each is None if the file has no statistics of it.
    """

    path: str
    day: date
    size_bytes: int
    written_at: datetime
    first_site: str | None = None
    last_site: str | None = None
    last_batch: int | None = None

    def may_hold_after(self, batch: int) -> bool:
        """Whether rows of later batches can be in it."""
        return self.last_batch is None or self.last_batch > batch

    def may_hold(self, site: str) -> bool:
        """Whether rows of the site can be in it."""
        return not (self.first_site is not None and site < self.first_site) and not (
            self.last_site is not None and site > self.last_site
        )


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Progress of retention for a site: files written before `at` have none of its rows of a date before `until`."""

    until: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Expired:
    """Files of one day, and the sites whose rows are to be deleted from them."""

    day: date
    sites: frozenset[str]
    files: Sequence[DataFile]
