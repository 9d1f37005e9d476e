"""Verdicts name bots where there is time for it. Their events are durable already, so nothing fails a request then."""

from __future__ import annotations

import asyncio
from threading import Event as Signal
from threading import Semaphore

from clickstream.collecting.bots import verdicts_with_bots
from clickstream.collecting.dialect import Verdict
from clickstream.collecting.event_processor import Outcome
from clickstream.collecting.threads import THREADS, Threads
from clickstream.model.message import Message

OUTCOME = Outcome(Message(b"{}", "e1", {}), Verdict("accepted", "e1"), user_agent="Googlebot/2.1")


async def test_a_verdict_names_a_bot() -> None:
    (verdict,) = await verdicts_with_bots([OUTCOME], Threads(), 60)
    assert verdict.bot is True


async def test_verdicts_are_answered_without_bots_while_all_threads_are_busy() -> None:
    threads, released, began = Threads(), Signal(), Semaphore(0)

    def hold() -> None:
        began.release()
        released.wait()

    busy = [asyncio.create_task(threads.run(hold, 60)) for _ in range(THREADS)]
    try:
        for _ in busy:
            await asyncio.to_thread(began.acquire)
        assert await verdicts_with_bots([OUTCOME], threads, 0.05) == [OUTCOME.verdict]
    finally:
        released.set()
        await asyncio.gather(*busy)
