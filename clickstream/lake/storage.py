"""The storage account: blob containers for reading and writing, and the options deltalake needs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clickstream.errors import SettingsError
from clickstream.settings import Connection

if TYPE_CHECKING:
    from obstore.store import AzureStore

# So much of a blob goes in one request; a longer one goes in pieces side by side, for one connection is slow.
PIECE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """One storage account, reached by key (local) or by the app's managed identity (Azure)."""

    name: str
    key: str | None = field(default=None, repr=False)
    blob_endpoint: str | None = None
    client_id: str | None = None

    @classmethod
    def from_connection(cls, connection: Connection) -> StorageAccount:
        """Raise SettingsError when the connection string names no account or no key."""
        if connection.connection_string is None:
            assert connection.target is not None, "Settings refuses a connection with neither"
            return cls(connection.target, client_id=connection.client_id)
        parts = dict(
            part.split("=", 1) for part in connection.connection_string.strip().strip(";").split(";") if "=" in part
        )
        if "AccountName" not in parts or "AccountKey" not in parts:
            raise SettingsError([f"{connection.prefix} must be a connection string with AccountName and AccountKey"])
        return cls(parts["AccountName"], parts["AccountKey"], parts.get("BlobEndpoint"))

    def container(self, name: str) -> AzureStore:
        """Reads and writes blobs of one container. No network until first use."""
        from obstore.store import AzureStore

        return AzureStore(
            container_name=name,
            config=self._options(),  # type: ignore[arg-type]
            client_options={"allow_http": self._plain_http, "timeout": "60s"},
            retry_config={"max_retries": 3},
        )

    def delta_options(self) -> dict[str, str]:
        """`storage_options` for deltalake."""
        return {**self._options(), "allow_http": str(self._plain_http).lower()}

    @property
    def _plain_http(self) -> bool:
        return self.blob_endpoint is not None and self.blob_endpoint.startswith("http://")

    def _options(self) -> dict[str, str]:
        options = {"azure_storage_account_name": self.name}
        if self.key is not None:
            options["azure_storage_account_key"] = self.key
        if self.blob_endpoint is not None:
            options["azure_storage_endpoint"] = self.blob_endpoint
        if self.client_id is not None:
            options["azure_storage_client_id"] = self.client_id
        # The platform's token service; object_store reads its secret, IDENTITY_HEADER, by itself.
        if self.key is None and (endpoint := os.environ.get("IDENTITY_ENDPOINT")):
            options["azure_msi_endpoint"] = endpoint
        return options


def table_uri(container: str, table: str) -> str:
    """Where a Delta table lives, in the form deltalake reads."""
    return f"az://{container}/{table}"
