"""Deletes empty folders by time, in accounts with a hierarchical namespace.

In such an account a folder is an object of its own: the first file creates it, and it stays after the last one is
deleted. A flat account has no folders. Storage refuses, atomically, to delete a folder that is not empty (409). So this
module deletes without listing first, and a file created at the same moment is never lost. Still it deletes only folders
of past hours.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from clickstream.storage.blobs import BLOBS_AT_ONCE, Container, translated

# How far back folders are deleted, because `maintain` may not have run for a while.
HOURS, DAYS, MONTHS = 7 * 24, 31, 12
# In the library's errors: the answer to deleting a folder that is not empty, and to reading a folder as a file.
_NOT_EMPTY, _IS_FOLDER = "(code: 409)", "x-ms-resource-type: directory"


def folders_before(root: str, moment: datetime) -> Sequence[Sequence[str]]:
    """Three lists of paths below `root`, of past hours `{yyyy}/{mm}/{dd}/{hh}`, past days, and past months."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    hours = [hour - timedelta(hours=number) for number in range(1, HOURS + 1)]
    days = [hour - timedelta(days=number) for number in range(1, DAYS + 1)]
    first = moment.year * 12 + moment.month - 1
    months = [divmod(first - number, 12) for number in range(1, MONTHS + 1)]
    return [
        [f"{root}/{each:%Y/%m/%d/%H}" for each in hours],
        [f"{root}/{each:%Y/%m/%d}" for each in days],
        [f"{root}/{year:04}/{month + 1:02}" for year, month in months],
    ]


def delete_emptied_folders(container: Container, root: str, moment: datetime, files: Sequence[str] = ()) -> None:
    """Delete the empty ones among the folders of deleted `files` and the folders below `root` that end before `moment`.

    Makes only one request in a flat account. Raise Unavailable.
    """
    of_files = sorted({path.rpartition("/")[0] for path in files})
    with translated("emptied folders cannot be deleted"):
        if not _is_folder(container, root):
            return
        for level in (of_files, *folders_before(root, moment)):
            for first in range(0, len(level), BLOBS_AT_ONCE):
                _delete_empty(container, level[first : first + BLOBS_AT_ONCE])


def _is_folder(container: Container, path: str) -> bool:
    try:
        container.store.head(path)
    except FileNotFoundError as error:
        return _IS_FOLDER in str(error)
    return False


def _delete_empty(container: Container, folders: Sequence[str]) -> None:
    """Try to delete all. obstore raises the error of the first that was not deleted."""
    from obstore.exceptions import BaseError

    with contextlib.suppress(FileNotFoundError):
        try:
            container.store.delete(list(folders))
        except BaseError as error:
            if _NOT_EMPTY not in str(error):
                raise
