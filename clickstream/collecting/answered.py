"""Counts of the events that one process answered, by site and hour. They do not depend on what arrives in the lake.

Counts are buffered in memory for some seconds and then written as one blob, which the compactor adds to
`pipeline_hours`. A process that is killed loses the counts of its last seconds. The events themselves were durable
before the answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from clickstream.errors import Unavailable
from clickstream.model.pipeline_hour import ANSWERED_PARTITION, PipelineHour, floored

log = logging.getLogger(__name__)
WRITE_SECONDS = 5.0


class AnsweredWriter(Protocol):
    """Storage of counts, which the compactor reads."""

    def new_path(self, at: datetime) -> str:
        """A path that no other blob has."""

    async def write(self, path: str, hours: Sequence[PipelineHour]) -> None:
        """Store the counts under a new path. Repeating the call stores them once. Raise Unavailable."""


class AnsweredCounts:
    """The counts of one process. For use on one event loop."""

    def __init__(self, files: AnsweredWriter, hub: str, every_seconds: float, now: Callable[[], datetime]) -> None:
        """`hub` is the hub of accepted events. Failed events are counted under its name, too."""
        self._files = files
        self._hub = hub
        self._every_seconds = every_seconds
        self._now = now
        self._counts: defaultdict[tuple[str, datetime], Counter[str]] = defaultdict(Counter)
        self._writing: asyncio.Task[None] | None = None
        # Path and content of the write in progress. It is repeated unchanged until it succeeds, so that a write whose
        # answer was lost is not counted twice.
        self._pending: tuple[str, Sequence[PipelineHour]] | None = None

    def answered(self, site: str, received_at: datetime, accepted: int, failed: int) -> None:
        """Count the events of an answered request; all of them are durable."""
        if accepted or failed:
            self._add(site, received_at, request_accepted=accepted, request_failed=failed)

    def refused(self, site: str, received_at: datetime, durable: int, unresolved: int) -> None:
        """Count the events of a request that was refused after they were sent.

        `durable` events were acknowledged by the hub or are in the spill. It is unknown whether `unresolved` ones are
        durable.
        """
        self._add(site, received_at, unanswered=durable, unresolved=unresolved)

    def _add(self, site: str, received_at: datetime, **counts: int) -> None:
        self._counts[site, floored(received_at)].update(counts)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        """Write in intervals until no counts are left."""
        try:
            while self._counts or self._pending:
                await asyncio.sleep(self._every_seconds)
                await self._write()
        finally:
            self._writing = None

    async def _write(self) -> None:
        """Write the counts so far. If storage refuses them, the next call tries the same write again."""
        if self._pending is None:
            hours = [
                PipelineHour(site=site, hub=self._hub, hub_partition=ANSWERED_PARTITION, hour=hour, **counts)
                for (site, hour), counts in self._counts.items()
            ]
            self._counts.clear()
            if not hours:
                return
            self._pending = self._files.new_path(self._now()), hours
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._files.write(*self._pending)
            self._pending = None
        except (Unavailable, TimeoutError) as error:
            log.warning("counts of answered events wait for storage: %s", error or "no answer")
