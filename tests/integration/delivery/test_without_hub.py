"""The sink without Event Hubs: the spill takes all, requests share its blobs, and there is nothing behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.capture.decode import decode_file
from clickstream.capture.spill import SpillFiles
from clickstream.delivery.composing import make_sink
from clickstream.delivery.durable import DurableSink
from clickstream.errors import Unavailable
from clickstream.model.message import Delivery
from clickstream.settings import Connection, Settings
from clickstream.storage.account import StorageAccount
from clickstream.tally import Tally
from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.delivery.conftest import SLACK_SECONDS, messages, now

pytestmark = pytest.mark.integration
ENVIRONMENT = {"Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef"}


@pytest.fixture
async def sink(azurite: Azurite, storage: FailingStorage, spill_container: str) -> AsyncIterator[DurableSink]:
    account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
    files = SpillFiles(replace(account, blob_endpoint=storage.endpoint).container(spill_container))
    settings = Settings.from_env({**ENVIRONMENT, "SEND_DEADLINE_MS": "1500", "SPILL_DEADLINE_MS": "1500"})
    storage.die_at(None)
    sink = make_sink(settings, files, "events", now, Tally(time.monotonic))
    yield sink
    storage.die_at(None)
    await sink.close()


async def test_requests_at_once_share_blobs_and_each_is_answered_once_its_events_stand_in_one(
    azurite: Azurite, sink: DurableSink, spill_container: str
) -> None:
    assert await asyncio.gather(*(sink.send([message]) for message in messages(200))) == [Delivery(spilled=1)] * 200
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    container = service.get_container_client(spill_container)
    blobs = [decode_file(container.download_blob(name).readall()).bodies for name in container.list_blob_names()]
    assert sum(map(len, blobs)) == 200
    assert len(blobs) <= 2
    state = await sink.state()
    assert (state.hub, state.hub_reachable, state.spill_reachable, state.works) == ("none", False, True, True)


async def test_if_storage_fails_the_sender_gets_an_error_within_the_time_of_both_deadlines(
    storage: FailingStorage, sink: DurableSink
) -> None:
    storage.die_at(1)
    with pytest.raises(Unavailable) as caught:
        async with asyncio.timeout(3 + 3 + SLACK_SECONDS):
            await sink.send(messages(3))
    assert caught.value.durable == 0
    assert not (await sink.state()).works
    storage.die_at(None)
    assert await sink.send(messages(3)) == Delivery(spilled=3)
