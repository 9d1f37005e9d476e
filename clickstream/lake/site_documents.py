"""The sites' documents in the storage account: `sites/<site>.yaml` in the config container."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import AzureStore

PREFIX = "sites/"
SUFFIX = ".yaml"


class BlobSiteDocuments:
    """Documents as blobs, read beside requests; a blob's ETag is its version."""

    def __init__(self, container: AzureStore) -> None:
        self._container = container

    async def versions(self) -> Mapping[str, str]:
        import obstore
        from obstore.exceptions import BaseError

        try:
            return _versions(await obstore.list(self._container, PREFIX).collect_async())
        except FileNotFoundError:
            return {}
        except (BaseError, OSError) as error:
            raise Unavailable("the sites' documents cannot be listed") from error

    async def read(self, path: str) -> bytes:
        import obstore
        from obstore.exceptions import BaseError

        try:
            answer = await obstore.get_async(self._container, path)
            return bytes(await answer.bytes_async())
        except (BaseError, OSError) as error:
            raise Unavailable(f"{path} cannot be read") from error


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One document as it was read, with the ETag by which a later write sees whether it still is so."""

    text: bytes
    version: str


class EditableBlobSiteDocuments:
    """The same documents for a command that changes them. Waits for each answer: obstore's coroutines run on threads
    that abort a Python process which ends right after them.
    """

    def __init__(self, container: AzureStore) -> None:
        self._container = container

    def versions(self) -> Mapping[str, str]:
        """Path of every document -> its ETag. Raise Unavailable."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            return _versions(obstore.list(self._container, PREFIX).collect())
        except FileNotFoundError:
            return {}
        except (BaseError, OSError) as error:
            raise Unavailable("the sites' documents cannot be listed") from error

    def fetch(self, path: str) -> StoredDocument:
        """The document and its version. Raise Unavailable."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            answer = obstore.get(self._container, path)
            # The ETag of this answer, not of the listing: what is compared later is what was read.
            return StoredDocument(bytes(answer.bytes()), answer.meta["e_tag"] or "")
        except (BaseError, OSError) as error:
            raise Unavailable(f"{path} cannot be read") from error

    def write(self, path: str, text: bytes, version: str | None) -> str:
        """Put the document in place of `version`, or where there was none; return its new version.

        Raise Conflict when somebody else has changed, removed or made it since, Unavailable.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        try:
            put = obstore.put(self._container, path, text, mode="create" if version is None else {"e_tag": version})
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            raise Conflict(f"{path} was changed by somebody else since it was read") from error
        except (BaseError, OSError) as error:
            raise Unavailable(f"{path} cannot be written") from error
        return put["e_tag"] or ""

    def delete(self, path: str, document: StoredDocument) -> None:
        """Remove the document if it still is as it was read. Raise Conflict, Unavailable."""
        import obstore
        from obstore.exceptions import BaseError

        # No library deletes on condition here. Writing the same text on condition takes a new version, so that whoever
        # changes the document on the condition of the old one is refused from then on.
        self.write(path, document.text, document.version)
        try:
            obstore.delete(self._container, path)
        except (BaseError, OSError) as error:
            raise Unavailable(f"{path} cannot be deleted") from error


def _versions(found: Iterable[ObjectMeta]) -> Mapping[str, str]:
    return {blob["path"]: blob["e_tag"] or "" for blob in found if blob["path"].endswith(SUFFIX)}
