"""Daily salts in real storage: one for all processes, and gone when their time is over."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.errors import Unavailable
from clickstream.privacy.salts import DailySalts, visitor_id
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.storage.salts import BlobSalts
from local.azurite import Azurite

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
MORNING = datetime(2026, 11, 21, 9, tzinfo=UTC)
PROCESS = """
import asyncio, sys
from datetime import UTC, datetime
from clickstream.storage.salts import BlobSalts
from clickstream.storage.account import StorageAccount
from clickstream.privacy.salts import DailySalts, visitor_id
from clickstream.settings import Connection
from clickstream.terminal import leave

async def main():
    account = StorageAccount.from_connection(Connection("Lake", sys.argv[1]))
    salts = DailySalts(BlobSalts(account.container(sys.argv[2])), lambda: datetime(2026, 11, 21, 9, tzinfo=UTC))
    salt = None
    while salt is None:
        salt = await salts.current()
    print(visitor_id(salt, b"key", "shop", "203.0.113.77", "agent"))

asyncio.run(main())
leave(0)
"""


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"salts-{uuid4().hex}"
    BlobServiceClient.from_connection_string(azurite.connection_string).create_container(name)
    return name


def salts_of(azurite: Azurite, container: str) -> BlobSalts:
    account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
    return BlobSalts(account.container(container))


async def id_made_by_a_process(azurite: Azurite, container: str) -> str:
    arguments = ("-c", PROCESS, azurite.connection_string, container)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode().strip()


async def test_processes_that_start_at_once_agree_on_the_salt(azurite: Azurite, container: str) -> None:
    ids = await asyncio.gather(*(id_made_by_a_process(azurite, container) for _ in range(3)))
    salt = await DailySalts(salts_of(azurite, container), lambda: MORNING).current()
    assert salt is not None
    assert set(ids) == {visitor_id(salt, b"key", "shop", "203.0.113.77", "agent")}


async def test_a_salt_of_48_hours_is_gone_and_its_ids_cannot_be_made_again(azurite: Azurite, container: str) -> None:
    time = MORNING
    store = salts_of(azurite, container)
    salts = DailySalts(store, lambda: time)
    first = await salts.current()
    time += timedelta(days=1)
    second = await salts.current()
    assert first != second
    assert await salts.destroy_expired() == 0
    time = datetime(2026, 11, 23, tzinfo=UTC)
    assert await salts.destroy_expired() == 1
    assert await store.names() == ["2026-11-22"]
    assert await store.read("2026-11-21") is None
    assert await DailySalts(store, lambda: MORNING).current() not in (first, second), (
        "a clock set back finds it no more"
    )
    assert await salts.destroy_expired() == 1


async def test_only_the_first_salt_of_a_name_is_stored(azurite: Azurite, container: str) -> None:
    store = salts_of(azurite, container)
    assert await store.create("2026-11-21", b"a" * 32)
    assert not await store.create("2026-11-21", b"b" * 32)
    assert await store.read("2026-11-21") == b"a" * 32
    await store.delete("2026-11-21")
    await store.delete("2026-11-21")
    assert await store.names() == []


async def test_a_container_that_is_missing_is_told_apart_from_a_salt_that_is(azurite: Azurite) -> None:
    store = salts_of(azurite, f"none-{uuid4().hex}")
    with pytest.raises(Unavailable):
        await store.read("2026-11-21")
    with pytest.raises(Unavailable):
        await store.create("2026-11-21", b"a" * 32)
    with pytest.raises(Unavailable):
        await store.names()
    assert await DailySalts(store, lambda: MORNING).current() is None
