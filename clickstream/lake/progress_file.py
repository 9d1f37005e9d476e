"""What the last compaction learnt, beside the tables: `state/progress.json` in the lake's container."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from clickstream.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import AzureStore

PATH = "state/progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """`enqueued_at` is, by `hub/partition`, when the last compacted event was enqueued.

    `gathered` is, by table, up to which version its counts stand in `pipeline_hours`.
    """

    complete_until: datetime | None = None
    updated_at: datetime | None = None
    enqueued_at: Mapping[str, datetime] = field(default_factory=dict)
    gathered: Mapping[str, int] = field(default_factory=dict)


def read_progress(container: AzureStore) -> Progress:
    """The file's content; nothing known where there is none. Raise Unavailable."""
    import obstore
    from obstore.exceptions import BaseError

    try:
        value = json.loads(bytes(obstore.get(container, PATH).bytes()))
    except FileNotFoundError:
        return Progress()
    except (BaseError, OSError, ValueError) as error:
        raise Unavailable(f"{PATH} cannot be read: {error}") from error
    return Progress(
        _moment(value.get("complete_until")),
        _moment(value.get("updated_at")),
        {name: datetime.fromisoformat(text) for name, text in value.get("enqueued_at", {}).items()},
        value.get("gathered", {}),
    )


def write_progress(container: AzureStore, progress: Progress) -> None:
    """Replace the file. Raise Unavailable."""
    import obstore
    from obstore.exceptions import BaseError

    value = {
        "complete_until": progress.complete_until.isoformat() if progress.complete_until else None,
        "updated_at": progress.updated_at.isoformat() if progress.updated_at else None,
        "enqueued_at": {name: moment.isoformat() for name, moment in progress.enqueued_at.items()},
        "gathered": dict(progress.gathered),
    }
    try:
        obstore.put(container, PATH, json.dumps(value).encode())
    except (BaseError, OSError) as error:
        raise Unavailable(f"{PATH} cannot be written: {error}") from error


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
