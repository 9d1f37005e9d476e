"""Visitors and visits in plain Python, by the words of docs/visits.md and without a thought for speed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
PAUSE, READING, LATEST = timedelta(minutes=30), timedelta(hours=4), timedelta(hours=24)
AGREEING = {"consent", "Segment Consent Preference Updated", "$opt_in", "consent_granted"}
NO_ACTS = {"page_ping", "identify", "alias", "group"}
Order = tuple[datetime, datetime, str]


def order(row: Row) -> Order:
    return row["occurred_at"], row["received_at"], row["event_id"]


def is_act(row: Row) -> bool:
    return row.get("interactive") is not False and row["event_type"] not in NO_ACTS


def tells_reading(row: Row) -> bool:
    return row["event_type"] == "page_ping" or row["event_name"] in ("$pageleave", "user_engagement")


def has_device(row: Row) -> bool:
    return row.get("anonymous_id") is not None and row.get("id_source") != "day"


def visitors(rows: Sequence[Row]) -> dict[str, str | None]:
    """The visitor of each event, by its id."""
    devices: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for row in rows:
        if has_device(row) and row.get("user_id") is not None:
            devices[row["user_id"]].append((row["occurred_at"], row["anonymous_id"]))
    claims = claims_of(rows)
    found: dict[str, str | None] = {}
    for row in rows:
        visitor = row.get("anonymous_id") or row.get("user_id")
        if not has_device(row) and row.get("user_id") is not None:
            visitor = device_at(devices[row["user_id"]], row["occurred_at"]) or visitor
        elif not has_device(row):
            visitor = claimant(claims[claimable(row)], row["occurred_at"]) or visitor
        found[row["event_id"]] = visitor
    return found


def device_at(known: Iterable[tuple[datetime, str]], at: datetime) -> str | None:
    known = list(known)
    if before := [item for item in known if item[0] <= at]:
        return max(before)[1]
    return min(known)[1] if known else None


def claimable(row: Row) -> str:
    """The id of the day; of a view of nobody its own id."""
    return str(row.get("anonymous_id") or row["event_id"])


def claims_of(rows: Sequence[Row]) -> Mapping[str, list[tuple[datetime, str]]]:
    claims: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for row in rows:
        if row["event_name"] not in AGREEING or row["consent"] != "full" or not has_device(row):
            continue
        claim = row["occurred_at"], row["anonymous_id"]
        if row.get("previous_id") is not None:
            claims[row["previous_id"]].append(claim)
        view = json.loads(row.get("properties") or "{}").get("page_view_id")
        for other in rows:
            if other["event_id"] == view and not has_device(other) and other.get("user_id") is None:
                claims[claimable(other)].append(claim)
    return claims


def claimant(claims: Iterable[tuple[datetime, str]], at: datetime) -> str | None:
    later = [claim for claim in claims if claim[0] >= at]
    return min(later)[1] if later else None


@dataclass(eq=False)
class Visit:
    """The events of one visit, in order; `counted` is false of events that belong to none."""

    rows: list[Row]
    counted: bool

    @cached_property
    def acts(self) -> list[Row]:
        return [row for row in self.rows if is_act(row)]

    @cached_property
    def views(self) -> list[Row]:
        return [row for row in self.rows if row["event_type"] == "page_view"]

    @cached_property
    def pings(self) -> list[Row]:
        return [row for row in self.rows if row["event_type"] == "page_ping"]

    @cached_property
    def bounced(self) -> bool:
        return len(self.acts) <= 1

    @cached_property
    def begun(self) -> datetime | None:
        begun: datetime | None = self.acts[0]["occurred_at"] if self.acts else None
        return begun

    @cached_property
    def ended(self) -> datetime | None:
        if not self.acts:
            return None
        last_act: datetime = self.acts[-1]["occurred_at"]
        last: datetime = max(row["occurred_at"] for row in self.rows if is_act(row) or tells_reading(row))
        return last if last - last_act <= READING else last_act


@dataclass(eq=False)
class Span:
    """A session, or a run; `visit` is which visit it is in the end."""

    rows: list[Row]
    day: date | None
    session: str | None = None
    visit: Span | None = None
    members: list[Row] = field(default_factory=list)

    @cached_property
    def has_act(self) -> bool:
        return any(map(is_act, self.rows))

    @cached_property
    def begun(self) -> datetime:
        begun: datetime = min(row["occurred_at"] for row in self.rows if is_act(row) or self.session is None)
        return begun

    @cached_property
    def ended(self) -> datetime:
        ended: datetime = max(row["occurred_at"] for row in self.rows)
        return ended


def visits(
    rows: Iterable[Row], who: Mapping[str, str | None], zone: ZoneInfo, *, split_at_midnight: bool = False
) -> dict[str, Visit]:
    """The visit of each event, by its id."""

    def day(row: Row) -> date | None:
        return row["occurred_at"].astimezone(zone).date() if split_at_midnight else None

    found: list[Visit] = []
    own: dict[str, list[Row]] = defaultdict(list)
    of_nobody: dict[tuple[str, date | None], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=order):
        visitor, session = who[row["event_id"]], row.get("session_id")
        if visitor is not None:
            own[visitor].append(row)
        elif session is not None:
            of_nobody[session, day(row)].append(row)
        else:
            found.append(Visit([row], entered_unseen(row)))
    found.extend(Visit(members, any(map(is_act, members))) for members in of_nobody.values())
    for mine in own.values():
        spans = spans_of(mine, {row["event_id"]: day(row) for row in mine})
        for span in spans:
            span.visit = visit_of(span, spans)
        for span in spans:
            (span.visit or span).members.extend(span.rows)
        found.extend(
            Visit(sorted(span.members, key=order), any(map(is_act, span.members))) for span in spans if span.members
        )
    return {row["event_id"]: visit for visit in found for row in visit.rows}


def entered_unseen(row: Row) -> bool:
    entered = row["event_type"] == "page_view" and row.get("referrer_host") != row.get("page_host")
    return row["consent"] == "denied" and entered and is_act(row)


def spans_of(mine: Sequence[Row], days: Mapping[str, date | None]) -> list[Span]:
    """The sessions and runs of one visitor, whose events are in order."""
    groups: dict[tuple[str, date | None], list[Row]] = defaultdict(list)
    for row in mine:
        if row.get("session_id") is not None:
            groups[row["session_id"], days[row["event_id"]]].append(row)
    sessions = [Span(rows, day, session if any(map(is_act, rows)) else None) for (session, day), rows in groups.items()]
    runs: list[Span] = []
    before: Row | None = None
    new_run = True
    for row in mine:
        if row.get("session_id") is not None:
            continue
        limit = READING if tells_reading(row) else PAUSE
        new_run = before is None or row["occurred_at"] - before["occurred_at"] > limit
        if new_run or days[row["event_id"]] != runs[-1].day:
            runs.append(Span([], days[row["event_id"]]))
        runs[-1].rows.append(row)
        before = row
    return sessions + runs


def visit_of(span: Span, spans: Sequence[Span]) -> Span | None:
    """The session or run that a session or run is part of; None for what is in no visit."""
    if span.session is not None:
        return span
    if (joined := joined_session(span, spans)) is not None:
        return joined
    if span.has_act:
        return span
    earlier = [other for other in spans if other is not span and other.has_act and other.begun <= span.begun]
    if any(span.begun - other.ended <= LATEST for other in earlier):
        last = max(earlier, key=lambda other: (other.begun, other.session is None, other.session or ""))
        return last if last.session is not None else joined_session(last, spans) or last
    return None


def joined_session(run: Span, spans: Sequence[Span]) -> Span | None:
    sessions = [other for other in spans if other.session is not None and other.day == run.day]
    sessions.sort(key=lambda other: (other.begun, other.session or ""))
    going_on = [other for other in sessions if other.begun <= run.begun and run.begun - other.ended <= PAUSE]
    if going_on:
        return max(going_on, key=lambda other: other.ended)  # of several the first
    following = [other for other in sessions if other.begun > run.begun and other.begun - run.ended <= PAUSE]
    return following[0] if following else None
