"""The captured files in the storage account."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from clickstream.compacting.files import CaptureFile, HubPartition, parse_name
from clickstream.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import AzureStore

    from clickstream.compacting.decode import Content

PARALLEL_READS = 16
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
        import obstore
        from obstore.exceptions import BaseError

        def fetch_one(file: CaptureFile) -> tuple[CaptureFile, Content]:
            return file, memoryview(obstore.get(self._capture, file.path).bytes())

        try:
            with ThreadPoolExecutor(PARALLEL_READS) as pool:
                return list(pool.map(fetch_one, files))
        except (BaseError, OSError) as error:
            raise Unavailable(f"a captured file cannot be read: {error}") from error

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
