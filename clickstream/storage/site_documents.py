"""The sites' documents in the storage account: `sites/<site>.yaml` in the config container."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clickstream.errors import InvalidSite, Unavailable
from clickstream.storage.blobs import Blob, Container, ListedBlob

MAX_DOCUMENT_BYTES = 262_144
PREFIX = "sites/"
SUFFIX = ".yaml"


class BlobSiteDocuments:
    """Documents as blobs, for the event loop that serves requests. A blob's ETag is its version."""

    def __init__(self, container: Container) -> None:
        self._container = container.for_clients()

    async def versions(self) -> Mapping[str, str]:
        """Path of every document -> its ETag. Raise Unavailable."""
        return _versions(await self._container.list_async(PREFIX))

    async def read(self, path: str) -> bytes:
        """The document. Raise InvalidSite if it is longer than MAX_DOCUMENT_BYTES, Unavailable."""
        document = _existing(path, await self._container.read_async(path, MAX_DOCUMENT_BYTES))
        if len(document.data) > MAX_DOCUMENT_BYTES:
            raise InvalidSite([f"a document has at most {MAX_DOCUMENT_BYTES} bytes"])
        return document.data


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document's content and its ETag, by which a later write detects a change since then."""

    text: bytes
    version: str


class EditableBlobSiteDocuments:
    """The same documents for a command that changes them."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def versions(self) -> Mapping[str, str]:
        """Path of every document -> its ETag. Raise Unavailable."""
        return _versions(self._container.list(PREFIX, must_exist=True))

    def fetch(self, path: str) -> StoredDocument:
        """The document and its version; one that is too long is cut just beyond the limit. Raise Unavailable."""
        document = _existing(path, self._container.read(path, MAX_DOCUMENT_BYTES))
        return StoredDocument(document.data, document.version)

    def write(self, path: str, text: bytes, version: str | None) -> str:
        """Replace the document of `version`, or create it if that is None. Returns the new version.

        Raise Conflict if the document was changed, removed or created meanwhile, Unavailable.
        """
        return self._container.write_if(path, text, version)

    def delete(self, path: str, document: StoredDocument) -> None:
        """Delete the document. Raise Conflict if it has changed since it was read, Unavailable."""
        # obstore has no conditional delete. A conditional write of the same text gives the document a new version, so
        # that from then on a conditional write against the old version is refused.
        self.write(path, document.text, document.version)
        self._container.delete(path)


def _existing(path: str, blob: Blob | None) -> Blob:
    if blob is None:
        raise Unavailable(f"{path} cannot be read")
    return blob


def _versions(blobs: Iterable[ListedBlob]) -> Mapping[str, str]:
    """ETags by path of the documents directly in the folder; a deeper blob, such as a copy, is no site's document."""
    return {
        blob.path: blob.version
        for blob in blobs
        if blob.path.endswith(SUFFIX) and "/" not in blob.path.removeprefix(PREFIX)
    }
