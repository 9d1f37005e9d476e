"""Delete captured files after retention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from clickstream.capture.names import CaptureFile, HubPartition, parse_name
from clickstream.storage.blobs import Container


def captured_before(capture: Container, source: HubPartition, moment: datetime) -> Iterator[Sequence[CaptureFile]]:
    """A partition's files whose window started before `moment`, in pages. Raise Unavailable.

    Names sort by time, so listing stops at the first page that holds a later file.
    """
    for blobs in capture.pages(f"{source.prefix}/"):
        names = [parse_name(blob.path, blob.size_bytes) for blob in blobs]
        files = [file for file in names if file is not None]
        old = [file for file in files if file.started_at < moment]
        if old:
            yield old
        if len(old) < len(files):
            return
