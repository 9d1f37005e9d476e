"""The storage account: one connection string for blobs and tables, and an emulator that accepts concurrent commits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import obstore
import pyarrow as pa
import pytest
from azure.storage.blob import BlobServiceClient
from deltalake import DeltaTable, write_deltalake

from clickstream.errors import SettingsError, Unavailable
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.storage.site_documents import BlobSiteDocuments
from local.azurite import ACCOUNT_KEY, Azurite

pytestmark = pytest.mark.integration
WRITERS, COMMITS = 4, 10


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"c-{uuid4().hex}"
    BlobServiceClient.from_connection_string(azurite.connection_string).create_container(name)
    return name


def test_what_one_client_writes_the_other_reads(azurite: Azurite, container: str) -> None:
    account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
    obstore.put(account.container(container).store, "a/b.txt", b"text")
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    assert service.get_blob_client(container, "a/b.txt").download_blob().readall() == b"text"


def test_concurrent_commits_all_land(azurite: Azurite, container: str) -> None:
    # A release of Azurite that lists the log wrongly fails here: this holds the pinned one to its task.
    account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
    uri, options = table_uri(container, "t"), account.delta_options()
    write_deltalake(uri, pa.table({"n": [-1]}), storage_options=options)

    def write(writer: int) -> None:
        for commit in range(COMMITS):
            rows = pa.table({"n": [writer * COMMITS + commit]})
            write_deltalake(uri, rows, mode="append", storage_options=options)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    table = DeltaTable(uri, storage_options=options)
    assert table.version() == WRITERS * COMMITS
    assert sorted(table.to_pyarrow_table()["n"].to_pylist()) == list(range(-1, WRITERS * COMMITS))


def test_a_connection_string_without_account_is_refused() -> None:
    with pytest.raises(SettingsError, match="Lake must be a connection string with AccountName and AccountKey"):
        StorageAccount.from_connection(Connection("Lake", "UseDevelopmentStorage=true"))


def test_the_key_is_not_shown(azurite: Azurite) -> None:
    account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
    assert ACCOUNT_KEY not in repr(account)


async def test_site_documents_have_versions_that_change_with_them(azurite: Azurite, container: str) -> None:
    account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
    store = account.container(container)
    documents = BlobSiteDocuments(store)
    assert await documents.versions() == {}
    obstore.put(store.store, "sites/shop.yaml", b"site: shop")
    obstore.put(store.store, "sites/notes.txt", b"no document")
    first = await documents.versions()
    assert list(first) == ["sites/shop.yaml"]
    assert await documents.read("sites/shop.yaml") == b"site: shop"
    obstore.put(store.store, "sites/shop.yaml", b"site: shop # changed")
    assert await documents.versions() != first


async def test_documents_in_no_container_are_unavailable(azurite: Azurite) -> None:
    account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
    documents = BlobSiteDocuments(account.container("no-such-container"))
    with pytest.raises(Unavailable):
        await documents.versions()
    with pytest.raises(Unavailable):
        await documents.read("sites/shop.yaml")
