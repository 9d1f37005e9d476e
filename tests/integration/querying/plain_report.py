"""Reports computed in plain Python from rows, by the words of docs/query.md: what the engine must agree with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
PAUSE = timedelta(minutes=30)


def report(
    rows: Iterable[Row], site: str, zone: ZoneInfo, begin: datetime, end: datetime, query: Mapping[str, Any]
) -> list[tuple[list[str], list[int]]]:
    """All groups in the query's order: their dimensions' values and their metrics."""
    known = [row for row in rows if row["site"] == site and begin - timedelta(days=1) <= row["occurred_at"] < end]
    visits = visits_of(known)
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in known:
        values = values_of(row, visits[row["event_id"]], zone)
        if row["occurred_at"] >= begin and all(holds(item, values) for item in query.get("filters", [])):
            groups[tuple(values[name] for name in query.get("dimensions", []))].append(row)
    if not query.get("dimensions"):
        groups.setdefault((), [])
    answer = [
        (
            dict(zip(query.get("dimensions", []), key, strict=True)),
            {name: metric(name, members, visits) for name in query["metrics"]},
        )
        for key, members in groups.items()
    ]
    for name, direction in reversed(order_of(query)):
        answer.sort(key=partial(value_of, name), reverse=direction == "desc")
    return [([label(value, zone) for value in d.values()], list(m.values())) for d, m in answer]


def value_of(name: str, group: tuple[Mapping[str, Any], Mapping[str, int]]) -> Any:
    return {**group[0], **group[1]}[name]


def order_of(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    dimensions = query.get("dimensions", [])
    default = [*((name, "asc") for name in dimensions if name.startswith("time:")), (query["metrics"][0], "desc")]
    asked = query.get("order_by") or default
    return [*asked, *((name, "asc") for name in dimensions)]


def visitor_of(row: Row) -> str | None:
    return row.get("anonymous_id") or row.get("user_id")


# The visit, the host it came from, and source, medium and channel of its arrival.
Visit = tuple[Any, str, Sequence[str]]
UNKNOWN = ("(not set)", "(not set)", "(not set)")
OF_THE_EVENT = {
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


def arrival_of(row: Row) -> Sequence[str] | None:
    if row.get("channel") == "Internal":
        return ("(direct)", "(none)", "Direct")
    return (row["source"], row["medium"], row["channel"]) if row.get("channel") else None


def visits_of(rows: Sequence[Row]) -> dict[str, Visit]:
    """By event id."""
    found: dict[str, tuple[Any, str]] = {}
    own: dict[str, Sequence[str]] = {}
    arrivals: dict[Any, Sequence[str]] = {}
    sources: dict[Any, str] = {}
    last: dict[str, tuple[datetime, int]] = {}
    for row in sorted(rows, key=lambda row: (row["occurred_at"], row["event_id"])):
        host = row.get("referrer_host")
        source = host if host and host != row.get("page_host") else "(direct)"
        visitor, session = visitor_of(row), row.get("session_id")
        visit: Any
        if session is not None:
            visit = (visitor, session)
        elif visitor is None:
            entered = row["event_type"] == "page_view" and host != row.get("page_host")
            denied = row.get("consent") == "denied"
            found[row["event_id"]] = (row["event_id"] if denied and entered else None, source)
            own[row["event_id"]] = arrival_of(row) or UNKNOWN
            continue
        else:
            before, number = last.get(visitor, (datetime.min.replace(tzinfo=UTC), 0))
            number += row["occurred_at"] - before > PAUSE
            last[visitor] = (row["occurred_at"], number)
            visit = (visitor, None, number)
        found[row["event_id"]] = (visit, sources.setdefault(visit, source))
        if (arrival := arrival_of(row)) is not None:
            arrivals.setdefault(visit, arrival)
    return {
        event_id: (visit, source, own.get(event_id) or arrivals.get(visit, UNKNOWN))
        for event_id, (visit, source) in found.items()
    }


def values_of(row: Row, visit: Visit, zone: ZoneInfo) -> dict[str, Any]:
    local = row["occurred_at"].astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return {
        "event:page": row.get("page_path") or "(none)",
        "event:name": row["event_name"],
        "visit:source": visit[1],
        **dict(zip(("visit:source_name", "visit:medium", "visit:channel"), visit[2], strict=True)),
        **{name: row.get(column) or "(not set)" for name, column in OF_THE_EVENT.items()},
        "event:bot": {None: "(not set)", True: "true", False: "false"}[row.get("is_bot")],
        "time:day": local.date().isoformat(),
        "time:hour": row["occurred_at"] - past,
    }


def label(value: Any, zone: ZoneInfo) -> str:
    return value if isinstance(value, str) else str(value.astimezone(zone).isoformat())


def metric(name: str, rows: Sequence[Row], visits: Mapping[str, Visit]) -> int:
    if name == "visitors":
        return len({visitor_of(row) for row in rows} - {None})
    if name == "visits":
        return len({visits[row["event_id"]][0] for row in rows} - {None})
    return sum(1 for row in rows if name == "events" or row["event_type"] == "page_view")


def holds(item: Sequence[Any], values: Mapping[str, Any]) -> bool:
    operator = item[0]
    if operator == "and":
        return all(holds(inner, values) for inner in item[1])
    if operator == "or":
        return any(holds(inner, values) for inner in item[1])
    if operator == "not":
        return not holds(item[1], values)
    value = values[item[1]]
    found = any(value == text if operator in ("is", "is_not") else text in value for text in item[2])
    return found is not operator.endswith("_not")
