"""Paths over random streams say what plain Python says about them, and what strict funnels say."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.querying.scope import Matching
from clickstream.querying.sequences.funnels import funnel_statement
from clickstream.querying.sequences.paths import Direction, paths_statement
from clickstream.sites.funnels import Order, Within
from tests.functional.sequences.asking import Events, row, rows_of, slice_of
from tests.functional.sequences.plain_streams import BEGIN, MS, Happened, decoded, grouped
from tests.functional.sequences.random_sequences import many_streams, names, of_streams, sequence_of

Paths = dict[tuple[str, ...], tuple[int, int]]


@pytest.fixture(scope="module")
def events() -> Events:
    return Events()


def walks(stream: list[Happened], start: str | None, direction: Direction, fold: bool) -> Iterator[list[str]]:
    """From each event where a path begins on: all that follows, and the end."""
    nodes = [event.name for event in stream if event.type == "custom" or event.name == start]
    if direction is Direction.BACKWARD:
        nodes.reverse()
    if fold:
        nodes = [name for index, name in enumerate(nodes) if index == 0 or nodes[index - 1] != name]
    for index, name in enumerate(nodes):
        if name == start or (start is None and index == 0):
            yield [f"event {name}" for name in nodes[index:]] + ["end"]


def expected(walked: list[tuple[object, list[str]]], length: int, branches: int, path: tuple[str, ...] = ()) -> Paths:
    """Streams and times of every path that goes on from this one."""
    ways: dict[str, list[tuple[object, list[str]]]] = defaultdict(list)
    for stream, rest in walked:
        ways[rest[0]].append((stream, rest[1:]))
    streams = {way: len({stream for stream, _ in walked}) for way, walked in ways.items()}
    chosen = sorted((way for way in ways if way != "end"), key=lambda way: (-streams[way], way))[:branches]
    other = [walk for way, walked in ways.items() if way not in (*chosen, "end") for walk in walked]
    told: Paths = {}
    for way, some in ({way: ways[way] for way in chosen} | {"end": ways["end"], "other": other}).items():
        if some:
            told[(*path, way)] = (len({stream for stream, _ in some}), len(some))
            if way in chosen and len(path) + 1 < length:
                told |= expected(some, length, branches, (*path, way))
    return told


def by_path(rows: list[dict[str, Any]]) -> Paths:
    return {tuple(row["path"]): (row["reached"], row["times"]) for row in rows}


@of_streams(percent=20)
@given(
    many_streams,
    st.none() | names,
    st.sampled_from(list(Direction)),
    st.sampled_from(list(Within)),
    st.integers(2, 5),
    st.integers(1, 3),
    st.booleans(),
)
def test_paths_are_those_that_plain_python_finds(
    events: Events,
    streams: list[bytes],
    start: str | None,
    direction: Direction,
    within: Within,
    length: int,
    branches: int,
    fold: bool,
) -> None:
    happened = decoded(streams)
    events.hold(rows_of(happened))
    statement = paths_statement(
        slice_of(),
        Matching(start) if start is not None else None,
        direction=direction,
        within=within,
        length=length,
        branches=branches,
        fold_repeats=fold,
    )
    walked = [
        (key, walk)
        for key, stream in grouped(happened, within).items()
        for walk in walks(stream, start, direction, fold)
    ]
    rows = events.ask(statement)
    assert by_path(rows) == expected(walked, length, branches)
    assert len(rows) == len(by_path(rows))


MUTATIONS = {
    "ties in the wrong order": ("event_id\n        ) AS moment_place", "event_id DESC\n        ) AS moment_place"),
    "ways by how often they are gone": ("count(DISTINCT stream_key) DESC", "count(*) DESC"),
    "a way too few": ("place <= ", "place < "),
    "what is no act followed, too": ("WHERE is_act OR is_start", "WHERE true"),
    "ways one after the next but one": ("lead(node, 1)", "lead(node, 2)"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_of_the_statement_is_caught(events: Events, mutation: str) -> None:
    happened = decoded([random.Random(seed).randbytes(16) for seed in range(300)])
    events.hold(rows_of(happened))
    statement = paths_statement(slice_of(), Matching("a"), within=Within.VISITOR, length=4, branches=2)
    streams = grouped(happened, Within.VISITOR).items()
    walked = [(key, walk) for key, stream in streams for walk in walks(stream, "a", Direction.FORWARD, False)]
    assert by_path(events.ask(statement)) == expected(walked, 4, 2)
    right, wrong = MUTATIONS[mutation]
    assert right in statement.sql
    mutant = replace(statement, sql=statement.sql.replace(right, wrong))
    assert by_path(events.ask(mutant)) != expected(walked, 4, 2)


def test_ties_in_the_wrong_order_within_visits_are_caught(events: Events) -> None:
    happened = decoded([random.Random(seed).randbytes(16) for seed in range(300)])
    events.hold(rows_of(happened))
    statement = paths_statement(slice_of(), length=4, branches=2)
    right = "PARTITION BY visit_key ORDER BY occurred_at, received_at, event_id"
    assert right in statement.sql
    mutant = replace(statement, sql=statement.sql.replace(right, f"{right} DESC"))
    assert by_path(events.ask(mutant)) != by_path(events.ask(statement))


@of_streams(percent=10)
@given(many_streams, names, st.sampled_from(list(Direction)), st.sampled_from(list(Within)))
def test_a_path_is_gone_by_as_many_as_reach_the_end_of_the_same_strict_funnel(
    events: Events, streams: list[bytes], start: str, direction: Direction, within: Within
) -> None:
    happened = [replace(event, type="custom") for event in decoded(streams)]
    events.hold(rows_of(happened))
    statement = paths_statement(slice_of(), Matching(start), direction=direction, within=within, length=3, branches=4)
    paths = [path for path in by_path(events.ask(statement)).items() if path[0][-1] != "end"]
    for path, (reached, _) in paths[:6]:
        steps = [node.removeprefix("event ") for node in path]
        if direction is Direction.BACKWARD:
            steps.reverse()
        funnel = funnel_statement(sequence_of(steps, within=within, order=Order.STRICT), slice_of())
        assert events.ask(funnel)[-1]["reached"] == reached


def viewed(ms: int, page: str | None, **columns: Any) -> dict[str, Any]:
    named = {"event_type": "page_view", "event_name": "page_view", "page_path": page, "anonymous_id": "v"}
    return row(f"{ms:09}", BEGIN + ms * MS, **{**named, **columns})


def test_a_path_says_what_its_last_event_is(events: Events) -> None:
    signed_up = viewed(3, "/x", event_type="custom", event_name="sign up now")
    events.hold([viewed(0, "/"), viewed(1, "/a b"), viewed(2, None), signed_up])
    rows = events.ask(paths_statement(slice_of(), Matching(page="/*"), length=10))
    assert [(row["step"], row["kind"], row["label"]) for row in rows if row["path"][0] == "page /"] == [
        (1, "page", "/"),
        (2, "page", "/a b"),
        (3, "page", "(none)"),
        (4, "event", "sign up now"),
        (5, "end", None),
    ]
    assert [row["path"] for row in rows if row["path"][0] == "page /a b"][1:] == [
        ["page /a b", "page (none)"],
        ["page /a b", "page (none)", "event sign up now"],
        ["page /a b", "page (none)", "event sign up now", "end"],
    ]


def test_every_way_on_adds_up_to_the_path_it_leaves(events: Events) -> None:
    happened = decoded([random.Random(seed).randbytes(16) for seed in range(60)])
    events.hold(rows_of(happened))
    paths = by_path(events.ask(paths_statement(slice_of(), Matching("a"), within=Within.VISITOR, branches=2)))
    onward: Counter[tuple[str, ...]] = Counter()
    for path, (_, times) in paths.items():
        onward[path[:-1]] += times
    assert any("other" in path for path in paths)
    for path, (_, times) in paths.items():
        if len(path) < 4 and path[-1] not in ("other", "end"):
            assert onward[path] == times


def test_pings_and_calls_that_say_who_it_is_are_no_part_of_paths_unless_they_begin_them(events: Events) -> None:
    rows = [viewed(0, "/"), viewed(1, "/", event_type="page_ping"), viewed(2, "/a"), viewed(3, "/", event_type="alias")]
    events.hold(rows)
    assert by_path(events.ask(paths_statement(slice_of(), length=3)))[("page /", "page /a", "end")] == (1, 1)
    events.hold([viewed(0, "/"), viewed(1, "/", event_type="identify", event_name="identify"), viewed(2, "/a")])
    identified = by_path(events.ask(paths_statement(slice_of(), Matching("identify"), length=2)))
    assert identified == {("event identify",): (1, 1), ("event identify", "page /a"): (1, 1)}


def test_filters_choose_the_events_of_paths(events: Events) -> None:
    events.hold([viewed(0, "/"), viewed(1, "/", event_type="custom", event_name="scroll"), viewed(2, "/a")])
    views = slice_of([["is", "event:name", ["page_view"]]])
    assert by_path(events.ask(paths_statement(views, length=2))) == {("page /",): (1, 1), ("page /", "page /a"): (1, 1)}
