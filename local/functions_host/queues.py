"""Queue triggers: poll with back-off, retry through the queue, then move to the poison queue.

BATCH and MAX_DEQUEUES are the defaults of host.json: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from azure.functions.meta import Datum

from local.functions_host.indexing import IndexedFunction
from local.functions_host.invoking import Invoker, Trigger
from local.functions_host.settings import InvalidApp

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient

log = logging.getLogger("host")
BATCH = 16
MAX_DEQUEUES = 5
VISIBILITY_SECONDS = 600
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 60.0


class QueueListener:
    """One queue function. Raise InvalidApp if its connection setting is missing."""

    def __init__(self, function: IndexedFunction, invoker: Invoker, env: Mapping[str, str]) -> None:
        self._function = function
        self._invoker = invoker
        self._queue_name = str(function.trigger["queueName"])
        connection = str(function.trigger.get("connection") or "AzureWebJobsStorage")
        try:
            self._connection_string = env[connection]
        except KeyError:
            raise InvalidApp(f"{function.name}: the setting {connection} is missing") from None

    async def run(self) -> None:
        """Poll forever. Failures of storage are logged and retried."""
        from azure.core.exceptions import AzureError, ResourceExistsError
        from azure.storage.queue.aio import QueueClient

        wait = FIRST_WAIT_SECONDS
        names = (self._queue_name, f"{self._queue_name}-poison")
        queue, poison = (QueueClient.from_connection_string(self._connection_string, name) for name in names)
        async with queue, poison:
            while True:
                count = 0
                try:
                    for client in (queue, poison):
                        with contextlib.suppress(ResourceExistsError):
                            await client.create_queue()
                    messages = [
                        message
                        async for message in queue.receive_messages(
                            max_messages=BATCH, visibility_timeout=VISIBILITY_SECONDS
                        )
                    ]
                    count = len(messages)
                    await asyncio.gather(*(self._handle(queue, poison, message) for message in messages))
                except AzureError as error:
                    log.warning("queue %s: %s", self._queue_name, str(error).splitlines()[0])
                wait = FIRST_WAIT_SECONDS if count else min(wait * 2, LONGEST_WAIT_SECONDS)
                await asyncio.sleep(0 if count else wait)

    async def _handle(self, queue: QueueClient, poison: QueueClient, message: QueueMessage) -> None:
        try:
            body = base64.b64decode(message.content, validate=True)
        except ValueError:
            await self._move(queue, poison, message)
            return
        try:
            await self._invoker.invoke(self._function, _trigger(message, body))
        except Exception:
            log.exception("%s failed (dequeued %s times)", self._function.name, message.dequeue_count)
            if (message.dequeue_count or 0) >= MAX_DEQUEUES:
                await self._move(queue, poison, message)
            else:
                await queue.update_message(message, visibility_timeout=0)
            return
        await queue.delete_message(message)

    async def _move(self, queue: QueueClient, poison: QueueClient, message: QueueMessage) -> None:
        await poison.send_message(message.content)
        await queue.delete_message(message)


def _trigger(message: QueueMessage, body: bytes) -> Trigger:
    moments = {
        "ExpirationTime": message.expires_on,
        "InsertionTime": message.inserted_on,
        "NextVisibleTime": message.next_visible_on,
    }
    metadata = {
        "Id": Datum(message.id, "string"),
        "DequeueCount": Datum(str(message.dequeue_count), "string"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
        **{name: Datum(moment.isoformat(), "string") for name, moment in moments.items() if moment},
    }
    return Trigger(Datum(body, "bytes"), metadata)
