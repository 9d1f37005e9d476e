"""A person's records in captured files, spilled blobs and what was put aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from clickstream.compacting.decode import Unreadable
from clickstream.compacting.files import CaptureFile, parse_name
from clickstream.erasing.captured import Finder, change_records, find_records, may_hold, names_in_bytes
from clickstream.erasing.changing import Change
from clickstream.erasing.person import Person
from clickstream.errors import Conflict, Unavailable
from clickstream.lake.blobs import Blob, Blobs
from clickstream.lake.capture_files import QUARANTINE
from clickstream.lake.spill_files import parse_spill_name

PARALLEL_READS = 16
MAX_BYTES_AT_ONCE = 67_108_864
TRIES_AFTER_CONFLICT = 20


@dataclass(frozen=True, slots=True)
class FileChange:
    """What was done to one file. `records` are the person's; None where a file could not be read."""

    store: str
    path: str
    action: str
    records: int | None
    sha256_before: str
    sha256_after: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose records, and what becomes of them. `finder` may mean more than the person: whom digests alone tell."""

    person: Person
    finder: Finder
    change: Change

    def may_be_in(self, data: bytes) -> bool:
        """Whether a file of events need be read at all."""
        return self.finder is not self.person or may_hold(data, self.person.ids)


class RawCopies:
    """Files of events that are not the tables'."""

    def __init__(self, capture: Blobs, spill: Blobs, lake: Blobs, event_hub: str, failed_event_hub: str) -> None:
        self._stores = {"capture": capture, "spill": spill, QUARANTINE: lake}
        self._hubs = {event_hub: False, failed_event_hub: True}

    def change(self, wanted: Wanted) -> Iterator[FileChange]:
        """Change the records in every file that holds any, each file at once. Raise Unavailable.

        Files keep their names and their records' numbers, which tell whether events are missing. A file that cannot be
        read and names the person in its bytes is deleted.
        """
        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            for store in self._stores:
                for files in self._in_groups(self._list(store)):
                    blobs = pool.map(self._stores[store].read, [path for path, _ in files])
                    for (path, file), blob in zip(files, blobs, strict=True):
                        done = None if blob is None else self._change(store, path, file, blob, wanted)
                        if done is not None:
                            yield done

    def _list(self, store: str) -> Iterator[tuple[str, CaptureFile]]:
        prefix = f"{QUARANTINE}/" if store == QUARANTINE else ""
        for path, size in self._stores[store].list(prefix):
            name = path.removeprefix(prefix)
            spilled = parse_spill_name(name, size) if store != "capture" else None
            file = spilled or (parse_name(name, size) if store != "spill" else None)
            if file is not None and file.source.hub in self._hubs:
                yield path, file

    @staticmethod
    def _in_groups(files: Iterator[tuple[str, CaptureFile]]) -> Iterator[Sequence[tuple[str, CaptureFile]]]:
        group: list[tuple[str, CaptureFile]] = []
        size = 0
        for path, file in files:
            if group and (size + file.size_bytes > MAX_BYTES_AT_ONCE or len(group) == PARALLEL_READS):
                yield group
                group, size = [], 0
            group.append((path, file))
            size += file.size_bytes
        if group:
            yield group

    def _change(self, store: str, path: str, file: CaptureFile, blob: Blob, wanted: Wanted) -> FileChange | None:
        for _ in range(TRIES_AFTER_CONFLICT):
            try:
                return self._change_once(store, file, blob, wanted)
            except Conflict:
                again = self._stores[store].read(path)
                if again is None:
                    return None
                blob = again
        raise Unavailable(f"others changed {path} {TRIES_AFTER_CONFLICT} times")

    def _change_once(self, store: str, file: CaptureFile, blob: Blob, wanted: Wanted) -> FileChange | None:
        failed_hub = self._hubs[file.source.hub]
        if not failed_hub and not wanted.may_be_in(blob.data):
            return None
        before = sha256(blob.data).hexdigest()
        try:
            found = find_records(wanted.finder, file, blob.data, failed_hub=failed_hub)
            if not found.all:
                return None
            data = change_records(blob.data, found, wanted.change)
        except Unreadable:
            if not names_in_bytes(blob.data, wanted.person.ids):
                return None
            self._delete(store, blob.path)
            return FileChange(store, blob.path, "deleted", None, before, None)
        self._stores[store].replace(blob, data)
        return FileChange(store, blob.path, "rewritten", len(found.all), before, sha256(data).hexdigest())

    def _delete(self, store: str, path: str) -> None:
        self._stores[store].delete(path)
        if store == QUARANTINE:
            self._stores[store].delete(f"{path}.json")
