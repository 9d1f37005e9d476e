"""How far the last compaction got, stored next to the tables: `state/progress.json` in the lake's container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from clickstream.errors import Unavailable
from clickstream.storage.blobs import Container

PATH = "state/progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """`enqueued_at` is, by `hub/partition`, when the last compacted event was enqueued.

    `gathered` is, by table, the version up to which its counts are in `pipeline_hours`.
    """

    complete_until: datetime | None = None
    updated_at: datetime | None = None
    enqueued_at: Mapping[str, datetime] = field(default_factory=dict)
    gathered: Mapping[str, int] = field(default_factory=dict)


_PROGRESS = TypeAdapter(Progress)


def read_progress(container: Container) -> Progress:
    """The file's content; an empty Progress if there is none. Raise Unavailable."""
    blob = container.read(PATH)
    if blob is None:
        return Progress()
    try:
        return _PROGRESS.validate_json(blob.data)
    except ValidationError as error:
        raise Unavailable(f"{PATH} cannot be read: {error}") from error


def write_progress(container: Container, progress: Progress) -> None:
    """Replace the file. Raise Unavailable."""
    container.write(PATH, _PROGRESS.dump_json(progress))
