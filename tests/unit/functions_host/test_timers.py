"""Timers of the host: those who ask for a run while one goes on share the next."""

from __future__ import annotations

import asyncio
from pathlib import Path

from local.functions_host.indexing import IndexedFunction
from local.functions_host.invoking import LocalInvoker
from local.functions_host.timers import Timer


async def test_all_who_ask_during_a_run_get_one_run_that_begins_after_it(tmp_path: Path) -> None:
    runs = 0
    goes_on, may_end = asyncio.Event(), asyncio.Event()

    async def tick(timer: object) -> None:
        nonlocal runs
        runs += 1
        goes_on.set()
        await may_end.wait()

    trigger = {"type": "timerTrigger", "schedule": "0 0 0 1 1 *"}
    function = IndexedFunction("tick", tick, "timer", trigger, False, 0, 0)
    timer = Timer(function, LocalInvoker(str(tmp_path)), tmp_path)
    first = asyncio.create_task(timer.fire())
    await goes_on.wait()
    later = [asyncio.create_task(timer.fire()) for _ in range(5)]
    await asyncio.sleep(0)
    assert runs == 1
    may_end.set()
    await asyncio.gather(first, *later)
    assert runs == 2
    await timer.fire()
    assert runs == 3
