"""Rewrites a person's records in captured files, spilled blobs and quarantined files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from clickstream.capture.decode import Unreadable
from clickstream.capture.marks import Marks
from clickstream.capture.names import CaptureFile, grouped, parse_name
from clickstream.capture.quarantine import QUARANTINE, parse_quarantine_name
from clickstream.capture.spill import parse_spill_name
from clickstream.erasing.captured import Finder, change_records, find_records, may_hold, names_in_bytes, sites_of
from clickstream.erasing.changing import Change
from clickstream.erasing.damaged import blanked, bodies_in, readable, sites_in
from clickstream.erasing.person import Person
from clickstream.retrying import retry_on_conflict
from clickstream.storage.blobs import Blob, Container, ListedBlob

PARALLEL_READS = 16
MAX_BYTES_AT_ONCE = 67_108_864
_PARSERS = {"capture": parse_name, "spill": parse_spill_name, QUARANTINE: parse_quarantine_name}


@dataclass(frozen=True, slots=True)
class FileChange:
    """The change to one file: the number of the person's records, in all and by site.

    A damaged file with the action `listed` was not changed, and needs an operator's decision: it names the person in
    bytes that may be others', too. Its `sites` are those whose records it seems to hold.
    """

    store: str
    path: str
    action: Literal["rewritten", "blanked", "listed"]
    records: int
    sites: Mapping[str, int]
    sha256_before: str
    sha256_after: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose records to change, and how. `finder` may select more than the person: ids known only by digest."""

    person: Person
    finder: Finder
    change: Change

    def may_be_in(self, data: bytes) -> bool:
        """Whether a file of events must be decoded: False if it certainly has none of the ids."""
        return self.finder is not self.person or may_hold(data, self.person.ids)


class RawCopies:
    """The files that hold events outside the tables."""

    def __init__(
        self, capture: Container, spill: Container, lake: Container, event_hub: str, failed_event_hub: str, marks: Marks
    ) -> None:
        self._stores = {"capture": capture, "spill": spill, QUARANTINE: lake}
        self._hubs = {event_hub: False, failed_event_hub: True}
        self._marks = marks

    def change(self, wanted: Wanted) -> Iterator[FileChange]:
        """Rewrite every file that holds wanted records, each file atomically. Raise Unavailable.

        Files keep their names and their records' numbers, by which missing events are detected. No file is deleted. In
        a file that cannot be read the person's bodies are blanked; it is listed if there is no such body but it still
        names the person.
        """
        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            for store, container in self._stores.items():
                files = self._files(store)
                for group in grouped(files, MAX_BYTES_AT_ONCE, PARALLEL_READS):
                    blobs = pool.map(container.read, [listed.path for listed in group])
                    for listed, blob in zip(group, blobs, strict=True):
                        file_change = None if blob is None else self._change(store, files[listed], blob, wanted)
                        if file_change is not None:
                            yield file_change

    def _files(self, store: str) -> Mapping[ListedBlob, CaptureFile]:
        listed = self._stores[store].list(f"{QUARANTINE}/" if store == QUARANTINE else "")
        files = {blob: _PARSERS[store](blob.path, blob.size_bytes) for blob in listed}
        return {blob: file for blob, file in files.items() if file is not None and file.source.hub in self._hubs}

    def _change(self, store: str, file: CaptureFile, blob: Blob, wanted: Wanted) -> FileChange | None:
        """Change a file by its content that was read in advance; read it again if another process has changed it."""
        latest: Blob | None = blob

        def attempt() -> FileChange | None:
            nonlocal latest
            read, latest = latest, None
            read = read or self._stores[store].read(blob.path)
            return None if read is None else self._change_once(store, file, read, wanted)

        return retry_on_conflict(attempt, blob.path)

    def _change_once(self, store: str, file: CaptureFile, blob: Blob, wanted: Wanted) -> FileChange | None:
        failed_hub = self._hubs[file.source.hub]
        if not failed_hub and not wanted.may_be_in(blob.data):
            return None
        try:
            matches = find_records(wanted.finder, wanted.person, file, blob.data, self._marks, failed_hub=failed_hub)
            if not matches.marks:
                return None
            data = change_records(blob.data, matches, wanted.change)
        except Unreadable:
            return self._blank(store, file, blob, wanted)
        self._stores[store].write_if(blob.path, data, blob.version)
        sites = sites_of(blob.data, matches.marks)
        return _changed(store, blob, "rewritten", sites, data)

    def _blank(self, store: str, file: CaptureFile, blob: Blob, wanted: Wanted) -> FileChange | None:
        bodies = bodies_in(blob.data)
        whole, failed_hub = readable(blob.data, bodies), self._hubs[file.source.hub]
        matches = find_records(wanted.finder, wanted.person, file, whole, self._marks, failed_hub=failed_hub)
        matching_bodies = [bodies[number] for number in sorted(matches.marks)]
        data = blanked(blob.data, matching_bodies)
        if matching_bodies:
            self._stores[store].write_if(blob.path, data, blob.version)
            return _changed(store, blob, "blanked", Counter(body.site for body in matching_bodies), data)
        if names_in_bytes(data, wanted.person.ids):
            return _changed(store, blob, "listed", sites_in(data), data)
        return None


def _changed(
    store: str, blob: Blob, action: Literal["rewritten", "blanked", "listed"], sites: Mapping[str, int], data: bytes
) -> FileChange:
    records = 0 if action == "listed" else sum(sites.values())
    return FileChange(
        store, blob.path, action, records, dict(sites), sha256(blob.data).hexdigest(), sha256(data).hexdigest()
    )
