"""Random streams of events, and what docs/sequences.md says about them in plain Python, without a thought for speed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

from clickstream.sites.funnels import Order, Within
from tests.integration.querying.plain_visits import Visit, visits

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("a", "b", "c", "x")
GAPS_MS = (0, 0, 1, 999, 1000, 1001, 2000, 5000)
MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a visitor."""

    event_id: str
    at: datetime
    name: str
    type: str
    visitor: str
    session: str
    user: str | None
    device: str

    @property
    def order(self) -> tuple[datetime, str]:
        """Its place in a stream."""
        return self.at, self.event_id


Matches = Callable[[Happened], bool]


def decoded(streams: Sequence[bytes]) -> list[Happened]:
    """The events of many visitors, two bytes each: what and when; who and in which order of ties."""
    events: list[Happened] = []
    for number, stream in enumerate(streams):
        at = BEGIN
        for what, who in zip(stream[::2], stream[1::2], strict=False):
            at += timedelta(milliseconds=GAPS_MS[what >> 2 & 7])
            ping = what >> 5 == 7
            events.append(
                Happened(
                    event_id=f"{who & 3}-{len(events):06}",
                    at=at,
                    name=NAMES[what & 3],
                    type="page_ping" if ping else "custom",
                    visitor=f"v{number}",
                    session=f"s{who >> 2 & 1}",
                    user=f"u{number // 2}" if who >> 3 & 3 == 3 else None,
                    device=("desktop", "mobile")[who >> 5 & 1],
                )
            )
    return events


def grouped(events: Sequence[Happened], within: Within) -> Mapping[object, list[Happened]]:
    """The streams, each in order."""
    ordered = sorted(events, key=lambda event: event.order)
    known: dict[str, str] = {}
    for event in ordered:
        if event.user is not None:
            known.setdefault(event.visitor, event.user)
    of_visits = visits_of(events)
    streams: dict[object, list[Happened]] = defaultdict(list)
    for event in ordered:
        whose: Mapping[Within, object] = {
            Within.VISIT: of_visits[event.event_id],
            Within.VISITOR: event.visitor,
            Within.PERSON: event.user or known.get(event.visitor, event.visitor),
        }
        if within is not Within.VISIT or of_visits[event.event_id].counted:
            streams[whose[within]].append(event)
    return streams


def devices_of(events: Sequence[Happened]) -> Mapping[str, str]:
    """The device of each event's visit, by the event's id: that of the visit's first event."""
    devices = {event.event_id: event.device for event in events}
    return {event_id: devices[visit.rows[0]["event_id"]] for event_id, visit in visits_of(events).items()}


def visits_of(events: Sequence[Happened]) -> Mapping[str, Visit]:
    """The visit of each event, by its id."""
    rows = [
        {
            "event_id": event.event_id,
            "occurred_at": event.at,
            "received_at": event.at,
            "event_type": event.type,
            "event_name": event.name,
            "session_id": event.session,
        }
        for event in events
    ]
    return visits(rows, {event.event_id: event.visitor for event in events}, ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Plan:
    """A sequence, as functions."""

    steps: Sequence[Matches]
    window: timedelta | None
    order: Order
    exclusions: Sequence[tuple[Matches, int | None]]


def attempts(stream: Sequence[Happened], plan: Plan) -> Iterator[list[Happened]]:
    """Every attempt of a stream, event by event."""
    if plan.order is Order.STRICT:
        stream = [event for event in stream if event.type == "custom" or any(step(event) for step in plan.steps)]
    for start, first in enumerate(stream):
        if not plan.steps[0](first):
            continue
        taken = [first]
        for event in stream[start + 1 :]:
            if len(taken) == len(plan.steps):
                break
            if plan.window is not None and event.at - first.at > plan.window:
                break
            if plan.steps[len(taken)](event):
                taken.append(event)
            elif plan.order is Order.STRICT or any(
                excluded(event) and after in (None, len(taken)) for excluded, after in plan.exclusions
            ):
                break
        yield taken


def counted(stream: Sequence[Happened], plan: Plan) -> list[Happened]:
    """The attempt that counts; empty without one. Of several that are as long, max takes the first."""
    return max(attempts(stream, plan), key=len, default=[])


def furthest(stream: Sequence[Happened], plan: Plan) -> int:
    """How far any choice of events in their order gets, where nothing is excluded: another way to the same number."""
    for length in range(min(len(plan.steps), len(stream)), 0, -1):
        for choice in combinations(stream, length):
            on_time = plan.window is None or choice[-1].at - choice[0].at <= plan.window
            if on_time and all(step(event) for step, event in zip(plan.steps, choice, strict=False)):
                return length
    return 0
