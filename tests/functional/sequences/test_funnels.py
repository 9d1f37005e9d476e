"""Funnels over random streams say what plain Python says about them, and about single streams what the page says."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence as Listed
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from statistics import mean, median
from typing import Any

import pytest
from hypothesis import given

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.querying.request import parse_query
from clickstream.querying.scope import Matching, Sequence, Step
from clickstream.querying.sequences.funnels import funnel_statement, funnel_visits_statement
from clickstream.querying.statement import Statement, compile_groups
from clickstream.sites.funnels import Order, Within
from tests.functional.sequences.asking import PERIOD, Events, read_filters, row, rows_of, slice_of
from tests.functional.sequences.plain_streams import BEGIN, MS, Happened, decoded, devices_of, furthest, grouped
from tests.functional.sequences.random_sequences import (
    counted_attempts,
    many_streams,
    names,
    of_streams,
    plan_of,
    sequence_of,
    sequences,
)

DEVICE, NAME, DAY = (DIMENSIONS[name] for name in ("visit:device", "event:name", "time:day"))


@pytest.fixture(scope="module")
def events() -> Events:
    return Events()


def who(sequence: Sequence, step: int = 1, **options: Any) -> Statement:
    return funnel_visits_statement(sequence, slice_of(), step, limit=10_000, **options)


def taken_by(attempts: Listed[Listed[Happened]]) -> list[list[str]]:
    return sorted([event.event_id for event in taken] for taken in attempts)


def event_ids(events: Events, statement: Statement) -> list[list[str]]:
    return sorted(row["event_ids"] for row in events.ask(statement))


@of_streams(percent=60)
@given(many_streams, sequences)
def test_the_attempt_that_counts_is_the_one_that_plain_python_finds(
    events: Events, streams: list[bytes], sequence: Sequence
) -> None:
    happened = decoded(streams)
    events.hold(rows_of(happened))
    attempts = counted_attempts(happened, sequence)
    assert event_ids(events, who(sequence)) == taken_by(attempts)
    reached = [sum(len(taken) > step for taken in attempts) for step in range(len(sequence.steps))]
    told = events.ask(funnel_statement(sequence, slice_of()))
    assert [row["reached"] for row in told] == reached == sorted(reached, reverse=True)
    assert [row["dropped"] for row in told] == [*(before - after for before, after in pairwise(reached)), 0]
    for step, numbers in enumerate(told):
        seconds = [(taken[step].at - taken[step - 1].at).total_seconds() for taken in attempts if len(taken) > step > 0]
        assert numbers["median_seconds"] == (pytest.approx(median(seconds)) if seconds else None)
        assert numbers["mean_seconds"] == (pytest.approx(mean(seconds)) if seconds else None)


@of_streams(percent=20)
@given(many_streams, sequences)
def test_without_exclusions_no_choice_of_events_gets_further(
    events: Events, streams: list[bytes], sequence: Sequence
) -> None:
    happened = decoded(streams)
    events.hold(rows_of(happened))
    loose = replace(sequence, order=Order.LOOSE, exclusions=())
    most = [furthest(stream, plan_of(loose)) for stream in grouped(happened, loose.within).values()]
    assert Counter(row["reached"] for row in events.ask(who(loose))) == Counter(length for length in most if length)


@of_streams(percent=5)
@given(many_streams, sequences)
def test_behind_every_number_of_every_group_stand_as_many(
    events: Events, streams: list[bytes], sequence: Sequence
) -> None:
    happened = decoded(streams)
    events.hold(rows_of(happened))
    attempts, devices = counted_attempts(happened, sequence), devices_of(happened)
    told = events.ask(funnel_statement(sequence, slice_of(), (DEVICE,)))
    assert {numbers["visit:device"] for numbers in told} == {devices[taken[0].event_id] for taken in attempts}
    for numbers in told:
        step, group = numbers["step"], {DEVICE: numbers["visit:device"]}
        of_group = (taken for taken in attempts if devices[taken[0].event_id] == group[DEVICE])
        there = [taken for taken in of_group if len(taken) >= step]
        assert len(there) == numbers["reached"]
        assert event_ids(events, who(sequence, step, group=group)) == taken_by(there)
        if step < len(sequence.steps):
            ended = [taken for taken in there if len(taken) == step]
            assert len(ended) == numbers["dropped"]
            assert event_ids(events, who(sequence, step, group=group, dropped=True)) == taken_by(ended)


@of_streams(percent=5)
@given(many_streams, names)
def test_as_many_are_at_the_first_step_as_a_query_counts(events: Events, streams: list[bytes], name: str) -> None:
    events.hold(rows_of(decoded(streams)))
    body = {"site_id": "shop", "metrics": ["visits", "visitors"], "date_range": "day"}
    query = parse_query(json.dumps({**body, "filters": [["is", "event:name", [name]]]}).encode())
    (counted,) = events.ask(compile_groups(query, PERIOD, slice_of().site))
    for within, metric in ((Within.VISIT, "visits"), (Within.VISITOR, "visitors")):
        funnel = funnel_statement(sequence_of([name, "a"], within=within), slice_of())
        assert events.ask(funnel)[0]["reached"] == counted[metric]


MUTATIONS = {
    "a window a millisecond too long": ("way[1].moment <=", "way[1].moment - 1000 <="),
    "a window a millisecond too short": ("way[1].moment <=", "way[1].moment + 1000 <="),
    "a window without its end": ("way[1].moment <=", "way[1].moment <"),
    "ties in the wrong order": ("event_id\n        ) AS moment_place", "event_id DESC\n        ) AS moment_place"),
    "strict as loose": ("= position + 1", "> position"),
    "exclusions that end nothing": ("THEN [] END", "THEN NULL END"),
    "the last attempt": ("len(taken) DESC, position)", "len(taken) DESC, position DESC)"),
    "the first attempt, however far it gets": ("len(taken) DESC, position)", "position)"),
    "an event that is two steps": ("BETWEEN 1 FOLLOWING", "BETWEEN CURRENT ROW"),
}


@pytest.fixture(scope="module")
def answered() -> tuple[Events, list[tuple[Statement, list[list[str]]]]]:
    """Random streams, and statements with their answers over them, which are plain Python's."""
    events = Events()
    happened = decoded([random.Random(seed).randbytes(16) for seed in range(1000)])
    events.hold(rows_of(happened))
    answers = []
    for sequence in (
        sequence_of("ab", 1000 * MS, order=Order.STRICT),
        sequence_of("aab", 2000 * MS, exclude=[("c", None)]),
        sequence_of("aba", 1000 * MS, exclude=[("x", 1)]),
    ):
        answer = taken_by(counted_attempts(happened, sequence))
        assert event_ids(events, who(sequence)) == answer
        answers.append((who(sequence), answer))
    return events, answers


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_of_the_statement_is_caught(
    answered: tuple[Events, list[tuple[Statement, list[list[str]]]]], mutation: str
) -> None:
    right, wrong = MUTATIONS[mutation]
    events, answers = answered
    mutants = [
        (replace(statement, sql=statement.sql.replace(right, wrong)), answer)
        for statement, answer in answers
        if right in statement.sql
    ]
    assert any(event_ids(events, mutant) != answer for mutant, answer in mutants)


def at(ms: float, name: str, event_id: str | None = None, **columns: Any) -> dict[str, Any]:
    return row(event_id or f"{ms:010}", BEGIN + ms * MS, **{"event_name": name, "anonymous_id": "v", **columns})


def reached(events: Events, rows: list[dict[str, Any]], sequence: Sequence, filters: Listed[Any] = ()) -> list[int]:
    events.hold(rows)
    return [row["reached"] for row in events.ask(funnel_statement(sequence, slice_of(filters)))]


@pytest.mark.parametrize(
    ("stream", "steps", "expected"),
    [
        ("ab", "aab", [1, 0, 0]),
        ("aab", "aab", [1, 1, 1]),
        ("aba", "aab", [1, 1, 0]),
        ("aba", "aba", [1, 1, 1]),
        ("ab", "aba", [1, 1, 0]),
        ("axbxa", "aba", [1, 1, 1]),
        ("ba", "ab", [1, 0]),
        ("", "ab", [0, 0]),
    ],
)
def test_one_event_is_one_step(events: Events, stream: str, steps: str, expected: list[int]) -> None:
    assert reached(events, [at(ms, name) for ms, name in enumerate(stream)], sequence_of(steps)) == expected


@pytest.mark.parametrize(("late_ms", "expected"), [(999, 1), (1000, 1), (1000.001, 0), (1001, 0)])
def test_the_end_of_the_window_belongs_to_it_and_the_next_moment_does_not(
    events: Events, late_ms: float, expected: int
) -> None:
    rows = [at(0, "a"), at(10, "b"), at(late_ms, "c")]
    assert reached(events, rows, sequence_of("abc", 1000 * MS)) == [1, 1, expected]


def test_a_window_of_a_year_is_as_exact(events: Events) -> None:
    year = timedelta(days=365)
    period = replace(PERIOD, end=BEGIN + timedelta(days=400))
    for late, expected in ((timedelta(0), 1), (MS, 0)):
        events.hold([at(0, "a"), at((year + late) / MS, "b")])
        told = events.ask(funnel_statement(sequence_of("ab", year), slice_of(period=period)))
        assert told[1]["reached"] == expected


def test_the_first_of_two_events_at_a_time_is_the_one_with_the_lower_id(events: Events) -> None:
    assert reached(events, [at(0, "a", "1"), at(0, "b", "2")], sequence_of("ab")) == [1, 1]
    assert reached(events, [at(0, "a", "2"), at(0, "b", "1")], sequence_of("ab")) == [1, 0]


def test_a_later_attempt_counts_where_it_gets_further_and_else_the_first(events: Events) -> None:
    rows = [at(0, "a"), at(1, "b"), at(5000, "a"), at(5001, "b"), at(5002, "c"), at(9000, "a"), at(9001, "b")]
    events.hold([*rows, at(9002, "c")])
    assert event_ids(events, who(sequence_of("abc", 1000 * MS))) == [["0000005000", "0000005001", "0000005002"]]
    assert event_ids(events, who(sequence_of("ab", 1000 * MS))) == [["0000000000", "0000000001"]]


@pytest.mark.parametrize(
    ("stream", "after", "expected"),
    [
        ("axbc", None, [1, 0, 0]),
        ("abxc", None, [1, 1, 0]),
        ("axbc", 2, [1, 1, 1]),
        ("abxc", 2, [1, 1, 0]),
        ("xabcx", None, [1, 1, 1]),
        ("axabc", None, [1, 1, 1]),
        ("abxbc", 2, [1, 1, 0]),
    ],
)
def test_an_excluded_event_between_two_steps_ends_the_attempt(
    events: Events, stream: str, after: int | None, expected: list[int]
) -> None:
    rows = [at(ms, name) for ms, name in enumerate(stream)]
    assert reached(events, rows, sequence_of("abc", exclude=[("x", after)])) == expected


def test_an_event_that_is_the_next_step_is_not_excluded(events: Events) -> None:
    assert reached(events, [at(0, "a"), at(1, "b")], sequence_of("ab", exclude=[("b", None)])) == [1, 1]


def test_strictly_nothing_comes_between_but_what_is_no_act(events: Events) -> None:
    strict = sequence_of("ab", order=Order.STRICT)
    assert reached(events, [at(0, "a"), at(1, "x"), at(2, "b")], strict) == [1, 0]
    for kind in ("page_ping", "identify", "group", "alias"):
        assert reached(events, [at(0, "a"), at(1, "x", event_type=kind), at(2, "b")], strict) == [1, 1]
    identified = sequence_of("aib", order=Order.STRICT)
    assert reached(events, [at(0, "a"), at(1, "i", event_type="identify"), at(2, "b")], identified) == [1, 1, 1]
    again = [at(0, "a"), at(1, "b", event_type="page_ping"), at(2, "a"), at(3, "c")]
    assert reached(events, again, sequence_of("aac", order=Order.STRICT)) == [1, 1, 1]


def test_filters_choose_the_events_of_the_stream(events: Events) -> None:
    rows = [at(0, "a"), at(1, "x"), at(2, "b"), at(3, "c", device_class="mobile")]
    strict = sequence_of("abc", order=Order.STRICT)
    assert reached(events, rows, strict) == [1, 0, 0]
    assert reached(events, rows, strict, [["is_not", "event:name", ["x"]]]) == [1, 1, 1]
    assert reached(events, rows, strict, [["is", "event:name", ["a", "b"]]]) == [1, 1, 0]


def test_a_filter_by_what_visits_did_leaves_their_streams_whole(events: Events) -> None:
    there = [at(ms, name, session_id="1") for ms, name in enumerate("axb")]
    elsewhere = [at(1000 + ms, name, session_id="2") for ms, name in enumerate("ab")]
    within_visit = sequence_of("ab", within=Within.VISIT)
    assert reached(events, [*there, *elsewhere], within_visit) == [2, 2]
    did = [["has_done", ["is", "event:name", ["x"]]]]
    assert reached(events, [*there, *elsewhere], within_visit, did) == [1, 1]
    assert reached(events, [*there, *elsewhere], sequence_of("ab", within=Within.PERSON), did) == [1, 1]


def test_bots_are_in_no_stream_unless_the_filters_ask_for_them(events: Events) -> None:
    rows = [at(ms, name, is_bot=True) for ms, name in enumerate("ab")]
    assert reached(events, rows, sequence_of("ab")) == [0, 0]
    assert reached(events, rows, sequence_of("ab"), [["is", "event:bot", ["true"]]]) == [1, 1]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/cart", "/cart", True),
        ("/cart", "/cart/", False),
        ("/c*t", "/cart", True),
        ("/blog/*", "/blog/", True),
        ("/blog/*", "/blog", False),
        ("*/a*b", "/x/a/\n/b", True),
        ("/100%", "/100%", True),
        ("/100%*", "/1000", False),
        ("/a_b*", "/axb", False),
        ("/a_b*", "/a_b", True),
        ("/a\\*", "/a\\b", True),
        ("*", None, True),
        ("(none)", None, True),
        ("/Cart", "/cart", False),
    ],
)
def test_a_page_is_a_view_of_a_path_like_the_pattern(
    events: Events, pattern: str, path: str | None, matches: bool
) -> None:
    sequence = Sequence((Step("page", Matching(page=pattern)),), within=Within.VISITOR)
    viewed = at(0, "page_view", event_type="page_view", page_path=path)
    assert reached(events, [viewed, at(1, "click", page_path=path)], sequence) == [matches]
    assert reached(events, [at(1, "click", page_path=path)], sequence) == [0]


def test_a_step_holds_its_own_filters(events: Events) -> None:
    mobile = Matching("b", filters=read_filters([["is", "visit:device", ["mobile"]], ["is", "visit:source", ["x"]]]))
    sequence = Sequence((Step("a", Matching("a")), Step("b", mobile)), within=Within.VISITOR)
    first = at(0, "a", referrer_host="x")
    assert reached(events, [first, at(1, "b"), at(2, "b", device_class="mobile")], sequence) == [1, 1]
    assert reached(events, [first, at(1, "b")], sequence) == [1, 0]
    assert reached(events, [at(0, "a"), at(2, "b", device_class="mobile")], sequence) == [1, 0]


def test_a_person_is_followed_over_devices_and_from_before_the_first_login(events: Events) -> None:
    rows = [
        at(0, "a", anonymous_id="phone"),
        at(1, "b", anonymous_id="phone", user_id="u"),
        at(2, "c", anonymous_id="desk", user_id="u"),
        at(3, "a", anonymous_id="desk", user_id="w"),
        at(4, "b", anonymous_id="other"),
    ]
    assert reached(events, rows, sequence_of("abc", within=Within.PERSON)) == [2, 1, 1]
    assert reached(events, rows, sequence_of("abc", within=Within.VISITOR)) == [2, 1, 0]
    people = events.ask(who(sequence_of("abc", within=Within.PERSON)))
    assert [(row["person"], row["reached"]) for row in people] == [("w", 1), ("u", 3)]


def test_a_visit_is_one_of_the_tracker_or_ends_with_half_an_hour_of_rest(events: Events) -> None:
    within_visit = sequence_of("ab", within=Within.VISIT)
    minute = 60_000
    assert reached(events, [at(0, "a"), at(30 * minute, "b")], within_visit) == [1, 1]
    assert reached(events, [at(0, "a"), at(30 * minute + 1, "b")], within_visit) == [1, 0]
    assert reached(events, [at(0, "a", session_id="1"), at(1, "b", session_id="2")], within_visit) == [1, 0]
    assert reached(events, [at(0, "a"), at(30 * minute + 1, "b")], sequence_of("ab")) == [1, 1]


def test_who_has_no_id_is_in_no_stream_but_of_visits(events: Events) -> None:
    denied = {"anonymous_id": None, "consent": "denied", "event_type": "page_view"}
    rows = [at(0, "a", referrer_host="x", **denied)]
    assert [reached(events, rows, sequence_of("ab", within=within)) for within in Within] == [[1, 0], [0, 0], [0, 0]]


def test_a_stream_begins_and_ends_with_the_range(events: Events) -> None:
    day = timedelta(days=1) / MS
    rows = [at(-1, "a"), at(0, "b"), at(1, "a"), at(day - 1, "b"), at(day, "c")]
    assert reached(events, rows, sequence_of("abc")) == [1, 1, 0]
    assert reached(events, rows, sequence_of("ba")) == [1, 1]


def test_groups_are_those_of_the_first_step_and_the_greatest_come_first(events: Events) -> None:
    rows = [at(ms, "a", anonymous_id=f"v{ms}", device_class="mobile" if ms < 3 else "desktop") for ms in range(5)]
    events.hold([*rows, at(10, "b", anonymous_id="v0", device_class="desktop")])
    told = events.ask(funnel_statement(sequence_of("ab"), slice_of(), (DEVICE, DAY)))
    assert [(row["visit:device"], str(row["time:day"]), row["step"], row["reached"]) for row in told] == [
        ("mobile", "2026-03-01", 1, 3),
        ("mobile", "2026-03-01", 2, 1),
        ("desktop", "2026-03-01", 1, 2),
        ("desktop", "2026-03-01", 2, 0),
    ]
    greatest = events.ask(funnel_statement(sequence_of("ab"), slice_of(), (DEVICE,), groups=1))
    assert [row["visit:device"] for row in greatest] == ["mobile", "mobile"]


def test_shares_and_times_are_told_of_each_step(events: Events) -> None:
    rows = [at(ms, "a", anonymous_id=f"v{ms}") for ms in range(4)]
    events.hold([*rows, at(1000, "b", anonymous_id="v0"), at(3001, "b", anonymous_id="v1")])
    first, second = events.ask(funnel_statement(sequence_of("ab"), slice_of()))
    assert first == {
        "step": 1,
        "name": "a",
        "reached": 4,
        "dropped": 2,
        "percent_of_first": 100.0,
        "percent_of_previous": 100.0,
        "median_seconds": None,
        "mean_seconds": None,
    }
    assert second == {**first, "step": 2, "name": "b", "reached": 2, "dropped": 0} | {
        "percent_of_first": 50.0,
        "percent_of_previous": 50.0,
        "median_seconds": 2.0,
        "mean_seconds": 2.0,
    }


def test_nobody_at_all_is_a_row_for_each_step(events: Events) -> None:
    events.hold([])
    told = events.ask(funnel_statement(sequence_of("ab"), slice_of()))
    assert [(row["reached"], row["percent_of_first"], row["percent_of_previous"]) for row in told] == [
        (0, None, None)
    ] * 2
    assert events.ask(funnel_statement(sequence_of("ab"), slice_of(), (DEVICE,))) == []


def test_who_is_behind_a_number_is_told_page_by_page_the_latest_first(events: Events) -> None:
    events.hold([at(ms, "a", anonymous_id=f"v{ms}") for ms in range(5)])
    pages = [
        events.ask(funnel_visits_statement(sequence_of("ab"), slice_of(), 1, limit=2, offset=offset))
        for offset in (0, 2, 4)
    ]
    assert [[row["visitor"] for row in page] for page in pages] == [["v4", "v3"], ["v2", "v1"], ["v0"]]
    assert pages[2] == [{"visitor": "v0", "started_at": BEGIN, "reached": 1, "seconds": 0.0, "event_ids": [f"{0:010}"]}]
