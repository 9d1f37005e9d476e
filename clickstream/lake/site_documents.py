"""The sites' documents in the storage account: `sites/<site>.yaml` in the config container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clickstream.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import AzureStore

PREFIX = "sites/"
SUFFIX = ".yaml"


class BlobSiteDocuments:
    """Documents as blobs; a blob's ETag is its version."""

    def __init__(self, container: AzureStore) -> None:
        self._container = container

    async def versions(self) -> Mapping[str, str]:
        import obstore
        from obstore.exceptions import BaseError

        try:
            found = await obstore.list(self._container, PREFIX).collect_async()
        except FileNotFoundError:
            return {}
        except (BaseError, OSError) as error:
            raise Unavailable("the sites' documents cannot be listed") from error
        return {blob["path"]: blob["e_tag"] or "" for blob in found if blob["path"].endswith(SUFFIX)}

    async def read(self, path: str) -> bytes:
        import obstore
        from obstore.exceptions import BaseError

        try:
            answer = await obstore.get_async(self._container, path)
            return bytes(await answer.bytes_async())
        except (BaseError, OSError) as error:
            raise Unavailable(f"{path} cannot be read") from error
