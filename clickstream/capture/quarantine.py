"""Files and records that compaction put aside, with the reason: `quarantine/` in the lake's container.

`quarantine/PATH` has the bytes of a file that cannot be read, or an Avro file of the records that cannot be compacted.
PATH is that of the captured file or the spilled blob. `quarantine/PATH.json` is the note. They stay until an operator
handles them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from clickstream.capture.names import CaptureFile, parse_name
from clickstream.capture.spill import parse_spill_name
from clickstream.storage.blobs import Blob, Container

QUARANTINE = "quarantine"
_PREFIX = f"{QUARANTINE}/"


@dataclass(frozen=True, slots=True)
class Note:
    """Why a file, or `records` records of it, was put aside; None means the whole file.

    `after` is the partition's last sequence number before it, if it had any. A reason names types and places of
    errors, and never contains event data.
    """

    path: str
    reason: str
    put_aside_at: str
    records: int | None = None
    after: int | None = None


def parse_quarantine_name(path: str, size_bytes: int) -> CaptureFile | None:
    """The captured file or spilled blob, with its original path, of a path in quarantine; None for a note."""
    if not path.startswith(_PREFIX):
        return None
    name = path.removeprefix(_PREFIX)
    return parse_spill_name(name, size_bytes) or parse_name(name, size_bytes)


class Quarantine:
    """Puts files aside, lists, reads and removes them."""

    def __init__(self, lake: Container) -> None:
        self._lake = lake

    def put(self, data: bytes, note: Note) -> None:
        """Store the bytes and the note, replacing those already there. Raise Unavailable."""
        self._lake.write(_PREFIX + note.path, data)
        self._lake.write(f"{_PREFIX}{note.path}.json", json.dumps(asdict(note)).encode())

    def list(self, hub: str) -> Sequence[CaptureFile]:
        """A hub's files in quarantine, with their original paths, sorted by path. Raise Unavailable."""
        files = (parse_quarantine_name(blob.path, blob.size_bytes) for blob in self._lake.list(_PREFIX))
        return [file for file in files if file is not None and file.source.hub == hub]

    def read(self, path: str) -> Blob | None:
        """The bytes of a file in quarantine, by its original path; None if it is not there. Raise Unavailable."""
        return self._lake.read(_PREFIX + path)

    def note(self, path: str) -> Note:
        """The note of a file; one with the reason "unknown" if it has none. Raise Unavailable."""
        blob = self._lake.read(f"{_PREFIX}{path}.json")
        members = {} if blob is None else json.loads(blob.data)
        fields = {name: members[name] for name in Note.__dataclass_fields__ if name in members}
        return Note(**{"path": path, "reason": "unknown", "put_aside_at": "", **fields})

    def remove(self, path: str) -> None:
        """Delete a file and its note. Raise Unavailable."""
        self._lake.delete(_PREFIX + path)
        self._lake.delete(f"{_PREFIX}{path}.json")
