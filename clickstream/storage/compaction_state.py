"""The state of each hub's compaction: `state/compaction.json` in the lake's container, for health and the next run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from clickstream.errors import Unavailable
from clickstream.storage.blobs import Blob, Container

log = logging.getLogger(__name__)
PATH = "state/compaction.json"
# After so many failed runs in a row, a hub needs an operator.
FAILED_RUNS = 2
CACHE_SECONDS = 2.0
TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Files:
    """A count of files, their total bytes, and when the window of the oldest started."""

    files: int = 0
    bytes: int = 0
    oldest_at: datetime | None = None


@dataclass(slots=True)
class Attempt:
    """What is being compacted now: this many files from this path on. `deaths` counts processes that ended in it."""

    path: str
    files: int
    deaths: int = 0


@dataclass(slots=True)
class HubCompaction:
    """One hub's compaction. `reason` is why the last run failed, if it did.

    `tries` counts, by a file's path, the runs in which that file alone failed. `attempts` are by the name of a source;
    there are none while nothing is being compacted.
    """

    succeeded_at: datetime | None = None
    running: bool = False
    failed_runs: int = 0
    reason: str | None = None
    waiting: Files = Files()
    put_aside: Files = Files()
    tries: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)

    @property
    def works(self) -> bool:
        """Whether fewer than FAILED_RUNS runs in a row have failed."""
        return self.failed_runs < FAILED_RUNS


class CompactionStateFile:
    """The file, read and replaced as a whole."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def read(self) -> dict[str, HubCompaction]:
        """The state by hub; empty if there was no run yet or the file has another format. Raise Unavailable."""
        return _hubs(self._container.read(PATH))

    async def read_async(self) -> dict[str, HubCompaction]:
        """The same as `read`, for the event loop that serves requests."""
        return _hubs(await self._container.read_async(PATH))

    def write(self, hubs: Mapping[str, HubCompaction]) -> None:
        """Replace the file. Raise Unavailable."""
        self._container.write(PATH, _HUBS.dump_json(dict(hubs)))


class LatestCompaction:
    """Caches the state for CACHE_SECONDS, so that frequent callers do not read storage each time."""

    def __init__(self, file: CompactionStateFile, monotonic: Callable[[], float]) -> None:
        self._file = file
        self._monotonic = monotonic
        self._hubs: Mapping[str, HubCompaction] | None = None
        self._read_at = -CACHE_SECONDS

    async def hubs(self) -> Mapping[str, HubCompaction] | None:
        """The state by hub; None if storage does not answer within TIMEOUT_SECONDS."""
        if self._monotonic() - self._read_at >= CACHE_SECONDS:
            self._read_at = self._monotonic()
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    self._hubs = await self._file.read_async()
            except (Unavailable, TimeoutError):
                self._hubs = None
        return self._hubs


def _hubs(blob: Blob | None) -> dict[str, HubCompaction]:
    if blob is None:
        return {}
    try:
        return _HUBS.validate_json(blob.data)
    except ValidationError as error:
        log.warning("%s has another format and is started anew: %s", PATH, type(error).__name__)
        return {}


_HUBS = TypeAdapter(dict[str, HubCompaction])
