"""Capture to a storage account: blobs, and Event Grid events on a queue."""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobClient, ContainerClient
from azure.storage.queue import QueueClient

from .avro import SYNC_BYTES
from .config import Capture as CaptureConfig


class Storage:
    """One container and one queue, which are created if missing. Failures raise OSError; the caller retries."""

    def __init__(self, config: CaptureConfig) -> None:
        # No retries in the SDK: they would hide an outage for a minute.
        limits: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 30}
        connection = config.storage_connection_string
        self._container = ContainerClient.from_connection_string(connection, config.container, **limits)
        self._queue = QueueClient.from_connection_string(connection, config.queue, **limits) if config.queue else None
        self._container_exists = False
        self._queue_exists = False

    def write(self, name: str, data: bytes) -> str:
        """Create the blob and return its URL. Raise FileExistsError if the name exists, OSError if storage fails."""
        try:
            if not self._container_exists:
                with contextlib.suppress(ResourceExistsError):
                    self._container.create_container()
                self._container_exists = True
            blob = self._container.get_blob_client(name)
            try:
                blob.upload_blob(data, overwrite=False)
            except ResourceExistsError:
                # An earlier attempt may have succeeded without an answer.
                if not _is_file(blob, data):
                    raise FileExistsError(name) from None
            url: str = blob.url
            return url
        except AzureError as error:
            self._container_exists = False  # it may be lost with the storage
            raise OSError(f"{type(error).__name__}: {error}") from error

    def notify(self, event: Mapping[str, object]) -> None:
        """Put an event on the queue, if there is one, as Event Grid does: JSON in base64. Raise OSError."""
        if self._queue is None:
            return
        try:
            if not self._queue_exists:
                with contextlib.suppress(ResourceExistsError):
                    self._queue.create_queue()
                self._queue_exists = True
            self._queue.send_message(b64encode(json.dumps(event).encode()).decode())
        except AzureError as error:
            self._queue_exists = False
            raise OSError(f"{type(error).__name__}: {error}") from error


def _is_file(blob: BlobClient, data: bytes) -> bool:
    """Whether the blob is this file: the same size, and the same random sync marker at the end."""
    size = blob.get_blob_properties().size
    if size != len(data):
        return False
    end: bytes = blob.download_blob(offset=size - SYNC_BYTES, length=SYNC_BYTES).readall()
    return end == data[-SYNC_BYTES:]
