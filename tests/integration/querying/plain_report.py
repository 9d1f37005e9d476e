"""Reports computed in plain Python from rows, by the words of docs/query.md: what the engine must agree with."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from clickstream.identity.edges import EVENT_COLUMNS
from clickstream.identity.rules import Rules as IdentityRules
from tests.functional.identity.plain_people import PlainPeople
from tests.integration.querying.plain_metrics import METRICS, OF_MONEY, Seen, currencies
from tests.integration.querying.plain_revenue import MoneyRules, worths
from tests.integration.querying.plain_visits import Row, Visit, is_act, order, visitors, visits

Groups = list[tuple[list[str], list[Any]]]
DAY = timedelta(days=1)
HISTORY = timedelta(days=30)
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
OF_THE_VISIT = {
    "visit:browser": "browser",
    "visit:browser_version": "browser_version",
    "visit:os": "os",
    "visit:os_version": "os_version",
    "visit:device": "device_class",
    "visit:screen": "screen_class",
    "visit:language": "primary_language",
    "visit:country": "country",
    "visit:region": "region",
    "visit:city": "city",
}


@dataclass
class Rules:
    """What a site's document says of its reports. A goal is a name of events and the property of their worth."""

    goals: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    segments: Mapping[str, list[Any]] = field(default_factory=dict)
    split_at_midnight: bool = False
    currency: str | None = None
    rates: Mapping[str, Sequence[tuple[date, Decimal]]] = field(default_factory=dict)

    @property
    def money(self) -> MoneyRules:
        return MoneyRules(list(self.goals.values()), self.currency, self.rates)


class World:
    """The events of a site around a period, with the visits that they make."""

    def __init__(
        self,
        own: Sequence[Row],
        zone: ZoneInfo,
        begin: datetime,
        end: datetime,
        rules: Rules,
        *,
        with_bots: bool,
        everybody: Sequence[Row] | None = None,
    ) -> None:
        """`everybody` are the rows that people follow from, if these are more."""
        everybody = everybody or own
        own = [row for row in own if with_bots or row.get("is_bot") is not True]
        self.rows = sorted((row for row in own if begin - DAY <= row["occurred_at"] < end + DAY), key=order)
        self.zone, self.rules, self.period = zone, rules, (begin, end)
        self.worths = worths((row for row in own if row["occurred_at"] < end + DAY), zone, begin, rules.money)
        self.who = visitors(self.rows)
        self.first_seen: dict[str, datetime] = {}
        for row in filter(is_act, own):
            if begin - HISTORY <= row["occurred_at"] < end:
                before = row["occurred_at"] < begin - DAY
                visitor = row.get("anonymous_id") or row.get("user_id") if before else self.who[row["event_id"]]
                if visitor is not None:
                    self.first_seen[visitor] = min(self.first_seen.get(visitor, row["occurred_at"]), row["occurred_at"])
        plain = PlainPeople([{**dict.fromkeys(EVENT_COLUMNS), **row} for row in everybody], [], IdentityRules())
        self.people, self.known = plain.of_events(), plain.known()
        self._seen: dict[str, Seen] = {}
        self._values: dict[str, dict[str, Any]] = {}
        self.visits = visits(self.rows, self.who, zone, split_at_midnight=rules.split_at_midnight)
        self._of_visits: dict[Visit, dict[str, Any]] = {}

    def visitor(self, row: Row) -> str | None:
        return self.who[row["event_id"]]

    def values(self, row: Row) -> dict[str, Any]:
        """Every dimension of an event but goals and properties."""
        if row["event_id"] not in self._values:
            visit = self.visits[row["event_id"]]
            if visit not in self._of_visits:
                self._of_visits[visit] = of_visit(visit)
            worth = self.worths.get(row["event_id"])
            self._values[row["event_id"]] = {
                **of_event(row),
                "person:id": self.people[row["event_id"]] or "(none)",
                "person:known": str(row["event_id"] in self.known).lower(),
                "event:currency": worth.currency if worth else "(none)",
                **self._of_visits[visit],
                **of_time(row["occurred_at"], self.zone),
            }
        return self._values[row["event_id"]]

    def value(self, row: Row, name: str) -> Any:
        if name.startswith("event:props:"):
            text = property_text(row, name.removeprefix("event:props:"))
            return "(none)" if text is None else text
        return self.values(row)[name]

    def holds(self, item: Sequence[Any], row: Row) -> bool:
        operator = item[0]
        if operator in ("and", "or"):
            return (all if operator == "and" else any)(self.holds(inner, row) for inner in item[1])
        if operator == "not":
            return not self.holds(item[1], row)
        if operator == "segment":
            return all(self.holds(inner, row) for inner in self.rules.segments[item[1]])
        if operator in ("has_done", "has_not_done"):
            visit = self.visits[row["event_id"]]
            done = visit.counted and any(self.holds(item[1], other) for other in visit.rows)
            return done is (operator == "has_done")
        if operator in ("is_set", "is_not_set"):
            return (self.value(row, item[1]) not in ("(none)", "(not set)")) is (operator == "is_set")
        if item[1] == "event:goal":
            found = any(matching(operator, goal, item[2]) for goal in self.goals(row))
        else:
            found = matching(operator, self.value(row, item[1]), item[2])
        return found is not operator.endswith("_not")

    def goals(self, row: Row) -> list[str]:
        return [name for name, (event, _) in self.rules.goals.items() if row["event_name"] == event]

    def seen(self, row: Row) -> Seen:
        """What metrics look at."""
        if row["event_id"] not in self._seen:
            self._seen[row["event_id"]] = self._look(row)
        return self._seen[row["event_id"]]

    def is_new(self, visitor: str, at: datetime) -> bool:
        """Whether nothing that the visitor did is known from before."""
        return visitor not in self.first_seen or at <= self.first_seen[visitor]

    def _look(self, row: Row) -> Seen:
        visit = self.visits[row["event_id"]]
        views, visitor = visit.views, self.visitor(row)
        is_view = row["event_type"] == "page_view"
        pings = pings_of(row, visit) if is_view and visit.pings else []
        told = [number_of(ping, "engagement_ms", 86_400_000) for ping in pings]
        depths = [number_of(ping, "scroll_depth", 100) for ping in pings]
        return Seen(
            visitor=visitor,
            visit=id(visit) if visit.counted else None,
            is_view=is_view,
            bounced=visit.bounced,
            visit_us=(visit.ended - visit.begun) // timedelta(microseconds=1) if visit.begun and visit.ended else 0,
            is_entry=visit.counted and is_view and views[0] is row,
            is_exit=visit.counted and is_view and views[-1] is row,
            engaged_ms=sum(known) if (known := [ms for ms in told if ms is not None]) else None,
            depth=max((depth for depth in depths if depth is not None), default=None),
            worth=self.worths.get(row["event_id"]),
            first_visit=visitor is not None and self.is_new(visitor, visit.begun or row["occurred_at"]),
            person=self.people[row["event_id"]],
            person_known=row["event_id"] in self.known,
        )


def report(
    rows: Iterable[Row],
    site: str,
    zone: ZoneInfo,
    begin: datetime,
    end: datetime,
    query: Mapping[str, Any],
    rules: Rules | None = None,
) -> Groups:
    """All groups in the query's order: their dimensions' values and their metrics."""
    rules = rules or Rules()
    filters, dimensions = query.get("filters", []), query.get("dimensions", [])
    named = json.dumps([filters, dimensions, [rules.segments[name] for name in segments_in(filters)]])
    own = [row for row in rows if row["site"] == site]
    return report_of(World(own, zone, begin, end, rules, with_bots="event:bot" in named), query)


def bots_left_out(
    rows: Iterable[Row],
    site: str,
    zone: ZoneInfo,
    begin: datetime,
    end: datetime,
    query: Mapping[str, Any],
    rules: Rules,
) -> int | None:
    """How many events of bots the query would count if it asked for bots alone; None where it asks for bots."""
    filters, dimensions = query.get("filters", []), query.get("dimensions", [])
    if "event:bot" in json.dumps([filters, dimensions, [rules.segments[name] for name in segments_in(filters)]]):
        return None
    own = [row for row in rows if row["site"] == site]
    bots = [row for row in own if row.get("is_bot") is True]
    world = World(bots, zone, begin, end, rules, with_bots=True, everybody=own)
    left_out = [
        row
        for row in world.rows
        if begin <= row["occurred_at"] < end
        and all(world.holds(item, row) for item in filters)
        and ("event:goal" not in dimensions or world.goals(row))
    ]
    return len(left_out)


def report_of(world: World, query: Mapping[str, Any]) -> Groups:
    """As `report`, of a world that many queries are about."""
    filters, dimensions = query.get("filters", []), query.get("dimensions", [])
    begin, end = world.period
    everyone: set[str] = set()
    groups: dict[tuple[Any, ...], list[Seen]] = defaultdict(list)
    without_goal: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    others = [name for name in dimensions if name != "event:goal"]
    whoever = without_goals(filters)
    for row in world.rows:
        if not begin <= row["occurred_at"] < end or not all(world.holds(item, row) for item in whoever):
            continue
        values = {name: world.value(row, name) for name in others}
        if (visitor := world.visitor(row)) is not None:
            everyone.add(visitor)
            without_goal[tuple(values.values())].add(visitor)
        if all(world.holds(item, row) for item in filters):
            seen = world.seen(row)
            for goal in world.goals(row) if "event:goal" in dimensions else [""]:
                groups[tuple({**values, "event:goal": goal}[name] for name in dimensions)].append(seen)
    if not dimensions:
        groups.setdefault((), [])
    everything = [item for members in groups.values() for item in members]
    asked = {item.visitor for members in groups.values() for item in members} - {None}
    answer: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for key, members in groups.items():
        told = dict(zip(dimensions, key, strict=True))
        of_group = without_goal[tuple(told[name] for name in others)]
        compared: Mapping[str, set[Any]] = {
            "percentage": asked,
            "conversion_rate": everyone,
            "group_conversion_rate": of_group,
        }
        numbers = {name: METRICS[name](members, compared.get(name, set())) for name in query["metrics"]}
        several = currencies(members if "event:currency" in dimensions else everything)
        if len(several) > 1 and not world.rules.rates:
            numbers |= dict.fromkeys((name for name in numbers if name in OF_MONEY), None)
        answer.append((told, numbers))
    for name, direction in reversed(order_of(query)):
        answer.sort(key=partial(value_of, name), reverse=direction == "desc")
        answer.sort(key=lambda group, name=name: {**group[0], **group[1]}[name] is None)  # type: ignore[misc]
    return [([label(value, world.zone) for value in d.values()], list(m.values())) for d, m in answer]


def value_of(name: str, group: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Any:
    value = {**group[0], **group[1]}[name]
    return 0 if value is None else value


def order_of(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    dimensions = query.get("dimensions", [])
    default = [*((name, "asc") for name in dimensions if name.startswith("time:")), (query["metrics"][0], "desc")]
    asked = query.get("order_by") or default
    return [*asked, *((name, "asc") for name in dimensions)]


def segments_in(filters: Sequence[Any]) -> list[str]:
    return re.findall(r'\["segment", "([^"]*)"\]', json.dumps(filters))


def without_goals(filters: Sequence[Any]) -> list[Any]:
    kept: list[Any] = []
    for item in filters:
        if item[0] == "and":
            kept.extend(without_goals(item[1]))
        elif item[1] != "event:goal":
            kept.append(item)
    return kept


def pings_of(view: Row, visit: Visit) -> list[Row]:
    """The page pings of a view: those of its page until the page is viewed again."""
    same = [row for row in visit.rows if row.get("page_path") == view.get("page_path")]
    after = same[same.index(view) + 1 :]
    again = next((n for n, row in enumerate(after) if row["event_type"] == "page_view"), len(after))
    return [row for row in after[:again] if row["event_type"] == "page_ping"]


def property_text(row: Row, name: str) -> str | None:
    value = json.loads(row.get("properties") or "{}").get(name)
    return value if value is None or isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def number_of(row: Row, name: str, most: float) -> float | None:
    text = property_text(row, name)
    number = float(text) if text and re.fullmatch(r"-?\d+(\.\d+)?", text) else None
    return number if number is not None and 0 <= number <= most else None


def matching(operator: str, value: str, texts: Sequence[str]) -> bool:
    kind = operator.removesuffix("_not")
    if kind == "is":
        return value in texts
    return any(text in value if kind == "contains" else re.search(text, value) is not None for text in texts)


def of_event(row: Row) -> dict[str, Any]:
    return {
        "event:page": row.get("page_path") or "(none)",
        "event:hostname": row.get("page_host") or "(none)",
        "event:page_title": row.get("page_title") or "(none)",
        "event:name": row["event_name"],
        "event:dialect": row["dialect"],
        "event:bot": {None: "(not set)", True: "true", False: "false"}[row.get("is_bot")],
    }


def of_visit(visit: Visit) -> dict[str, Any]:
    views = visit.views
    arrivals = [row for row in visit.rows if row.get("channel") or any(row.get(part) for part in CAMPAIGN)]
    arrival: Row = arrivals[0] if arrivals else {}
    first = arrivals[0] if arrivals else visit.rows[0]
    host = None if first.get("channel") == "Internal" else first.get("referrer_host")
    internal = arrival.get("channel") == "Internal"
    led_here = arrival.get("referrer_host") not in (None, arrival.get("page_host")) and not internal
    return {
        "visit:entry_page": (views[0].get("page_path") if views else None) or "(none)",
        "visit:exit_page": (views[-1].get("page_path") if views else None) or "(none)",
        "visit:source": host if host and host != first.get("page_host") else "(direct)",
        "visit:source_name": "(direct)" if internal else arrival.get("source") or "(not set)",
        "visit:medium": "(none)" if internal else arrival.get("medium") or "(not set)",
        "visit:channel": "Direct" if internal else arrival.get("channel") or "(not set)",
        "visit:referrer": (arrival.get("referrer") if led_here else None) or "(none)",
        **{f"visit:{part}": arrival.get(part) or "(none)" for part in CAMPAIGN},
        **{
            name: next((row[column] for row in visit.rows if row.get(column) is not None), "(not set)")
            for name, column in OF_THE_VISIT.items()
        },
    }


def of_time(at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    local = at.astimezone(zone)
    day = local.date()
    minute = hour = at - timedelta(seconds=local.second, microseconds=local.microsecond)
    while (before := (hour - timedelta(minutes=1)).astimezone(zone)).hour == local.hour and (
        before.utcoffset() == local.utcoffset()
    ):
        hour -= timedelta(minutes=1)
    return {
        "time:minute": minute,
        "time:hour": hour,
        "time:day": day,
        "time:week": day - timedelta(local.weekday()),
        "time:month": day.replace(day=1),
        "time:weekday": str(local.isoweekday()),
        "time:hour_of_day": f"{local.hour:02}",
    }


def label(value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).astimezone(zone).isoformat())
    return value.isoformat() if isinstance(value, date) else str(value)
