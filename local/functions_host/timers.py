"""Timers: run what is past due, then run on startup, then by schedule, one run at a time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from azure.functions.meta import Datum

from local.functions_host.indexing import IndexedFunction
from local.functions_host.invoking import Invoker, Trigger, invoke_with_retries
from local.functions_host.ncrontab import parse_schedule

log = logging.getLogger("host")


def _now() -> datetime:
    return datetime.now(UTC)


class Timer:
    """One timer function, and its status file in the folder `state`, which survives a restart of the host."""

    def __init__(
        self, function: IndexedFunction, invoker: Invoker, state: Path, now: Callable[[], datetime] = _now
    ) -> None:
        self._function = function
        self._invoker = invoker
        self._now = now
        self._schedule = parse_schedule(str(function.trigger["schedule"]))
        monitored = function.trigger.get("useMonitor", True) is not False and not self._schedule.is_sub_minute
        self._status_file = state / f"timer-{function.name}.json" if monitored else None
        self._running = asyncio.Lock()
        self._is_waited_for = False

    async def run(self) -> None:
        """Run forever by the schedule."""
        status = self._read_status()
        if status is not None and status["schedule"] == self._function.trigger["schedule"]:
            if self._now() > datetime.fromisoformat(status["next"]):
                await self.fire(past_due=True)
            elif self._function.trigger.get("runOnStartup"):
                await self.fire()
        elif self._function.trigger.get("runOnStartup"):
            await self.fire()
        while True:
            next_at = self._schedule.next_after(self._now())
            self._write_status(None, next_at)
            while (left := (next_at - self._now()).total_seconds()) > 0:
                await asyncio.sleep(min(left, 60))
            await self.fire()

    async def fire(self, past_due: bool = False) -> None:
        """Run now. If a run is in progress, wait for it first. All who wait share the next run."""
        if self._is_waited_for:
            return
        self._is_waited_for = True
        async with self._running:
            self._is_waited_for = False
            began = self._now()
            await invoke_with_retries(self._invoker, self._function, self._trigger(past_due))
            self._write_status(began, self._schedule.next_after(self._now()))

    def _trigger(self, past_due: bool) -> Trigger:
        status = self._read_status()
        payload = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": None
            if status is None
            else {"Last": status["last"], "Next": status["next"], "LastUpdated": status["updated"]},
            "IsPastDue": past_due,
        }
        return Trigger(Datum(json.dumps(payload), "json"))

    def _read_status(self) -> dict[str, str] | None:
        if self._status_file is None or not self._status_file.is_file():
            return None
        try:
            status: dict[str, str] = json.loads(self._status_file.read_text())
            datetime.fromisoformat(status["next"])
            return status
        except (ValueError, KeyError):
            log.warning("the status of %s is unreadable and is reset", self._function.name)
            return None

    def _write_status(self, last: datetime | None, next_at: datetime) -> None:
        if self._status_file is None:
            return
        before = self._read_status()
        status = {
            "schedule": str(self._function.trigger["schedule"]),
            "last": last.isoformat() if last else (before or {}).get("last", datetime.min.isoformat()),
            "next": next_at.isoformat(),
            "updated": self._now().isoformat(),
        }
        self._status_file.parent.mkdir(parents=True, exist_ok=True)
        self._status_file.write_text(json.dumps(status))
