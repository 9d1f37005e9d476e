"""Watermarks of partitions, kept as application versions of a table's commits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from clickstream.capture.names import HubPartition, Watermark
from clickstream.table.delta import Table


def read_watermark(table: Table, source: HubPartition) -> Watermark:
    """The watermark of a partition in this version of the table; an empty one if there is none. Raise Unavailable."""
    file = table.application_version(f"{source.prefix}/file")
    if file is None:
        return Watermark()
    sequence = table.application_version(f"{source.prefix}/sequence")
    return Watermark(datetime.fromtimestamp(file, UTC), -1 if sequence is None else sequence)


def versions(watermarks: Mapping[HubPartition, Watermark]) -> dict[str, int]:
    """Watermarks as application versions of a commit: the file's second, and the sequence number."""
    application_versions: dict[str, int] = {}
    for source, watermark in watermarks.items():
        if watermark.file_started_at is not None:
            application_versions[f"{source.prefix}/file"] = int(watermark.file_started_at.timestamp())
            application_versions[f"{source.prefix}/sequence"] = watermark.sequence_number
    return application_versions
