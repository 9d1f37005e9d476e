"""The storage account: blob containers for reading and writing, and the options deltalake needs.

An app in Azure signs in with its identity, which the libraries request from the platform. A command run elsewhere uses
the account that is signed in on that machine: with `az` or `azd`, or by the variables of a service principal.
"""

from __future__ import annotations

import base64
import logging
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from clickstream.errors import SettingsError, Unavailable
from clickstream.settings import Connection
from clickstream.storage.blobs import Container

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from obstore.store import AzureCredential, AzureStore

SCOPE = "https://storage.azure.com/.default"
DATABASE_SCOPE = "https://database.windows.net/.default"


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """One storage account, opened by key (local), the app's managed identity (Azure), or the signed-in account."""

    name: str
    key: str | None = field(default=None, repr=False)
    blob_endpoint: str | None = None
    client_id: str | None = None

    @classmethod
    def from_connection(cls, connection: Connection) -> StorageAccount:
        """Raise SettingsError if the connection string names no account or no key."""
        if connection.connection_string is None:
            if connection.service_uri is not None:
                uri = connection.service_uri.rstrip("/")
                return cls(_account_of(uri), blob_endpoint=uri, client_id=connection.client_id)
            assert connection.target is not None, "Settings refuses a connection with neither"
            return cls(connection.target, client_id=connection.client_id)
        parts = dict(
            part.split("=", 1) for part in connection.connection_string.strip().strip(";").split(";") if "=" in part
        )
        if "AccountName" not in parts or "AccountKey" not in parts:
            raise SettingsError([f"{connection.prefix} must be a connection string with AccountName and AccountKey"])
        try:
            base64.b64decode(parts["AccountKey"], validate=True)
        except ValueError:
            raise SettingsError([f"AccountKey of {connection.prefix} is no base64"]) from None
        return cls(parts["AccountName"], parts["AccountKey"], parts.get("BlobEndpoint"))

    def container(self, name: str) -> Container:
        """One container. With a key it makes no request before its first use.

        Raise Unavailable if nobody is signed in.
        """
        if self._is_signed_in:
            SignedIn(self.client_id).token()  # the library would bury the reason
        return Container(_store(self, name, os.environ.get("IDENTITY_ENDPOINT")))

    def delta_options(self) -> dict[str, str]:
        """`storage_options` for deltalake. Raise Unavailable if nobody is signed in."""
        options = {**self._options(), "allow_http": str(self._plain_http).lower()}
        if self._is_signed_in:
            options["azure_storage_token"] = SignedIn(self.client_id).token().token
        return options

    @property
    def blob_uri(self) -> str:
        """The address of the account's blobs."""
        return self.blob_endpoint or f"https://{self.name}.blob.core.windows.net"

    def credential(self) -> Any:
        """What clients of Microsoft's libraries sign in with."""
        if self.key is not None:
            return {"account_name": self.name, "account_key": self.key}
        return _credential(self.client_id)

    @property
    def _is_signed_in(self) -> bool:
        """Whether to use the signed-in account: there is neither a key nor the platform's token service."""
        return self.key is None and "IDENTITY_ENDPOINT" not in os.environ

    @property
    def _plain_http(self) -> bool:
        return self.blob_endpoint is not None and self.blob_endpoint.startswith("http://")

    def _options(self) -> dict[str, str]:
        options = {"azure_storage_account_name": self.name}
        if self.key is not None:
            options["azure_storage_account_key"] = self.key
        if self.blob_endpoint is not None:
            options["azure_storage_endpoint"] = self.blob_endpoint
        if self.client_id is not None and not self._is_signed_in:
            options["azure_storage_client_id"] = self.client_id
        # The platform's token service; object_store reads its secret, IDENTITY_HEADER, by itself.
        if self.key is None and (endpoint := os.environ.get("IDENTITY_ENDPOINT")):
            options["azure_msi_endpoint"] = endpoint
        return options


# A client reads the system's certificates when it is made, which takes longer than most requests.
@lru_cache(maxsize=64)
def _store(account: StorageAccount, container: str, identity_endpoint: str | None) -> AzureStore:
    """The client of a container, which is safe to share between threads. The last argument is part of the key alone."""
    from obstore.store import AzureStore

    return AzureStore(
        container_name=container,
        config=account._options(),  # type: ignore[arg-type]
        client_options={"allow_http": account._plain_http, "timeout": "60s"},
        retry_config={"max_retries": 3},
        credential_provider=SignedIn(account.client_id) if account._is_signed_in else None,
    )


class SignedIn:
    """Access tokens of the account that is signed in on this machine; the credential caches them until they expire."""

    def __init__(self, client_id: str | None) -> None:
        self._client_id = client_id

    def __call__(self) -> AzureCredential:
        """The token in obstore's form."""
        token = self.token()
        return {"token": token.token, "expires_at": datetime.fromtimestamp(token.expires_on, UTC)}

    def token(self) -> AccessToken:
        """Raise Unavailable if nobody is signed in."""
        return _access_token(self._client_id, SCOPE, "storage")


def database_token(client_id: str | None) -> tuple[str, int]:
    """An access token for databases of Azure SQL, and the Unix time of its end. Raise Unavailable as above."""
    token = _access_token(client_id, DATABASE_SCOPE, "databases")
    return token.token, token.expires_on


def _access_token(client_id: str | None, scope: str, what: str) -> AccessToken:
    from azure.core.exceptions import ClientAuthenticationError

    try:
        token: AccessToken = _credential(client_id).get_token(scope)
    except ClientAuthenticationError as error:
        message = f"nobody is signed in to {what}: `az login` or `azd auth login`, or a service principal's variables"
        raise Unavailable(message) from error
    return token


@lru_cache
def _credential(client_id: str | None) -> Any:
    from azure.identity import DefaultAzureCredential

    # It logs a warning for each of its ten ways to sign in; our own error is enough.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    return DefaultAzureCredential(managed_identity_client_id=client_id)


def _account_of(uri: str) -> str:
    """The account's name: the first label of the host, or the path if there is one, as in an emulator's URI."""
    parts = urlsplit(uri)
    return parts.path.strip("/") or str(parts.hostname).split(".")[0]


def table_uri(container: str, table: str) -> str:
    """The URI of a Delta table, in the form deltalake reads."""
    return f"az://{container}/{table}"
