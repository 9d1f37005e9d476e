"""Counts of what collectors answered: small blobs in the spill's container, until they are in `pipeline_hours`.

A blob's path is `_answered/{yyyy}/{mm}/{dd}/{hh}/{uuid}.json`, by the UTC hour when it was written. No hub's name
begins with an underscore, so none of these is mistaken for a spilled blob.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from uuid import uuid4

import orjson

from clickstream.errors import Conflict
from clickstream.model.pipeline_hour import PipelineHour, hours_from_json, hours_to_json
from clickstream.storage.blobs import Container

log = logging.getLogger(__name__)
FOLDER = "_answered"
PARALLEL_READS = 16
# A run lists no more at once; the rest waits for the next run.
MAX_BLOBS = 4_096


class AnsweredFiles:
    """Writes counts for collectors, and lists and reads them for the compactor."""

    def __init__(self, container: Container) -> None:
        self._container = container

    @staticmethod
    def new_path(at: datetime) -> str:
        """A new, unique path for counts."""
        return f"{FOLDER}/{at:%Y/%m/%d/%H}/{uuid4()}.json"

    async def write(self, path: str, hours: Sequence[PipelineHour]) -> None:
        """Store the counts under a new path. Raise Unavailable.

        A blob that is already there is from an earlier try whose answer was lost, so it is left as it is.
        """
        with suppress(Conflict):
            await self._container.create_async(path, orjson.dumps(hours_to_json(hours)))

    def put(self, path: str, hours: Sequence[PipelineHour]) -> None:
        """Store the counts, for code outside of the event loop. Raise Unavailable."""
        self._container.write(path, orjson.dumps(hours_to_json(hours)))

    def list(self) -> Sequence[str]:
        """The paths of waiting counts, oldest hour first, MAX_BLOBS at most. Raise Unavailable."""
        return [blob.path for blob in self._container.list(f"{FOLDER}/")][:MAX_BLOBS]

    def read(self, paths: Sequence[str]) -> Mapping[str, Sequence[PipelineHour]]:
        """The counts by path, without blobs that are gone by now or cannot be parsed. Raise Unavailable."""
        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            blobs = list(pool.map(self._container.read, paths))
        hours: dict[str, Sequence[PipelineHour]] = {}
        for blob in blobs:
            if blob is None:
                continue
            try:
                hours[blob.path] = hours_from_json(orjson.loads(blob.data))
            except (ValueError, TypeError, KeyError, AttributeError) as problem:
                log.error("%s holds no counts and stays where it is: %s", blob.path, problem)
        return hours

    def delete(self, paths: Sequence[str]) -> None:
        """Delete the blobs of counts that have been gathered. Raise Unavailable."""
        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            list(pool.map(self._container.delete, paths))
