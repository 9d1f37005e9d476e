"""The captured files in the storage account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clickstream.capture.names import CaptureFile, HubPartition, parse_name
from clickstream.errors import Unavailable
from clickstream.storage.blobs import Container

if TYPE_CHECKING:
    from clickstream.capture.decode import Content


class CaptureFiles:
    """Lists and reads the capture container, which Capture creates with its first file."""

    def __init__(self, capture: Container) -> None:
        self._capture = capture

    def sources(self, hub: str) -> Sequence[HubPartition]:
        """Every partition of the hub, in any namespace, that has ever been captured. Raise Unavailable."""
        hub_partitions = []
        for namespace in self._capture.folders():
            if hub in (folder.rpartition("/")[2] for folder in self._capture.folders(f"{namespace}/")):
                partitions = self._capture.folders(f"{namespace}/{hub}/")
                hub_partitions += [HubPartition(namespace, hub, path.rpartition("/")[2]) for path in partitions]
        return hub_partitions

    def list(self, prefix: str) -> Sequence[CaptureFile]:
        """The captured files under a prefix, without blobs that Capture would not name so. Raise Unavailable."""
        files = (parse_name(blob.path, blob.size_bytes) for blob in self._capture.list(prefix))
        return [file for file in files if file is not None]

    def fetch(self, files: Sequence[CaptureFile]) -> Sequence[tuple[CaptureFile, Content]]:
        """The files and their bytes, in order. Raise Unavailable."""
        contents = self._capture.fetch({file.path: file.size_bytes for file in files})
        fetched: list[tuple[CaptureFile, Content]] = []
        for file in files:
            if (content := contents[file.path]) is None:
                raise Unavailable(f"{file.path} cannot be read: it is no longer there")
            fetched.append((file, content))
        return fetched
