"""Imported rows on their way: judged as collected events, and stored in the spill, from where compaction takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from clickstream.capture.spill import SpillFiles
from clickstream.collecting.dialect import Item
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.event_processor import EventProcessor, Outcome
from clickstream.errors import InvalidRequest
from clickstream.importing.mapping import packed, uuid8
from clickstream.model.message import Message
from clickstream.model.pipeline_hour import ANSWERED_PARTITION, PipelineHour, floored
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.storage.answered_files import FOLDER, AnsweredFiles
from clickstream.storage.blobs import Container

MAX_MESSAGES, MAX_BYTES = 5_000, 4_194_304
# A source of few rows may have a bad one without failing.
LEAST_ROWS = 100
MICROSECOND = timedelta(microseconds=1)
PLAIN = DIALECTS["plain"]


class Intake:
    """Takes the rows of one site and job. What is stored again after a crash has the same name and the same ids."""

    def __init__(
        self,
        settings: Settings,
        spill: Container,
        processor: EventProcessor,
        access: Access,
        job: str,
        now: Callable[[], datetime],
        max_messages: int = MAX_MESSAGES,
    ) -> None:
        self._max_messages = max_messages
        self._hubs = settings.event_hub_name, settings.failed_event_hub_name
        self._spilled, self._answered = SpillFiles(spill), AnsweredFiles(spill)
        self._processor, self._access, self._job, self._now = processor, access, job, now
        self._begin()

    def _begin(self) -> None:
        self._messages: tuple[list[Message], list[Message]] = ([], [])
        self._bytes = 0
        self._counts: Counter[tuple[datetime, bool]] = Counter()
        self._at = self._now()

    @property
    def is_full(self) -> bool:
        """Whether what was taken should be stored."""
        return sum(map(len, self._messages)) >= self._max_messages or self._bytes >= MAX_BYTES

    def take(self, original: object, problem: str | None, place: str, failed_id: Callable[[], str]) -> bool:
        """Judge a row, or keep one that is none, with its problem, as a failed event. Returns whether it is an event.

        `place` is the file and the line, as messages of failed events name it; `failed_id` the id of the failed event.
        """
        received_at = self._at + MICROSECOND * sum(self._counts.values())
        item = Item(original)
        if problem is not None:
            item = Item(original, InvalidRequest(f"{place}: {problem}", code="payload_format", pointer=""))
        outcome = self._process(item, received_at, failed_id)
        if outcome.verdict.status == "failed" and problem is None:
            verdict = outcome.verdict
            reason = InvalidRequest(f"{place}: {verdict.message}", code=verdict.code, pointer=verdict.pointer)
            outcome = self._process(Item(original, reason), received_at, failed_id)
        failed = outcome.verdict.status == "failed"
        self._messages[failed].append(outcome.message)
        self._bytes += len(outcome.message.body)
        self._counts[floored(received_at), failed] += 1
        return not failed

    def _process(self, item: Item, received_at: datetime, failed_id: Callable[[], str]) -> Outcome:
        return self._processor.process(item, PLAIN, self._access, None, received_at, failed_id)

    def store(self, path: str, line: int) -> None:
        """Store what was taken since the last call; `line` is the last of its rows. Raise Unavailable."""
        name = UUID(uuid8(packed([self._access.site.site, self._job, path, str(line)])))
        for hub, messages in zip(self._hubs, self._messages, strict=True):
            if messages:
                self._spilled.put(hub, name, messages, self._at)
        if self._counts:
            hours = [
                PipelineHour(
                    site=self._access.site.site,
                    hub=self._hubs[0],
                    hub_partition=ANSWERED_PARTITION,
                    hour=hour,
                    request_accepted=self._counts[hour, False],
                    request_failed=self._counts[hour, True],
                )
                for hour in sorted({hour for hour, _ in self._counts})
            ]
            self._answered.put(f"{FOLDER}/{self._at:%Y/%m/%d/%H}/{name}.json", hours)
        self._begin()
