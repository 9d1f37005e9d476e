"""Attribution over random visits says what plain Python says about them, and about single ones what the page says."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.querying.period import Period
from clickstream.querying.scope import Currencies, Goal, Matching, Rate
from clickstream.querying.sequences.attribution import Model, attribution_statement
from clickstream.querying.sequences.streams import Slice
from clickstream.sites.funnels import Within
from tests.functional.sequences.asking import Events, row, slice_of, whose

CHANNEL = DIMENSIONS["visit:channel"]
BEGIN, END = datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)
PERIOD = Period(BEGIN, END)
ORDER = Goal("Order", Matching("buy"), "total")
DAY = timedelta(days=1)
ORDERS = count()  # no two events are the same
CHANNELS = ["Direct", "Direct", "Email", "Paid Search", "Organic Search"]

Shares = dict[str, tuple[float, Any]]


@pytest.fixture(scope="module")
def events() -> Events:
    return Events()


def ask(
    events: Events,
    model: Model,
    window: timedelta,
    within: Within = Within.VISITOR,
    filters: Sequence[Any] = (),
    period: Period = PERIOD,
) -> Shares:
    statement = attribution_statement(
        slice_of(filters, period), ORDER, [CHANNEL], model=model, window=window, within=within, limit=100
    )
    rows = events.ask(statement)
    assert [row["conversions"] for row in rows] == sorted((row["conversions"] for row in rows), reverse=True)
    return {row["visit:channel"]: (row["conversions"], row["revenue"]) for row in rows}


def visit(number: int, at: datetime, channel: str | None, visitor: str | None, **columns: Any) -> dict[str, Any]:
    arrived = {"event_name": "page_view", "event_type": "page_view", "channel": channel, "source": channel}
    return row(f"{number:06}-a", at, **{**arrived, "anonymous_id": visitor, "session_id": f"s{number}", **columns})


def order(number: int, at: datetime, visitor: str | None, total: Any = None, **columns: Any) -> dict[str, Any]:
    properties = json.dumps({} if total is None else {"total": total})
    bought = {"event_name": "buy", "properties": properties, "anonymous_id": visitor, "session_id": f"s{number}"}
    return row(f"{number:06}-b{at.timestamp()}-{next(ORDERS)}", at, **{**bought, **columns})


def random_visits(seed: int) -> list[dict[str, Any]]:
    """Visits of a tracker that counts them, some of which end with orders."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number in range(60):
        visitor = chance.choice([*(f"v{index}" for index in range(12)), None])
        # Some begin at one moment, some of one visitor are whole days apart, as windows are.
        at = BEGIN + chance.randrange(-12, 10) * DAY + timedelta(hours=chance.choice([0, 0, 12]))
        who = {"user_id": None if visitor is None else chance.choice([None, f"u{int(visitor[1:]) // 2}"])}
        device = {"device_class": chance.choice(["mobile", "desktop"])}
        rows.append(visit(number, at, chance.choice(CHANNELS), visitor, **who, **device))
        for _ in range(chance.choice([0, 0, 1, 2])):
            at += timedelta(hours=chance.choice([0, 0.1, 11]))  # none is longer than visits are looked for
            rows.append(order(number, at, visitor, chance.choice([None, 10, "7.5", "much"]), **who, **device))
    return rows


def shares(model: Model, count: int) -> list[float]:
    """What each of so many visits is thanked for."""
    match model:
        case Model.FIRST:
            return [1.0] + [0.0] * (count - 1)
        case Model.LAST:
            return [0.0] * (count - 1) + [1.0]
        case Model.LINEAR:
            return [1 / count] * count
        case Model.POSITION:
            return [1.0] if count == 1 else [0.5] * 2 if count == 2 else [0.4, *[0.2 / (count - 2)] * (count - 2), 0.4]


def expected(rows: list[dict[str, Any]], model: Model, window: timedelta, within: Within, device: str | None) -> Shares:
    seen = [event for event in rows if BEGIN - window <= event["occurred_at"] < END]
    seen.sort(key=lambda event: (event["occurred_at"], event["event_id"]))
    person_of = whose(rows)

    def person(event: dict[str, Any]) -> object:
        visitor = event["anonymous_id"]
        if visitor is None:
            return ("alone", event["session_id"])
        return visitor if within is Within.VISITOR else person_of[event["event_id"]]

    visits: dict[str, dict[str, Any]] = {}
    for event in seen:
        visits.setdefault(event["session_id"], event)
    channels = {event["session_id"]: event["channel"] for event in rows if event["event_type"] == "page_view"}
    told: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for event in seen:
        if event["event_name"] != "buy" or event["occurred_at"] < BEGIN or device not in (None, event["device_class"]):
            continue
        led = [
            channels[first["session_id"]]
            for first in visits.values()
            if person(first) == person(event)
            and (
                first["session_id"] == event["session_id"]
                or timedelta(0) <= event["occurred_at"] - first["occurred_at"] <= window
            )
        ]
        led = [channel for channel in led if channel != "Direct"] or led
        total = json.loads(event["properties"]).get("total")
        worth = float(total) if total not in (None, "much") else 0.0
        for channel, share in zip(led, shares(model, len(led)), strict=True):
            if share:
                told[channel].append((share, share * worth))
    return {channel: (sum(s for s, _ in parts), sum(w for _, w in parts)) for channel, parts in told.items()}


@settings(max_examples=50)
@given(
    st.integers(0, 10**6),
    st.sampled_from(list(Model)),
    st.sampled_from([timedelta(0), timedelta(hours=12), DAY, 3 * DAY, 30 * DAY]),
    st.sampled_from([Within.VISITOR, Within.PERSON]),
    st.sampled_from([None, "mobile"]),
)
def test_conversions_are_shared_out_as_plain_python_does(
    events: Events, seed: int, model: Model, window: timedelta, within: Within, device: str | None
) -> None:
    rows = random_visits(seed)
    events.hold(rows)
    filters = [["is", "visit:device", [device]]] if device else []
    told = ask(events, model, window, within, filters)
    shared = expected(rows, model, window, within, device)
    assert told.keys() == shared.keys()
    for channel, conversions_and_revenue in told.items():
        assert conversions_and_revenue == pytest.approx(shared[channel], abs=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(list(Model)), st.sampled_from([timedelta(0), DAY, 30 * DAY]))
def test_shares_add_up_to_the_conversions_and_their_worth(
    events: Events, seed: int, model: Model, window: timedelta
) -> None:
    rows = random_visits(seed)
    events.hold(rows)
    bought = [event for event in rows if event["event_name"] == "buy" and BEGIN <= event["occurred_at"] < END]
    worth = [json.loads(event["properties"]).get("total") for event in bought]
    told = ask(events, model, window).values()
    assert sum(conversions for conversions, _ in told) == pytest.approx(len(bought), abs=1e-4)
    assert sum(revenue for _, revenue in told) == pytest.approx(
        sum(float(total) for total in worth if total not in (None, "much")), abs=1e-4
    )


JOURNEY = [
    visit(1, BEGIN, "Email", "v"),
    visit(2, BEGIN + DAY, "Paid Search", "v"),
    visit(3, BEGIN + 2 * DAY, "Direct", "v"),
    visit(4, BEGIN + 3 * DAY, "Organic Search", "v"),
    visit(5, BEGIN + 4 * DAY, "Direct", "v"),
    order(5, BEGIN + 4 * DAY + timedelta(hours=1), "v", 50),
]


@pytest.mark.parametrize(
    ("model", "shared"),
    [
        (Model.FIRST, {"Email": (1.0, 50.0)}),
        (Model.LAST, {"Organic Search": (1.0, 50.0)}),
        (Model.LINEAR, {name: (0.333333, 16.666667) for name in ("Email", "Paid Search", "Organic Search")}),
        (Model.POSITION, {"Email": (0.4, 20.0), "Paid Search": (0.2, 10.0), "Organic Search": (0.4, 20.0)}),
    ],
)
def test_a_conversion_days_later_keeps_the_sources_that_led_to_it(events: Events, model: Model, shared: Shares) -> None:
    events.hold(JOURNEY)
    assert ask(events, model, 30 * DAY) == shared


def test_visits_before_the_range_led_to_conversions_in_it(events: Events) -> None:
    events.hold(JOURNEY)
    late = Period(BEGIN + 4 * DAY, END)
    assert ask(events, Model.FIRST, 30 * DAY, period=late) == {"Email": (1.0, 50.0)}
    assert ask(events, Model.FIRST, 3 * DAY + timedelta(hours=1), period=late) == {"Paid Search": (1.0, 50.0)}


def test_the_window_is_exact_and_its_end_belongs_to_it(events: Events) -> None:
    events.hold(JOURNEY)
    to_the_first = 4 * DAY + timedelta(hours=1)
    assert ask(events, Model.FIRST, to_the_first) == {"Email": (1.0, 50.0)}
    assert ask(events, Model.FIRST, to_the_first - timedelta(milliseconds=1)) == {"Paid Search": (1.0, 50.0)}


def test_direct_visits_count_only_where_there_are_no_others(events: Events) -> None:
    events.hold(JOURNEY)
    assert ask(events, Model.LAST, timedelta(hours=2)) == {"Direct": (1.0, 50.0)}


def test_the_visit_of_the_conversion_counts_however_long_it_lasts(events: Events) -> None:
    events.hold([visit(1, BEGIN, "Email", "v"), order(1, BEGIN + 2 * DAY, "v")])
    assert ask(events, Model.LAST, timedelta(hours=1)) == {"Email": (1.0, 0.0)}


def test_who_has_no_id_is_led_by_that_visit_alone_and_where_there_is_none_by_nothing(events: Events) -> None:
    denied = {"consent": "denied", "session_id": None}
    events.hold(
        [
            visit(1, BEGIN, "Email", None),
            order(1, BEGIN + timedelta(minutes=1), None, 5),
            visit(2, BEGIN, "Paid Search", None),
            order(3, BEGIN + timedelta(minutes=2), None, 7, **denied),
        ]
    )
    assert ask(events, Model.LINEAR, 30 * DAY) == {"Email": (1.0, 5.0), "(none)": (1.0, 7.0)}


def test_a_person_is_led_by_visits_on_another_device(events: Events) -> None:
    events.hold(
        [
            visit(1, BEGIN, "Email", "phone"),
            visit(2, BEGIN + DAY, "Direct", "phone", user_id="u"),
            visit(3, BEGIN + 2 * DAY, "Direct", "desk", user_id="u"),
            order(3, BEGIN + 2 * DAY, "desk", 5),
        ]
    )
    assert ask(events, Model.LAST, 30 * DAY, Within.PERSON) == {"Email": (1.0, 5.0)}
    assert ask(events, Model.LAST, 30 * DAY, Within.VISITOR) == {"Direct": (1.0, 5.0)}


def bought(number: int, at: datetime, total: Any, **columns: Any) -> dict[str, Any]:
    return order(number, at, "v", total, **{"order_id": "A1", "currency": "EUR", **columns})


def test_an_order_that_is_told_again_is_a_conversion_and_worth_nothing(events: Events) -> None:
    events.hold([*JOURNEY[:-1], bought(4, BEGIN + 4 * DAY, 50), bought(5, BEGIN + 4 * DAY + timedelta(hours=1), 50)])
    told = ask(events, Model.LINEAR, 30 * DAY)
    assert sum(conversions for conversions, _ in told.values()) == pytest.approx(2.0, abs=1e-5)
    assert sum(revenue for _, revenue in told.values()) == pytest.approx(50.0)


def test_an_order_of_before_the_period_is_worth_nothing_within_it(events: Events) -> None:
    for before, worth in ((29 * DAY, 0.0), (31 * DAY, 50.0)):
        at = BEGIN + DAY
        rows = [visit(1, at - before, "Email", "v"), bought(1, at - before, 50), visit(2, at, "Email", "v")]
        events.hold([*rows, bought(2, at + timedelta(hours=1), 50)])
        # A window that is shorter than orders are looked for.
        assert ask(events, Model.LAST, DAY) == {"Email": (1.0, worth)}


def test_conversions_of_several_currencies_are_shared_out_and_their_worth_is_not(events: Events) -> None:
    rows = [visit(1, BEGIN, "Email", "v"), bought(1, BEGIN, 50)]
    rows.append(bought(1, BEGIN + timedelta(minutes=1), 30, order_id="A2", currency="USD"))
    events.hold(rows)
    assert ask(events, Model.LAST, DAY) == {"Email": (2.0, None)}
    rates = Currencies("EUR", {"USD": (Rate(None, Decimal("0.5")),)})
    site = replace(slice_of((), PERIOD).site, currencies=rates)
    converted = attribution_statement(Slice(site, PERIOD), ORDER, [CHANNEL], model=Model.LAST, window=DAY, limit=9)
    assert [(row["conversions"], row["revenue"]) for row in events.ask(converted)] == [(2.0, 65.0)]
    filters = [["is", "event:currency", ["USD"]]]
    assert ask(events, Model.LAST, DAY, filters=filters) == {"Email": (1.0, 30.0)}


# Visits of persons are found by their events, those of visitors by their stays.
MUTATIONS_OF_PERSONS = {
    "visits of events by their last one": (
        "min(moment) AS moment\n    FROM in_visits",
        "max(moment) AS moment\n    FROM in_visits",
    ),
    "events of one moment in the wrong order": ("moment, received_at, event_id) AS place", "moment DESC) AS place"),
}
MUTATIONS = MUTATIONS_OF_PERSONS | {
    "visits by their last event": ("min(occurred_at) AS occurred_at", "max(occurred_at) AS occurred_at"),
    "visits of one moment in the wrong order": ("moment, moment_place) AS place", "moment DESC) AS place"),
    "the end of the window left out": ("begun.moment < conversions.moment", "begun.moment <= conversions.moment"),
    "conversions of no visit left out": ("LEFT JOIN begun USING (stream, visit)", "JOIN begun USING (stream, visit)"),
    "all without a visitor as one": (", visit, 0)", ", 0)"),
    "direct visits counted like others": ("WHERE NOT direct", "WHERE true"),
    "no revenue without an order": ("converting WHERE order_id IS NULL", "converting WHERE order_id IS NOT NULL"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_of_the_statement_is_caught(events: Events, mutation: str) -> None:
    right, wrong = MUTATIONS[mutation]
    within = Within.PERSON if mutation in MUTATIONS_OF_PERSONS else Within.VISITOR
    statements = [
        attribution_statement(
            slice_of((), PERIOD), ORDER, [CHANNEL], model=model, window=window, within=within, limit=100
        )
        for model, window in product((Model.FIRST, Model.POSITION), (timedelta(0), 3 * DAY))
    ]
    assert all(right in statement.sql for statement in statements)

    def is_seen(seed: int) -> bool:
        events.hold([*random_visits(seed), order(0, BEGIN, None, 3, consent="denied", session_id=None)])
        return any(
            events.ask(replace(statement, sql=statement.sql.replace(right, wrong))) != events.ask(statement)
            for statement in statements
        )

    assert any(map(is_seen, range(4)))


def test_the_first_event_of_a_visit_is_the_one_that_came_first(events: Events) -> None:
    at = {"received_at": BEGIN + 2 * DAY}
    events.hold(
        [
            {**visit(1, BEGIN + DAY, "Email", "v", page_path="/second", **at), "event_id": "2"},
            {**visit(1, BEGIN + DAY, "Email", "v", page_path="/first", **at), "event_id": "1"},
            {**visit(1, BEGIN + DAY, "Email", "v", page_path="/late", received_at=BEGIN + 3 * DAY), "event_id": "0"},
            order(1, BEGIN + 2 * DAY, "v"),
        ]
    )
    page = DIMENSIONS["event:page"]
    statement = attribution_statement(slice_of((), PERIOD), ORDER, [page], model=Model.LAST, window=DAY, limit=9)
    assert [row["event:page"] for row in events.ask(statement)] == ["/first"]


def test_a_visit_that_two_persons_share_begins_with_the_first_who_converts(events: Events) -> None:
    shared = [
        visit(1, BEGIN, "Email", "v", user_id="a", page_path="/a"),
        {**visit(1, BEGIN + DAY, "Email", "v", user_id="b", page_path="/b"), "event_id": "b"},
        order(1, BEGIN + 2 * DAY, "v", user_id="b"),
    ]
    page = DIMENSIONS["event:page"]
    statement = attribution_statement(
        slice_of((), PERIOD), ORDER, [page], model=Model.LAST, window=DAY, within=Within.PERSON, limit=9
    )
    for rows, pages in (
        (shared, ["/b"]),
        ([*shared, order(1, BEGIN + timedelta(hours=1), "v", user_id="a")], ["(none)", "/a"]),
    ):
        events.hold(rows)
        assert sorted(row["event:page"] for row in events.ask(statement)) == pages
