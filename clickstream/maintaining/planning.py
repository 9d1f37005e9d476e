"""What is to be done, told from the list of a table's files alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

TARGET_BYTES = 134_217_728
SMALL_BYTES = TARGET_BYTES // 2
# So many small files make it worth to read a day again while events still come for it.
MANY_FILES = 12
MAX_FILES = 1_000
# `occurred_at` is clamped to seven days before the receipt; after one more no file of the day is expected.
SETTLED_AFTER = timedelta(days=8)
# Clocks of machines that write files differ by less.
CLOCK_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a table. The sites are bounds, which may be wide; None where the file tells none."""

    path: str
    day: date
    size_bytes: int
    written_at: datetime
    first_site: str | None = None
    last_site: str | None = None

    def may_hold(self, site: str) -> bool:
        """Whether rows of the site can be in it."""
        return not (self.first_site is not None and site < self.first_site) and not (
            self.last_site is not None and site > self.last_site
        )


def files_to_merge(files: Sequence[DataFile], today: date) -> Iterator[Sequence[DataFile]]:
    """Groups of small files, each of one day and of about TARGET_BYTES at most, to become one file each.

    The day with the most files comes first; of each day there is one group. A settled day is left with no two small
    files that fit together. Of any other day nothing is read before MANY_FILES are there, and a file larger than all
    before it together is left out, so that a row is read again a few times and not with each new file.
    """
    small: defaultdict[date, list[DataFile]] = defaultdict(list)
    for file in files:
        if file.size_bytes < SMALL_BYTES:
            small[file.day].append(file)
    for day, waiting in sorted(small.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        group = _group(sorted(waiting, key=lambda file: (file.size_bytes, file.path)), day + SETTLED_AFTER <= today)
        if group:
            yield group


def _group(ascending: Sequence[DataFile], settled: bool) -> Sequence[DataFile]:
    group: list[DataFile] = []
    size = 0
    for file in ascending[:MAX_FILES]:
        outweighs = not settled and len(group) >= MANY_FILES and file.size_bytes > size
        if outweighs or size + file.size_bytes > TARGET_BYTES:
            break
        group.append(file)
        size += file.size_bytes
    return group if len(group) >= (2 if settled else MANY_FILES) else ()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Of a site no row of a day before `until` was left in files written before `at`."""

    until: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Expired:
    """Files of one day, and the sites whose rows are to be deleted from them."""

    day: date
    sites: frozenset[str]
    files: Sequence[DataFile]


def expired(
    files: Sequence[DataFile], kept_from: Mapping[str, date], cleaned: Mapping[str, Cleaned]
) -> Sequence[Expired]:
    """What has to be looked at so that of each site only days from `kept_from` on are left, oldest day first.

    Files that were looked at before are not looked at again, so the cost does not grow with history.
    """
    by_day: defaultdict[date, list[DataFile]] = defaultdict(list)
    sites: defaultdict[date, set[str]] = defaultdict(set)
    for file in files:
        doomed = {site for site, first in kept_from.items() if _is_waiting(file, site, first, cleaned.get(site))}
        if doomed:
            by_day[file.day].append(file)
            sites[file.day] |= doomed
    return [Expired(day, frozenset(sites[day]), by_day[day]) for day in sorted(by_day)]


def _is_waiting(file: DataFile, site: str, first: date, cleaned: Cleaned | None) -> bool:
    if file.day >= first or not file.may_hold(site):
        return False
    return cleaned is None or file.day >= cleaned.until or file.written_at >= cleaned.at - CLOCK_SLACK
