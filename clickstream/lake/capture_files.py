"""The captured files in the storage account."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

from clickstream.compacting.files import CaptureFile, HubPartition, parse_name
from clickstream.errors import Unavailable
from clickstream.lake.storage import PIECE_BYTES

if TYPE_CHECKING:
    from obstore.store import AzureStore

    from clickstream.compacting.decode import Content

PARALLEL_READS = 16
# What has arrived of a piece is put in its place as often.
_ARRIVED_BYTES = 2**20
QUARANTINE = "quarantine"


class CaptureFiles:
    """Lists and reads the capture container; puts aside what cannot be read, in the lake's own."""

    def __init__(self, capture: AzureStore, lake: AzureStore) -> None:
        self._capture = capture
        self._lake = lake

    def sources(self, hub: str) -> Sequence[HubPartition]:
        """Every partition of the hub, in any namespace, that has ever been captured. Raise Unavailable."""
        found = []
        for namespace in self._folders(""):
            if hub in (folder.rpartition("/")[2] for folder in self._folders(f"{namespace}/")):
                partitions = self._folders(f"{namespace}/{hub}/")
                found += [HubPartition(namespace, hub, path.rpartition("/")[2]) for path in partitions]
        return found

    def list(self, prefix: str) -> Sequence[CaptureFile]:
        """The captured files under a prefix; anything of another name is none. Raise Unavailable."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            found = [
                parse_name(blob["path"], blob["size"])
                for blobs in obstore.list(self._capture, prefix)
                for blob in blobs
            ]
        except (BaseError, OSError) as error:
            raise Unavailable(f"captured files cannot be listed: {error}") from error
        return [file for file in found if file is not None]

    def fetch(self, files: Sequence[CaptureFile]) -> Sequence[tuple[CaptureFile, Content]]:
        """The files and their bytes, in order. Raise Unavailable."""
        from obstore.exceptions import BaseError

        try:
            with ThreadPoolExecutor(PARALLEL_READS) as pool:
                # All are asked for before the first is waited for.
                fetched = [(file, self._fetch(file, pool)) for file in files]
                return [(file, content()) for file, content in fetched]
        except (BaseError, OSError) as error:
            raise Unavailable(f"a captured file cannot be read: {error}") from error

    def _fetch(self, file: CaptureFile, pool: Executor) -> Callable[[], Content]:
        """Begin to read a file, a long one in pieces at a time; what is returned waits for the end of it."""
        import obstore
        from obstore.exceptions import BaseError

        def whole() -> Content:
            return memoryview(obstore.get(self._capture, file.path).bytes())

        if file.size_bytes <= PIECE_BYTES:
            return pool.submit(whole).result
        content = memoryview(bytearray(file.size_bytes))

        def fill(start: int) -> tuple[int, str | None]:
            end = min(start + PIECE_BYTES, file.size_bytes)
            got = obstore.get(self._capture, file.path, options={"range": (start, end)})
            for arrived in got.stream(min_chunk_size=_ARRIVED_BYTES):
                content[start : start + len(arrived)] = memoryview(arrived)
                start += len(arrived)
            return got.meta["size"], got.meta["e_tag"]

        pieces = [pool.submit(fill, start) for start in range(0, file.size_bytes, PIECE_BYTES)]

        def joined() -> Content:
            try:
                versions = {piece.result() for piece in pieces}
            except BaseError:  # a piece that begins behind the end of the file
                versions = set()
            # An erasure may have written the file anew since it was listed, or between two pieces.
            same = len(versions) == 1 and versions.pop()[0] == file.size_bytes
            return content if same else whole()

        return joined

    def quarantine(self, file: CaptureFile, data: Content, reason: str) -> None:
        """Keep a copy and the reason, for the captured file itself is deleted some day. Raise Unavailable."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            obstore.put(self._lake, f"{QUARANTINE}/{file.path}", data)
            note = json.dumps({"path": file.path, "reason": reason}).encode()
            obstore.put(self._lake, f"{QUARANTINE}/{file.path}.json", note)
        except (BaseError, OSError) as error:
            raise Unavailable(f"{file.path} cannot be put aside: {error}") from error

    def _folders(self, prefix: str) -> Sequence[str]:
        import obstore
        from obstore.exceptions import BaseError

        try:
            found = obstore.list_with_delimiter(self._capture, prefix or None)
            return [str(folder).rstrip("/") for folder in found["common_prefixes"]]
        except (BaseError, OSError) as error:
            if "ContainerNotFound" in str(error):  # Capture has not written yet, and makes its own container
                return []
            raise Unavailable(f"captured files cannot be listed: {error}") from error
