"""What is read from the log here is what the library says."""

from __future__ import annotations

from uuid import uuid4

import pyarrow as pa
import pytest
from azure.storage.blob import BlobServiceClient
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.table.log import DeltaLog
from local.azurite import Azurite

APPLICATIONS = ["ns/events/0/file", "ns/events/0/sequence", 'odd "name"', "ä"]
COMMITS = st.lists(
    st.dictionaries(st.sampled_from(APPLICATIONS), st.integers(0, 2**60), max_size=3) | st.just("checkpoint"),
    min_size=1,
    max_size=8,
)


class Table:
    """A table of its own, that commits transactions."""

    def __init__(self, azurite: Azurite) -> None:
        self.account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
        self.container = f"log-{uuid4().hex[:12]}"
        with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
            service.create_container(self.container)
        self.uri = table_uri(self.container, "t")
        self.options = self.account.delta_options()
        self.log = DeltaLog(self.account.container(self.container), "t")

    def commit(self, versions: dict[str, int], note: str = "") -> None:
        transactions = [Transaction(name, version) for name, version in versions.items()]
        properties = CommitProperties(custom_metadata={"note": note}, app_transactions=transactions)
        rows = pa.table({"a": [1]})
        write_deltalake(self.uri, rows, mode="append", storage_options=self.options, commit_properties=properties)

    def open(self) -> DeltaTable:
        return DeltaTable(self.uri, storage_options=self.options)


@given(COMMITS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_transactions_are_those_that_the_library_tells_at_every_version(
    azurite: Azurite, commits: list[dict[str, int] | str]
) -> None:
    table = Table(azurite)
    table.commit({})
    for commit in commits:
        if isinstance(commit, dict):
            table.commit(commit)
        else:
            table.open().create_checkpoint()
    handle = table.open()
    transactions = table.log.transactions(handle.version())
    versions = {name: handle.transaction_version(name) for name in APPLICATIONS}
    assert transactions == {name: version for name, version in versions.items() if version is not None}


def test_commits_are_told_in_order_and_those_cleaned_up_are_left_out(azurite: Azurite) -> None:
    table = Table(azurite)
    for note in "abc":
        table.commit({}, note)
    assert [info["note"] for info in table.log.commit_infos(0, 2)] == ["a", "b", "c"]
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.get_blob_client(table.container, f"t/_delta_log/{1:020}.json").delete_blob()
    assert [info["note"] for info in table.log.commit_infos(0, 2)] == ["a", "c"]
    assert table.log.transactions(2) is None, "what is not whole is left to the library"


@pytest.mark.parametrize("version", [0, 1])
def test_a_version_before_the_last_checkpoint_is_left_to_the_library(azurite: Azurite, version: int) -> None:
    table = Table(azurite)
    for number in range(3):
        table.commit({"app": number})
    table.open().create_checkpoint()
    assert table.log.transactions(version) is None
    assert table.log.transactions(2) == {"app": 2}
