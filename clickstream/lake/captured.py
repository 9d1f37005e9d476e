"""Captured files that nobody needs any more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

from clickstream.compacting.files import CaptureFile, HubPartition, parse_name
from clickstream.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import AzureStore

PAGE = 1_000
PARALLEL_DELETES = 16


def captured_before(capture: AzureStore, source: HubPartition, moment: datetime) -> Iterator[Sequence[CaptureFile]]:
    """A partition's files whose window started before `moment`, by pages. Raise Unavailable.

    Names sort as their times do, so no more than one page beyond the last of them is listed.
    """
    import obstore
    from obstore.exceptions import BaseError

    try:
        for blobs in obstore.list(capture, f"{source.prefix}/", chunk_size=PAGE):
            found = [parse_name(blob["path"], blob["size"]) for blob in blobs]
            files = [file for file in found if file is not None]
            old = [file for file in files if file.started_at < moment]
            if old:
                yield old
            if len(old) < len(files):
                return
    except (BaseError, OSError) as error:
        raise Unavailable(f"captured files cannot be listed: {error}") from error


def delete_captured(capture: AzureStore, files: Sequence[CaptureFile]) -> None:
    """Delete the files; one that is gone already is no error. Raise Unavailable."""
    import obstore
    from obstore.exceptions import BaseError

    def delete_one(file: CaptureFile) -> None:
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(capture, file.path)

    try:
        with ThreadPoolExecutor(PARALLEL_DELETES) as pool:
            list(pool.map(delete_one, files))
    except (BaseError, OSError) as error:
        raise Unavailable(f"captured files cannot be deleted: {error}") from error
