"""Profiles in plain Python: straight from docs/profiles.md, without sums that add up and without SQL."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from clickstream.profiles.rules import ProfileRules

Event = Mapping[str, Any]
HALF_AN_HOUR = timedelta(minutes=30)
NO_ACTS = ("page_ping", "identify", "alias", "group")
SIDES = ("source", "medium", "channel")


def counting(events: Sequence[Event]) -> list[Event]:
    """The events that say anything about a person, without ids of the day."""
    agreed = [event for event in events if event["consent"] == "full" and not event["is_bot"]]
    plain = [{**event, "anonymous_id": None} if event["id_source"] == "day" else event for event in agreed]
    return [event for event in plain if event["event_type"] != "alias" and (event["anonymous_id"] or event["user_id"])]


def half_hours(events: Sequence[Event]) -> list[tuple[Event, list[Event]]]:
    """The events of each half hour of the same ids, and an event of these ids at its beginning."""
    found: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for event in counting(events):
        at = event["occurred_at"]
        half = at.replace(minute=at.minute // 30 * 30, second=0, microsecond=0)
        found[event["anonymous_id"], event["user_id"], event["key_kind"], event["user_verified"], half].append(event)
    return [
        ({**together[0], "event_id": str(number), "occurred_at": key[-1]}, together)
        for number, (key, together) in enumerate(found.items())
    ]


def profiles_of(
    half_hours: Sequence[tuple[Event, list[Event]]],
    whose: Mapping[str, str | None],
    known: set[str],
    rules: ProfileRules,
) -> dict[str, dict[str, Any]]:
    """The profile of each person. `whose` and `known` are the person of each beginning, and the beginnings of users."""
    of_person: dict[str, list[Event]] = defaultdict(list)
    users = set()
    for beginning, together in half_hours:
        person = whose[beginning["event_id"]]
        assert person is not None
        of_person[person] += together
        users |= {person} if beginning["event_id"] in known else set()
    return {person: profile(of_person[person], person in users, rules) for person in of_person}


def profile(events: Sequence[Event], is_known: bool, rules: ProfileRules) -> dict[str, Any]:
    moments = sorted(event["occurred_at"] for event in events)
    acts = [event for event in events if event["interactive"] is not False and event["event_type"] not in NO_ACTS]
    views = [event for event in events if event["event_type"] == "page_view"]
    arrivals = [event for event in events if event["channel"] not in (None, "Internal")]
    traits = traits_of(events, rules)
    label = traits.get(rules.label)
    return {
        "is_known": is_known,
        "label": label if label is None or isinstance(label, str) else json.dumps(label),
        "users": len({event["user_id"] for event in events} - {None}),
        "devices": len({event["anonymous_id"] for event in events} - {None}),
        "first_seen_at": moments[0],
        "last_seen_at": moments[-1],
        "active_days": len({event["occurred_at"].date() for event in acts}),
        "visits": visits(acts),
        "acts": len(acts),
        "page_views": len(views),
        **dict(zip(("orders", "revenue"), money(events, rules), strict=True)),
        **sources("first", arrivals, min),
        **sources("last", [event for event in arrivals if event["channel"] != "Direct"], max),
        "first_page": one(views, ("page_path",), min)[0],
        "country": one([event for event in events if event["country"]], ("country",), max)[0],
        "device_class": one([event for event in events if event["device_class"]], ("device_class",), max)[0],
        "advertising": all(event["advertising"] for event in events if event["occurred_at"] == moments[-1]),
        "traits": traits,
    }


def one(events: Sequence[Event], names: Sequence[str], best: Any) -> Sequence[str | None]:
    """The values of the first or last event; of several at one moment the least or greatest."""
    if not events:
        return [None] * len(names)
    _, values = best((event["occurred_at"], [event[name] or "" for name in names]) for event in events)
    return [value or None for value in values]


def sources(side: str, events: Sequence[Event], best: Any) -> dict[str, Any]:
    values = one(events, (*SIDES, "utm_campaign"), best)
    return {f"{side}_{name}": value for name, value in zip((*SIDES, "campaign"), values, strict=True)}


def visits(acts: Sequence[Event]) -> int:
    sessions = {(act["anonymous_id"] or act["user_id"], act["session_id"]) for act in acts if act["session_id"]}
    runs: list[list[Event]] = []
    for act in sorted(acts, key=lambda act: act["occurred_at"]):
        if not runs or act["occurred_at"] - runs[-1][-1]["occurred_at"] > HALF_AN_HOUR:
            runs.append([])
        runs[-1].append(act)
    return len(sessions) + sum(all(act["session_id"] is None for act in run) for run in runs)


def money(events: Sequence[Event], rules: ProfileRules) -> tuple[int, dict[str, str]]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    sold: dict[str, tuple[Decimal, str]] = {}
    refunded: dict[str, Decimal] = defaultdict(Decimal)
    once = set()
    orders = 0
    for event in sorted(events, key=lambda event: (event["occurred_at"], event["event_id"])):
        properties = json.loads(event["properties"] or "{}")
        order, stated = event["order_id"], properties.get("revenue")
        amount = None if stated is None else Decimal(str(stated))
        if order is None:
            if amount is not None:
                orders += amount > 0
                sums[event["currency"] or rules.currency or "(not set)"] += amount
            continue
        is_sale = (amount or 0) > 0
        is_all = amount is None and event["event_name"] == "refund"
        deed = "sale" if is_sale else "all" if is_all else properties.get("refund_id")
        if (amount is None and not is_all) or (deed is not None and (order, deed) in once):
            continue
        once.add((order, deed))
        currency = event["currency"] or (sold[order][1] if order in sold and not is_sale else None)
        currency = currency or rules.currency or "(not set)"
        if amount is None:
            if order not in sold:
                continue
            amount = -max(Decimal(0), sold[order][0] + refunded[order])
        elif is_sale:
            orders += 1
            sold.setdefault(order, (amount, currency))
        else:
            refunded[order] += amount
        sums[currency] += amount
    return orders, {currency: f"{total:.4f}" for currency, total in sums.items()}


def traits_of(events: Sequence[Event], rules: ProfileRules) -> dict[str, Any]:
    writes: dict[str, list[tuple[datetime, str, bool]]] = defaultdict(list)
    for event in events:
        context = json.loads(event["context"] or "{}")
        said = {name: (value, True) for name, value in context.get("set_once", {}).items()}
        for place in (context.get("traits", {}), context.get("set", {})):
            said |= {name: (value, False) for name, value in place.items()}
        if event["event_type"] == "identify":
            said |= {name: (value, False) for name, value in json.loads(event["properties"] or "{}").items()}
        for name, (value, is_once) in said.items():
            if value not in (None, ""):
                writes[name].append((event["occurred_at"], json.dumps(value), is_once))
    found = {}
    for name, written in writes.items():
        lasting = [write for write in written if not write[2]]
        is_first = name in rules.first_write or not lasting
        found[name] = json.loads((min(written) if is_first else max(lasting))[1])
    return found
