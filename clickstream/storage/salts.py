"""Daily salts in the storage account: blobs `YYYY-MM-DD` in a container of their own.

Deleting a blob destroys it only if the account keeps no deleted blobs: soft delete, versioning and immutability must be
off for this container's account, see docs/privacy.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from clickstream.errors import Conflict
from clickstream.storage.blobs import Container


class BlobSalts:
    """A `SaltStore` of blobs. Storage lets only one process create a name, so all processes get the same salt."""

    def __init__(self, container: Container) -> None:
        self._container = container.for_clients()

    async def read(self, name: str) -> bytes | None:
        """The salt of this name; None if there is none. Raise Unavailable, also if there is no container."""
        blob = await self._container.read_async(name, must_exist=True)
        return None if blob is None else blob.data

    async def create(self, name: str, salt: bytes) -> bool:
        """Store the salt unless there is one of this name. Returns whether it was stored. Raise Unavailable."""
        try:
            await self._container.create_async(name, salt)
        except Conflict:
            return False
        return True

    async def names(self) -> Sequence[str]:
        """The names of all salts. Raise Unavailable."""
        return [blob.path for blob in await self._container.list_async()]

    async def delete(self, name: str) -> None:
        """Delete the salt; nothing happens if there is none. Raise Unavailable."""
        await self._container.delete_async(name)
