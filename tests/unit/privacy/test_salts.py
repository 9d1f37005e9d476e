"""Visitor ids that hold for a day, whatever the clock and the store of salts do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.errors import Unavailable
from clickstream.privacy.salts import RETRY_SECONDS, SALT_BYTES, DailySalts, visitor_id

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class MemorySalts:
    """Keeps salts; refuses while `down`, never answers while `hung`."""

    salts: dict[str, bytes] = field(default_factory=dict)
    down: bool = False
    hung: bool = False
    reads: int = 0

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.hung:
            await asyncio.Event().wait()
        if self.down:
            raise Unavailable("down")

    async def read(self, name: str) -> bytes | None:
        self.reads += 1
        await self._answer()
        return self.salts.get(name)

    async def create(self, name: str, salt: bytes) -> bool:
        await self._answer()
        return self.salts.setdefault(name, salt) is salt

    async def names(self) -> Sequence[str]:
        await self._answer()
        return list(self.salts)

    async def delete(self, name: str) -> None:
        await self._answer()
        self.salts.pop(name, None)


@dataclass
class Process:
    """One process's salts, with clocks that the test sets."""

    store: MemorySalts
    time: datetime = MIDNIGHT + HOUR

    def __post_init__(self) -> None:
        self.salts = DailySalts(self.store, lambda: self.time, lambda: self.time.timestamp())


async def test_all_processes_have_one_salt_and_load_it_once() -> None:
    store = MemorySalts()
    processes = [Process(store) for _ in range(3)]
    found = await asyncio.gather(*(process.salts.current() for process in processes for _ in range(50)))
    assert set(found) == set(store.salts.values())
    assert list(store.salts) == ["2026-11-21"]
    assert [len(salt) for salt in store.salts.values()] == [SALT_BYTES]
    assert store.reads <= 2 * len(processes)


async def test_each_utc_day_has_its_own() -> None:
    process = Process(MemorySalts())
    first = await process.salts.current()
    process.time += 23 * HOUR
    second = await process.salts.current()
    assert first != second
    assert list(process.store.salts) == ["2026-11-21", "2026-11-22"]


async def test_a_store_that_is_down_at_midnight_leaves_the_last_salt_in_force_for_48_hours() -> None:
    process = Process(MemorySalts())
    first = await process.salts.current()
    process.store.down = True
    process.time = MIDNIGHT + 47 * HOUR
    assert await process.salts.current() == first
    assert process.salts.missing_count == 0
    process.time = MIDNIGHT + 48 * HOUR
    assert await process.salts.current() is None
    assert await process.salts.current() is None
    assert process.salts.missing_count == 2
    process.store.down = False
    process.time += timedelta(seconds=RETRY_SECONDS)
    assert await process.salts.current() == process.store.salts["2026-11-23"]


async def test_a_store_that_never_answered_gives_none_and_is_left_alone_for_a_while() -> None:
    process = Process(MemorySalts(down=True))
    assert await process.salts.current() is None
    reads = process.store.reads
    assert await process.salts.current() is None
    assert process.store.reads == reads


async def test_one_request_waits_for_a_store_that_hangs_and_the_others_go_on_with_the_last_salt() -> None:
    process = Process(MemorySalts())
    first = await process.salts.current()
    process.store.hung = True
    process.time = MIDNIGHT + 25 * HOUR
    waiting = asyncio.create_task(process.salts.current())
    await asyncio.sleep(0)
    assert [await process.salts.current() for _ in range(10)] == [first] * 10
    assert not waiting.done()
    assert await waiting == first


async def test_a_request_that_is_given_up_does_not_stop_the_load_for_the_others() -> None:
    process = Process(MemorySalts())
    given_up = asyncio.create_task(process.salts.current())
    await asyncio.sleep(0)
    given_up.cancel()
    assert await process.salts.current() == process.store.salts["2026-11-21"]


async def test_a_clock_set_back_over_midnight_changes_no_id() -> None:
    process = Process(MemorySalts())
    first = await process.salts.current()
    process.time = MIDNIGHT - HOUR / 2
    assert await process.salts.current() == first
    assert list(process.store.salts) == ["2026-11-21"]


async def test_a_clock_that_was_years_ahead_is_forgotten() -> None:
    process = Process(MemorySalts(), MIDNIGHT.replace(year=2036))
    ahead = await process.salts.current()
    process.time = MIDNIGHT
    assert await process.salts.current() == process.store.salts["2026-11-21"] != ahead


async def test_salts_are_destroyed_when_48_hours_old_and_nothing_else_is() -> None:
    names = ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21", "notes.txt", "9999-12-31"]
    process = Process(MemorySalts({name: b"x" * SALT_BYTES for name in names}), MIDNIGHT)
    assert await process.salts.destroy_expired() == 2
    assert list(process.store.salts) == names[2:]
    assert await process.salts.destroy_expired() == 0


async def test_a_held_salt_is_forgotten_with_its_blob() -> None:
    process = Process(MemorySalts())
    await process.salts.current()
    process.time = MIDNIGHT + 48 * HOUR
    await process.salts.destroy_expired()
    process.store.down = True
    assert await process.salts.current() is None


async def test_a_damaged_salt_is_not_used() -> None:
    process = Process(MemorySalts({"2026-11-21": b"short"}))
    assert await process.salts.current() is None


async def test_no_salt_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    process = Process(MemorySalts())
    salt = await process.salts.current()
    assert salt is not None
    process.store.down = True
    process.time += 24 * HOUR
    await process.salts.current()
    shown = caplog.text + repr(process.salts._held)
    assert "the day's salt cannot be had" in shown
    assert repr(salt)[2:-1] not in shown
    assert salt.hex() not in shown


SALT, OTHER, KEY = b"s" * 32, b"t" * 32, b"the operator's key"


def test_an_id_differs_by_day_key_site_address_and_agent() -> None:
    ids = {
        visitor_id(SALT, KEY, "shop", "203.0.113.77", "agent"),
        visitor_id(OTHER, KEY, "shop", "203.0.113.77", "agent"),
        visitor_id(SALT, KEY + b"x", "shop", "203.0.113.77", "agent"),
        visitor_id(SALT, KEY, "blog", "203.0.113.77", "agent"),
        visitor_id(SALT, KEY, "shop", "203.0.113.78", "agent"),
        visitor_id(SALT, KEY, "shop", "203.0.113.77", "agents"),
    }
    assert len(ids) == 6
    assert {len(made) for made in ids} == {32}


@given(st.tuples(st.text(), st.text(), st.text()), st.tuples(st.text(), st.text(), st.text()))
def test_parts_never_run_together(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (visitor_id(SALT, KEY, *one) == visitor_id(SALT, KEY, *other)) is (one == other)
