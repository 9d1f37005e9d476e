"""Daily salts in the storage account: blobs `YYYY-MM-DD` in a container of their own.

Deleting a blob destroys it only where the account keeps no deleted ones: soft delete, versioning and immutability must
be off for this container's account, see docs/privacy.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clickstream.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import AzureStore


class BlobSalts:
    """Salts as blobs. Storage agrees to one creation of a name, so all processes have one salt."""

    def __init__(self, container: AzureStore) -> None:
        self._container = container

    async def read(self, name: str) -> bytes | None:
        import obstore
        from obstore.exceptions import BaseError

        try:
            answer = await obstore.get_async(self._container, name)
            return bytes(await answer.bytes_async())
        except FileNotFoundError as error:
            if "ContainerNotFound" in str(error):
                raise Unavailable("there is no container for salts") from error
            return None
        except (BaseError, OSError) as error:
            raise Unavailable(f"the salt {name} cannot be read") from error

    async def create(self, name: str, salt: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        try:
            await obstore.put_async(self._container, name, salt, mode="create")
        except (AlreadyExistsError, PreconditionError):
            return False
        except (BaseError, OSError) as error:
            raise Unavailable(f"the salt {name} cannot be written") from error
        return True

    async def names(self) -> Sequence[str]:
        import obstore
        from obstore.exceptions import BaseError

        try:
            return [blob["path"] for blob in await obstore.list(self._container).collect_async()]
        except (BaseError, OSError) as error:
            raise Unavailable("the salts cannot be listed") from error

    async def delete(self, name: str) -> None:
        import obstore
        from obstore.exceptions import BaseError

        try:
            with contextlib.suppress(FileNotFoundError):
                await obstore.delete_async(self._container, name)
        except (BaseError, OSError) as error:
            raise Unavailable(f"the salt {name} cannot be destroyed") from error
