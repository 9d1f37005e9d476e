"""Visitors and visits of random streams are those that docs/visits.md says they are, in whatever order rows stand."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clickstream.querying.visitors import first_seen
from clickstream.querying.visits import relations
from tests.functional.sequences.asking import Events
from tests.functional.visits.random_streams import DAY, random_stream
from tests.integration.querying import plain_visits

# `STREAMS=20000 pytest tests/functional/visits` looks at so many.
STREAMS = int(os.environ.get("STREAMS", "400"))
BATCH = 400
ZONE = ZoneInfo("Europe/Zurich")
PARAMETERS = {"site": "shop", "from": DAY.isoformat(), "to": (DAY + timedelta(days=20)).isoformat()}
TOLD = (
    "event_id, visitor, visit, visit_begun, visit_ended, visit_bounced, visit_views, views_so_far, visit_entry_page, "
    "visit_exit_page, visit_source, arrival_channel, visit_browser, visit_country"
)


def sql(*, split: bool) -> str:
    return f"WITH {relations(of_visits=True, split_at_midnight=split)}\nSELECT {TOLD} FROM visited"


def asked(events: Events, statement: str) -> list[dict[str, Any]]:
    named = {**PARAMETERS, "time_zone": ZONE.key}
    return events.query(statement, {name: value for name, value in named.items() if f"${name}" in statement})


def streams(numbers: Iterable[int]) -> list[list[dict[str, Any]]]:
    return [random_stream(number) for number in numbers]


def expected(stream: Sequence[Mapping[str, Any]], *, split: bool) -> dict[str, tuple[Any, ...]]:
    """What is to be said of each event, with its visit as the ids of that visit's events."""
    who = plain_visits.visitors(stream)
    visits = plain_visits.visits(stream, who, ZONE, split_at_midnight=split)
    told: dict[str, tuple[Any, ...]] = {}
    for row in stream:
        visit = visits[row["event_id"]]
        views = [other for other in visit.rows if other["event_type"] == "page_view"]
        so_far = [other for other in views if plain_visits.order(other) <= plain_visits.order(row)]
        arrivals = [other for other in visit.rows if other["channel"]]
        arrival = arrivals[0] if arrivals else visit.rows[0]
        led = arrival["referrer_host"] not in (None, arrival["page_host"]) and arrival["channel"] != "Internal"
        told[row["event_id"]] = (
            who[row["event_id"]],
            frozenset(other["event_id"] for other in visit.rows) if visit.counted else None,
            visit.begun,
            visit.ended,
            visit.bounced,
            len(views),
            len(so_far),
            (views[0]["page_path"] or "(none)") if views else None,
            (views[-1]["page_path"] or "(none)") if views else None,
            arrival["referrer_host"] if led else "(direct)",
            {None: None, "Internal": "Direct"}.get(arrival["channel"], arrival["channel"]) if arrivals else None,
            next((other["browser"] for other in visit.rows if other["browser"]), None),
            next((other["country"] for other in visit.rows if other["country"]), None),
        )
    return told


def found(answer: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    members = defaultdict(set)
    for row in answer:
        members[row["visit"]].add(row["event_id"])
    return {
        row["event_id"]: (
            row["visitor"],
            None if row["visit"] is None else frozenset(members[row["visit"]]),
            *list(row.values())[3:],
        )
        for row in answer
    }


@pytest.mark.parametrize("split", [False, True], ids=["whole", "split at midnight"])
@pytest.mark.parametrize("first", range(0, STREAMS, BATCH))
def test_visitors_and_visits_are_those_of_the_definition(first: int, split: bool) -> None:
    made = streams(range(first, min(first + BATCH, STREAMS)))
    events = Events()
    events.hold([row for stream in made for row in stream])
    told = found(asked(events, sql(split=split)))
    for number, stream in enumerate(made, first):
        for event_id, values in expected(stream, split=split).items():
            assert told[event_id] == values, f"event {event_id} of random_stream({number})"


# Each of these is one rule of docs/visits.md, broken.
MUTATIONS = {
    "what happens by itself is an act": ("interactive IS NOT FALSE", "true"),
    "a page ping is an act": ("'page_ping', 'identify', 'alias', 'group'", "'identify', 'alias', 'group'"),
    "identify is an act": ("'page_ping', 'identify', 'alias', 'group'", "'page_ping', 'alias', 'group'"),
    "rows from before the column are no acts": ("interactive IS NOT FALSE", "interactive"),
    "an id of the day is a device": ("WHERE id_source = 'day' AND", "WHERE false AND"),
    "a user alone has no device": (
        "FROM identified\n    WHERE user_id IN",
        "FROM identified\n    WHERE false AND user_id IN",
    ),
    "a user's first device is the user's": (
        "last_value(device IGNORE NULLS) OVER (\n"
        "                    PARTITION BY owned_id ORDER BY owned_at, device NULLS LAST\n"
        "                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        "first_value(device IGNORE NULLS) OVER (\n"
        "                    PARTITION BY owned_id ORDER BY owned_at, device NULLS LAST\n"
        "                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    ),
    "a device of the same moment is not known yet": (
        "ORDER BY owned_at, device NULLS LAST\n                    ROWS BETWEEN UNBOUNDED",
        "ORDER BY owned_at, device NULLS FIRST\n                    ROWS BETWEEN UNBOUNDED",
    ),
    "any event claims": (
        "event_name IN ('$opt_in', 'Segment Consent Preference Updated', 'consent', 'consent_granted') AND ",
        "",
    ),
    "any consent claims": ("AND consent = 'full'", ""),
    "a claim of the day is none": ("WHERE previous_id IS NOT NULL", "WHERE false"),
    "a claim of a view is none": ("ON event_id = view_id", "ON event_id = view_id AND false"),
    "what comes after a claim is claimed": (
        "CURRENT ROW AND UNBOUNDED FOLLOWING\n            )\n        FROM claimed",
        "UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING\n            )\n        FROM claimed",
    ),
    "what comes with a claim is not claimed": ("claimant NULLS FIRST", "claimant NULLS LAST"),
    "ties in no order": ("ORDER BY occurred_at, received_at, event_id", "ORDER BY occurred_at, event_id"),
    "half an hour is a pause": ("ELSE INTERVAL 30 MINUTE END", "ELSE INTERVAL 1799999999 MICROSECOND END"),
    "half an hour and a bit is none": ("ELSE INTERVAL 30 MINUTE END", "ELSE INTERVAL 1800000001 MICROSECOND END"),
    "reading makes no difference to a pause": (
        "THEN INTERVAL 4 HOUR ELSE INTERVAL 30 MINUTE END",
        "THEN INTERVAL 30 MINUTE ELSE INTERVAL 30 MINUTE END",
    ),
    "reading is never late": ("THEN INTERVAL 4 HOUR ELSE", "THEN INTERVAL 4000 HOUR ELSE"),
    "a page that is left tells no reading": ("'$pageleave', ", ""),
    "a session without an act is a visit": (
        "CASE WHEN bool_or(act) THEN any_value(session_id) END",
        "any_value(session_id)",
    ),
    "a session without an act stays where it is": ("coalesce(place, session_key)", "session_key"),
    "a run joins no session before it": ("WHEN begun - ended_before <= INTERVAL 30 MINUTE", "WHEN false"),
    "a run joins a session that is over": (
        "begun - ended_before <= INTERVAL 30 MINUTE",
        "begun - ended_before <= INTERVAL 31 MINUTE",
    ),
    "a run joins no session after it": ("WHEN begun_after - ended <= INTERVAL 30 MINUTE", "WHEN false"),
    "a run joins a session that is far": (
        "begun_after - ended <= INTERVAL 30 MINUTE",
        "begun_after - ended <= INTERVAL 61 MINUTE",
    ),
    "a session goes on by its begin": (
        "arg_max(span, CASE WHEN session IS NOT NULL THEN ended END)",
        "arg_max(span, CASE WHEN session IS NOT NULL THEN begun END)",
    ),
    "a session begins with what is no act": (
        "coalesce(min(CASE WHEN act THEN occurred_at END), min(occurred_at)) AS begun",
        "min(occurred_at) AS begun",
    ),
    "a session ends with its last act": (
        "max(occurred_at) AS ended,\n        bool_or",
        "max(CASE WHEN act THEN occurred_at END) AS ended,\n        bool_or",
    ),
    "what is late is in no visit": ("coalesce(run.joins, last.joins, run.span)", "coalesce(run.joins, run.span)"),
    "what is a day late is in the last visit": ("<= INTERVAL 24 HOUR", "<= INTERVAL 240 HOUR"),
    "the last visit is the first": (
        "last_value(CASE WHEN has_act THEN span END IGNORE NULLS) OVER so_far",
        "first_value(CASE WHEN has_act THEN span END IGNORE NULLS) OVER so_far",
    ),
    "who denied consent makes no visit": ("consent = 'denied' AND event_type", "false AND event_type"),
    "who denied consent visits with every view": ("AND referrer_host IS DISTINCT FROM page_host", ""),
    "a visit needs no act": ("may_visit AND visit_acts > 0", "may_visit"),
    "two acts are a bounce": ("visit_acts <= 1 AS", "visit_acts <= 2 AS"),
    "a visit begins with what is no act": (
        "min(CASE WHEN act THEN occurred_at END) OVER visit",
        "min(occurred_at) OVER visit",
    ),
    "a visit ends with its last act": ("max(CASE WHEN act OR reads THEN", "max(CASE WHEN act THEN"),
    "a visit ends with whatever is late": ("visit_last_act <= INTERVAL 4 HOUR", "visit_last_act <= INTERVAL 400 HOUR"),
    "own hosts are a source": ("channel IS DISTINCT FROM 'Internal' AND referrer_host <>", "referrer_host <>"),
    "the source is that of the last event": (
        "coalesce(first_value(CASE WHEN arrives",
        "coalesce(last_value(CASE WHEN arrives",
    ),
    "the browser is that of the last event": ("first_value(browser IGNORE", "last_value(browser IGNORE"),
}
OF_SPLITTING = {
    "a session goes on over midnight": (
        "hash(hash(visitor), session_id, CAST(timezone($time_zone, occurred_at) AS DATE))",
        "hash(hash(visitor), session_id)",
    ),
    "a run goes on over midnight": (
        "OVER (PARTITION BY who ORDER BY occurred_at), day)",
        "OVER (PARTITION BY who ORDER BY occurred_at))",
    ),
    "a run joins yesterday's session": (" AND CAST(timezone($time_zone, ended_before) AS DATE) = of_day", ""),
    "a run joins tomorrow's session": (" AND CAST(timezone($time_zone, begun_after) AS DATE) = of_day", ""),
}


@pytest.fixture(scope="module")
def world() -> tuple[Events, dict[bool, dict[str, tuple[Any, ...]]]]:
    """Streams enough to tell every mutation, and what is right of them, whole and split at midnight."""
    made = streams(range(BATCH * 5))
    events = Events()
    events.hold([row for stream in made for row in stream])
    right: dict[bool, dict[str, tuple[Any, ...]]] = {
        split: {event_id: values for stream in made for event_id, values in expected(stream, split=split).items()}
        for split in (False, True)
    }
    return events, right


@pytest.mark.parametrize(
    ("change", "split"),
    [*((change, False) for change in MUTATIONS.values()), *((change, True) for change in OF_SPLITTING.values())],
    ids=[*MUTATIONS, *OF_SPLITTING],
)
def test_a_mutation_of_the_statement_is_caught(
    world: tuple[Events, dict[bool, dict[str, tuple[Any, ...]]]], change: tuple[str, str], split: bool
) -> None:
    events, right = world
    statement = sql(split=split)
    assert change[0] in statement
    assert found(asked(events, statement.replace(*change))) != right[split]


def test_the_statement_without_a_mutation_is_right(
    world: tuple[Events, dict[bool, dict[str, tuple[Any, ...]]]],
) -> None:
    events, right = world
    assert {split: found(asked(events, sql(split=split))) for split in (False, True)} == right


@pytest.mark.parametrize("split", [False, True], ids=["whole", "split at midnight"])
def test_what_counts_by_one_metric_is_not_missing_by_the_next(
    world: tuple[Events, dict[bool, dict[str, tuple[Any, ...]]]], split: bool
) -> None:
    events, right = world
    with_ = f"{relations(of_visits=True, split_at_midnight=split)},\n{first_seen(with_bots=False)}"
    [numbers] = asked(
        events,
        f"""
        WITH {with_}
        SELECT
            count(*) AS events,
            count(DISTINCT visit) AS visits,
            count(DISTINCT visitor) AS visitors,
            count(DISTINCT visitor) FILTER (visit IS NOT NULL) AS with_a_visit,
            count(DISTINCT visit) FILTER (visit_bounced) AS bounces,
            count(DISTINCT visit) FILTER (visit_views > 0) AS with_a_view,
            count_if(event_type = 'page_view' AND views_so_far = 1 AND visit IS NOT NULL) AS entries,
            count_if(event_type = 'page_view' AND views_so_far = visit_views AND visit IS NOT NULL) AS exits,
            (SELECT count(*) FROM (SELECT DISTINCT visit, visit_source, visit_browser, visit_country, arrival_channel,
                visit_entry_page, visit_exit_page, visit_begun, visit_ended FROM visited WHERE visit IS NOT NULL)
            ) AS told_apart,
            count_if(visit_ended < visit_begun) AS backwards,
            count_if(visitor IS NOT NULL AND visit IS NOT NULL AND first_seen_at IS NULL) AS never_seen,
            count_if(visit_begun < first_seen_at) AS seen_later
        FROM visited LEFT JOIN first_seen USING (visitor_key)""",
    )
    assert numbers["events"] == len(right[split])
    assert numbers["visits"] >= numbers["with_a_visit"] > 0
    assert numbers["visitors"] > numbers["with_a_visit"]
    assert numbers["visits"] > numbers["bounces"] > 0
    assert numbers["entries"] == numbers["exits"] == numbers["with_a_view"]
    assert numbers["told_apart"] == numbers["visits"], "of every dimension of visits a visit has one value"
    assert numbers["backwards"] == numbers["never_seen"] == numbers["seen_later"] == 0
