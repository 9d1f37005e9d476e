"""The spill: stores messages that the hub does not take. Requests share blobs as they share batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from clickstream.delivery.group_commit import GroupCommit, NotTaken
from clickstream.errors import Unavailable
from clickstream.model.message import Message

log = logging.getLogger(__name__)

# Bytes of bodies in one blob at most, unless one body is larger. More might not be written within the deadline.
MAX_BLOB_BYTES = 8_388_608
# After a failed write, the spill counts as unreachable for this time.
REMEMBERED = timedelta(seconds=10)


class SpillWriter(Protocol):
    """Storage that holds messages until the compactor has read them."""

    async def write(self, hub: str, messages: Sequence[Message], at: datetime) -> str:
        """Store the messages as one new blob. Returns its path. Raise Unavailable."""

    async def check(self, hub: str) -> None:
        """Return if storage can be reached, else raise Unavailable. Writes nothing."""


class Spill:
    """The spill of one hub."""

    def __init__(self, files: SpillWriter, hub: str, deadline_seconds: float, now: Callable[[], datetime]) -> None:
        self._files = files
        self._hub = hub
        self._deadline_seconds = deadline_seconds
        self._now = now
        self._group: GroupCommit[Message] = GroupCommit(self._write, clock=lambda: now().timestamp())
        self.spilled_at: datetime | None = None
        self.failed_at: datetime | None = None

    async def deliver(self, messages: Sequence[Message], until: datetime | None = None) -> Sequence[Message]:
        """Return once every message is in a blob or the deadline is over, at `until` at the latest.

        Returns the messages that are not known to be in a blob.
        """
        if not messages:
            return messages
        seconds = self._deadline_seconds
        if until is not None:
            seconds = min(seconds, (until - self._now()).total_seconds())
        return await self._group.commit({0: messages}, seconds)

    async def is_reachable(self) -> bool:
        """Whether storage answers in time, and no write has failed for REMEMBERED. Writes nothing."""
        if self.failed_at is not None and self._now() - self.failed_at < REMEMBERED:
            return False
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._files.check(self._hub)
        except (Unavailable, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """End background tasks."""
        await self._group.close()

    async def _write(self, lane: int, messages: Sequence[Message]) -> int:
        now = self._now()
        messages = messages[: count_within(messages, MAX_BLOB_BYTES)]
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._files.write(self._hub, messages, now)
        except (Unavailable, TimeoutError) as error:
            self.failed_at = now
            log.warning("the spill of %s did not take %d events: %s", self._hub, len(messages), error or "no answer")
            raise NotTaken(retry=True) from error  # as long as a caller waits
        self.spilled_at, self.failed_at = now, None
        return len(messages)


def count_within(messages: Sequence[Message], max_bytes: int) -> int:
    """How many of the first messages have bodies of at most `max_bytes` in total; at least one."""
    size = 0
    for count, message in enumerate(messages):
        size += len(message.body)
        if count and size > max_bytes:
            return count
    return len(messages)
