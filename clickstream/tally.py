"""Counts what a process collects. Reports a line of counts a minute, and urgent conditions at once.

Requests log the lines as they end, because the host drops lines that are logged outside of a request. If the process is
killed, the counts of its last minute are lost, but no event is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from clickstream.lines import BREAKER_OPEN, COLLECTED, PREFLIGHTS, REFUSED, SPILLING, Line

EVERY_SECONDS = 60.0


@dataclass(slots=True)
class _Minute:
    """Counts since `began_at`, which is monotonic, in seconds."""

    began_at: float
    requests: int = 0
    events: int = 0
    spilled: int = 0
    missed: int = 0
    breaker_openings: int = 0
    missing_salts: int = 0
    sends: int = 0
    send_seconds: float = 0.0
    slowest_seconds: float = 0.0
    failed: dict[str, int] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Urgent:
    """A condition that is logged at once, then once a minute while it lasts.

    `count` is not reported yet. `reported_at` is monotonic, in seconds.
    """

    line: Line
    values: dict[str, Any]
    count: int = 0
    reported_at: float = -inf


class Tally:
    """The counts of one process, for use on one event loop. `monotonic` is in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._minute = _Minute(monotonic())
        self._urgent: dict[tuple[str, str], _Urgent] = {}
        self._has_unreported = False

    def answered(self, events: int, failed: Iterable[str], spilled: int, *, has_salt: bool) -> None:
        """Count a request whose events are all durable. `failed` has the failure class of each failed event."""
        minute = self._began()
        minute.requests += 1
        minute.events += events
        for failure_class in failed:
            minute.failed[failure_class] = minute.failed.get(failure_class, 0) + 1
        minute.spilled += spilled
        if not has_salt:
            minute.missing_salts += 1

    def refused(self, status: int, code: str, message: str, *, lost: bool) -> None:
        """Count a refused request. It is logged at once if its events are `lost` unless the client retries."""
        minute = self._began()
        minute.requests += 1
        minute.refused[status] = minute.refused.get(status, 0) + 1
        if lost:
            self._note_urgent(REFUSED, code, 1, status=status, code=code, message=message)

    def sent(self, seconds: float) -> None:
        """Count a batch that a hub acknowledged after this time."""
        minute = self._minute
        minute.sends += 1
        minute.send_seconds += seconds
        if seconds > minute.slowest_seconds:
            minute.slowest_seconds = seconds

    def unlisted(self, site: str, origin: str, message: str) -> None:
        """Count a request from a page whose preflights the platform refuses."""
        self._note_urgent(PREFLIGHTS, "", 1, site=site, origin=origin, message=message)

    def missed(self, messages: int) -> None:
        """Count messages that a hub did not acknowledge, which therefore go to the spill."""
        self._minute.missed += messages
        self._note_urgent(SPILLING, "", messages)

    def breaker_opened(self, hub: str, reason: str) -> None:
        """Count that a hub's circuit breaker opened."""
        self._minute.breaker_openings += 1
        self._note_urgent(BREAKER_OPEN, hub, 1, hub=hub, reason=reason)

    def lines(self) -> Sequence[str]:
        """The lines that are due; each is returned once. Log them as WARNING, because the host drops lower levels for
        functions that collect, so that not every request costs a line.
        """
        now = self._monotonic()
        over = now - self._minute.began_at >= EVERY_SECONDS
        if not over and not self._has_unreported:
            return ()
        due = self._urgent_lines(now)
        if over and self._minute.requests:
            due.append(_collected_line(self._minute, now))
            self._minute = _Minute(now)
        return due

    def _began(self) -> _Minute:
        """The current minute. It begins with its first request."""
        if not self._minute.requests:
            self._minute.began_at = self._monotonic()
        return self._minute

    def _note_urgent(self, line: Line, of: str, count: int, **values: Any) -> None:
        urgent = self._urgent.setdefault((line.name, of), _Urgent(line, values))
        urgent.values = values
        urgent.count += count
        self._has_unreported = True

    def _urgent_lines(self, now: float) -> list[str]:
        due = []
        for urgent in self._urgent.values():
            if urgent.count and now - urgent.reported_at >= EVERY_SECONDS:
                due.append(urgent.line.text({urgent.line.fields[0]: urgent.count, **urgent.values}))
                urgent.count, urgent.reported_at = 0, now
        self._has_unreported = any(urgent.count for urgent in self._urgent.values())
        return due


def _collected_line(minute: _Minute, now: float) -> str:
    return COLLECTED.text(
        {
            "seconds": round(now - minute.began_at, 1),
            "requests": minute.requests,
            "events": minute.events,
            "failed": minute.failed,
            "spilled": minute.spilled,
            "missed": minute.missed,
            "refused": minute.refused,
            "breaker_openings": minute.breaker_openings,
            "missing_salts": minute.missing_salts,
            "sends": minute.sends,
            "send_ms_mean": round(minute.send_seconds * 1000 / minute.sends, 1) if minute.sends else None,
            "send_ms_slowest": round(minute.slowest_seconds * 1000, 1) if minute.sends else None,
        }
    )
