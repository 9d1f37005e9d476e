"""Send events to the collector as a client should: in batches, with retries after 503."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

BATCH = 500
IN_FLIGHT = 4
TRIES = 20


@dataclass(slots=True)
class Sent:
    """Counts of sent events, by the collector's answers."""

    accepted: int = 0
    failed: int = 0
    sent_again: int = 0
    by_browser: int = 0
    """Valid events that the browser visits counted themselves, without an answer for each."""

    @property
    def events(self) -> int:
        """Events that the collector accepted, valid or not."""
        return self.accepted + self.failed + self.by_browser


async def send_all(base_url: str, key: str, events: Iterable[dict[str, Any]], sent: Sent) -> None:
    """Send all events in batches, IN_FLIGHT requests at a time. Raise RuntimeError if a batch is not accepted."""
    batches = in_batches(events)
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:

        async def work() -> None:
            for batch in batches:  # all workers share one iterator; only one of them runs between awaits
                await send(client, key, batch, sent)

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


async def send(client: httpx.AsyncClient, key: str, batch: Sequence[dict[str, Any]], sent: Sent) -> None:
    """Send one batch until it is accepted. Raise RuntimeError for a permanent error, or after TRIES attempts."""
    for _ in range(TRIES):
        answer = await client.post("/api/events", json=list(batch), headers={"X-Write-Key": key})
        if answer.status_code in (httpx.codes.OK, httpx.codes.BAD_REQUEST) and "accepted" in answer.json():
            sent.accepted += answer.json()["accepted"]
            sent.failed += answer.json()["failed"]
            return
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            raise RuntimeError(f"the collector answered {answer.status_code}: {answer.text}")
        sent.sent_again += 1
        await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
    raise RuntimeError(f"the collector did not accept a batch in {TRIES} attempts")


def in_batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lists of at most BATCH events, read lazily."""
    batch: list[dict[str, Any]] = []
    for event in events:
        batch.append(event)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
