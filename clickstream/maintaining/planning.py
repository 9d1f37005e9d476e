"""Plans merges and deletions from the list of a table's files alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from clickstream.table.data_files import Cleaned, DataFile, Expired

TARGET_BYTES = 134_217_728
SMALL_BYTES = TARGET_BYTES // 2
# So many small files are worth merging on a day for which events still arrive.
MANY_FILES = 12
MAX_FILES = 1_000
# `occurred_at` is clamped to seven days before receipt. One day later no new file of the date is expected.
SETTLED_AFTER = timedelta(days=8)
# The clocks of machines that write files differ by less.
CLOCK_SLACK = timedelta(hours=1)


def files_to_merge(files: Sequence[DataFile], today: date) -> Iterator[Sequence[DataFile]]:
    """Groups of small files, each of one day and of about TARGET_BYTES at most, to become one file each.

    The day with the most files comes first; each day has at most one group. Groups of a settled day continue until no
    two small files fit together. Any other day has a group only from MANY_FILES on, and a file larger than all smaller
    ones together is left out, so that each row is rewritten a few times and not with each new file.
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


def expired(
    files: Sequence[DataFile], kept_from: Mapping[str, date], cleaned: Mapping[str, Cleaned]
) -> Sequence[Expired]:
    """The files to search for expired rows, and their sites, oldest day first.

    `kept_from` is the first date whose rows stay, by site. `cleaned` is the progress of earlier runs, by site: files
    that they searched are not searched again, so the cost does not grow with history.
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
