"""Ids for visitors without one: keyed hashes with a salt of one day, which is destroyed afterwards.

A salt is 32 random bytes. The first process of a UTC day creates it, all others read that one. It is used on its day
and destroyed 48 hours after the day's start. From then on nobody, not even the operator, can find an id's visitor by
trying addresses, or find out whether two days' ids are the same visitor's.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from clickstream.errors import Unavailable

log = logging.getLogger(__name__)

SALT_BYTES = 32
LIFETIME = timedelta(hours=48)
WAIT_SECONDS = 1.0  # while there is an older salt to fall back on
FIRST_WAIT_SECONDS = 3.0
LOAD_SECONDS = 10.0
RETRY_SECONDS = 5.0

_LABEL = b"clickstream/visitor/v1"


class SaltStore(Protocol):
    """Stores salts outside the lake, so that no copy of the lake holds one."""

    async def read(self, name: str) -> bytes | None:
        """The salt of this name; None if there is none. Raise Unavailable."""

    async def create(self, name: str, salt: bytes) -> bool:
        """Store the salt unless there is one of this name. Returns whether it was stored. Raise Unavailable."""

    async def names(self) -> Sequence[str]:
        """The names of all salts. Raise Unavailable."""

    async def delete(self, name: str) -> None:
        """Destroy the salt; nothing happens if there is none. Raise Unavailable."""


@dataclass(frozen=True, slots=True)
class _Salt:
    day: date
    value: bytes = field(repr=False)

    def expires_at(self) -> datetime:
        return _start(self.day) + LIFETIME


class DailySalts:
    """The salt in force, loaded once per day and process."""

    def __init__(
        self, store: SaltStore, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._held: _Salt | None = None
        self._loading: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        self.missing_count = 0

    async def current(self) -> bytes | None:
        """The day's salt. While it cannot be loaded, an older one of less than 48 hours; else None, which is counted.

        If there is an older salt, one request waits a second at most, and the others do not wait. Without any, each
        waits up to three seconds. After a failure there is no retry for five seconds. Never raises.
        """
        if self._held is None or not self._is_of_today(self._held):
            await self._wait_for_load()
        if self._held is not None and self._held.expires_at() <= self._now():
            self._held = None
        if self._held is None:
            self.missing_count += 1
            return None
        return self._held.value

    async def destroy_expired(self) -> int:
        """Destroy every salt whose 48 hours are over, also the one in memory. Returns how many were destroyed.

        Raise Unavailable; salts that were destroyed before stay so.
        """
        now = self._now()
        if self._held is not None and self._held.expires_at() <= now:
            self._held = None
        expired = [name for name in await self._store.names() if _is_expired(name, now)]
        for name in expired:
            await self._store.delete(name)
        return len(expired)

    def _is_of_today(self, salt: _Salt) -> bool:
        # A clock that was set back over midnight does not make yesterday's salt valid.
        return timedelta(0) <= salt.day - self._now().astimezone(UTC).date() <= timedelta(days=1)

    async def _wait_for_load(self) -> None:
        begins = self._loading is None
        if begins:
            if self._monotonic() < self._retry_at:
                return
            self._loading = asyncio.create_task(self._load())
        if self._held is not None and not begins:
            return
        assert self._loading is not None, "made above"
        await asyncio.wait([self._loading], timeout=FIRST_WAIT_SECONDS if self._held is None else WAIT_SECONDS)

    async def _load(self) -> None:
        day = self._now().astimezone(UTC).date()
        try:
            self._held = _Salt(day, await asyncio.wait_for(self._read_or_create(day.isoformat()), LOAD_SECONDS))
        except (Unavailable, TimeoutError) as error:
            self._retry_at = self._monotonic() + RETRY_SECONDS
            log.warning("the day's salt cannot be had: %s", error or "no answer")
        finally:
            self._loading = None

    async def _read_or_create(self, name: str) -> bytes:
        salt = await self._store.read(name)
        if salt is None:
            await self._store.create(name, secrets.token_bytes(SALT_BYTES))
            salt = await self._store.read(name)
        if salt is None or len(salt) != SALT_BYTES:
            raise Unavailable(f"the salt {name} is damaged or was taken away")
        return salt


def visitor_id(salt: bytes, key: bytes, site: str, address: str, agent: str) -> str:
    """128 bits in hex. The same site, address and agent give the same id under the same salt and operator's key.

    Each part is hashed with its length before it, so that different parts cannot concatenate to the same bytes.
    """
    content = b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (_LABEL, *(text.encode("utf-8", "surrogatepass") for text in (site, address, agent)))
    )
    return hmac.new(salt + key, content, sha256).hexdigest()[:32]


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _is_expired(name: str, now: datetime) -> bool:
    try:
        return _start(date.fromisoformat(name)) + LIFETIME <= now
    except (ValueError, OverflowError):
        return False  # no salt of ours
