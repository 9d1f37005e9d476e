"""Captured files as they are read from storage, whole or in pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from random import Random
from uuid import uuid4

import obstore
import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.capture.names import CaptureFile, parse_name
from clickstream.capture.store import CaptureFiles
from clickstream.errors import Unavailable
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.storage.blobs import PIECE_BYTES
from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage

pytestmark = pytest.mark.integration
SECONDS = (10, 20, 30)


def path_of(second: int) -> str:
    return f"ns/events/0/2026/03/10/12/00/{second}.avro"


def listed(second: int, size_bytes: int) -> CaptureFile:
    file = parse_name(path_of(second), size_bytes)
    assert file is not None
    return file


@pytest.fixture
def account(azurite: Azurite) -> StorageAccount:
    return StorageAccount.from_connection(Connection("Lake", azurite.connection_string))


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"c-{uuid4().hex}"
    BlobServiceClient.from_connection_string(azurite.connection_string).create_container(name)
    return name


def test_files_of_any_length_are_read_whole_and_in_order(account: StorageAccount, container: str) -> None:
    contents = [Random(size).randbytes(size) for size in (100, PIECE_BYTES, 2 * PIECE_BYTES + 7)]
    store = account.container(container)
    for second, content in zip(SECONDS, contents, strict=True):
        obstore.put(store.store, path_of(second), content)
    files = CaptureFiles(store)
    fetched = files.fetch(files.list("ns/"))
    assert [file.path for file, _ in fetched] == [path_of(second) for second in SECONDS]
    assert [bytes(content) for _, content in fetched] == contents


@pytest.mark.parametrize("size_bytes", [PIECE_BYTES + 9, PIECE_BYTES - 9, 3 * PIECE_BYTES])
def test_a_file_that_was_written_anew_since_it_was_listed_is_read_as_it_is(
    account: StorageAccount, container: str, size_bytes: int
) -> None:
    store = account.container(container)
    content = Random(size_bytes).randbytes(size_bytes)
    obstore.put(store.store, path_of(10), content)
    ((_, fetched),) = CaptureFiles(store).fetch([listed(10, 2 * PIECE_BYTES)])
    assert bytes(fetched) == content


class ChangingStorage(FailingStorage):
    """Does something once, after the first piece of a file was asked for and before any other is."""

    def __init__(self, endpoint: str, change: Callable[[], object]) -> None:
        super().__init__(endpoint)
        self._change: Callable[[], object] | None = change
        self._turn = threading.Lock()

    def _pass_on(self, request: BaseHTTPRequestHandler) -> tuple[int, list[tuple[str, str]], bytes]:
        with self._turn:
            answer = super()._pass_on(request)
            change, self._change = self._change, None
            if change is not None:
                change()
            return answer


def test_a_file_that_is_written_anew_between_two_pieces_is_never_half_of_each(
    azurite: Azurite, account: StorageAccount, container: str
) -> None:
    before, after = (Random(seed).randbytes(2 * PIECE_BYTES + 7) for seed in (1, 2))
    store = account.container(container)
    obstore.put(store.store, path_of(10), before)
    with ChangingStorage(azurite.blob_endpoint, lambda: obstore.put(store.store, path_of(10), after)) as changing:
        through = replace(account, blob_endpoint=changing.endpoint).container(container)
        ((_, fetched),) = CaptureFiles(through).fetch([listed(10, len(before))])
        assert changing.seen > 3, "the pieces, and then the whole"
    assert bytes(fetched) == after


@pytest.mark.parametrize("size_bytes", [100, 2 * PIECE_BYTES])
def test_a_file_that_is_gone_is_unavailable(account: StorageAccount, container: str, size_bytes: int) -> None:
    store = account.container(container)
    with pytest.raises(Unavailable, match="cannot be read"):
        CaptureFiles(store).fetch([listed(10, size_bytes)])
