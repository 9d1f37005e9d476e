"""Blobs that are written in blocks and become visible at once, by azure-storage-blob.

obstore, which all other parts use, cannot stage blocks by id and commit them later under a condition: see
docs/decisions/0021-one-blob-client.md. Staged blocks that are never committed vanish after a week.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from clickstream.errors import Conflict, Refused, Unavailable
from clickstream.storage.account import StorageAccount

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

# The name of the writer in a blob's metadata.
WRITER = "run"


class StagedBlocks:
    """Writes to one container. Every method raises Unavailable, and Refused if the container refuses the app."""

    def __init__(self, account: StorageAccount, container: str) -> None:
        from azure.storage.blob import BlobServiceClient

        self._account, self._container = account.name, container
        service = BlobServiceClient(account.blob_uri, credential=account.credential())
        self._client = service.get_container_client(container)

    def stage(self, path: str, block: str, data: BinaryIO) -> None:
        """Store a block of a blob, the data from their position on. It is invisible until `publish`.

        Ids of the blocks of a blob have one length.
        """
        with self._translated(path):
            self._blob(path).stage_block(block, data)

    def publish(self, path: str, blocks: Sequence[str], content_type: str, writer: str) -> None:
        """Make the staged blocks the blob. Nothing happens if this writer has published it already.

        Raise Conflict if there is a blob of another writer.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError
        from azure.storage.blob import BlobBlock, ContentSettings

        blob = self._blob(path)
        with self._translated(path):
            try:
                blob.commit_block_list(
                    [BlobBlock(block) for block in blocks],
                    content_settings=ContentSettings(content_type=content_type),
                    metadata={WRITER: writer},
                    match_condition=MatchConditions.IfMissing,
                )
            except ResourceExistsError as error:
                if blob.get_blob_properties().metadata.get(WRITER) != writer:
                    raise Conflict(f"there is a blob {path} in the container {self._container} already") from error

    def withdraw(self, path: str, writer: str) -> None:
        """Delete the blob if this writer has published it."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        blob = self._blob(path)
        with self._translated(path), contextlib.suppress(ResourceModifiedError, ResourceNotFoundError):
            properties = blob.get_blob_properties()
            if properties.metadata.get(WRITER) == writer:
                blob.delete_blob(etag=properties.etag, match_condition=MatchConditions.IfNotModified)

    def _blob(self, path: str) -> BlobClient:
        return self._client.get_blob_client(path)

    @contextlib.contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        from azure.core.exceptions import AzureError, HttpResponseError

        where = f"container {self._container} of account {self._account}"
        try:
            yield
        except HttpResponseError as error:
            if error.status_code == 404:
                raise Refused(f"there is no {where}", code="no_container") from error
            if error.status_code in (401, 403):
                message = f"the app may not write to {where}: give it Storage Blob Data Contributor there"
                raise Refused(message, code="permission_denied") from error
            raise Unavailable(f"{path} cannot be written to {where}: {error.reason}") from error
        except AzureError as error:
            raise Unavailable(f"{path} cannot be written to {where}: {type(error).__name__}") from error
