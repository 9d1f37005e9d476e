"""Funnels over random streams say what plain Python says; and what docs/sequences.md says, case by case."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import pairwise
from statistics import mean, median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream.querying.dimensions import DIMENSIONS
from clickstream.querying.goals import Matching
from clickstream.querying.sequences.definition import Exclusion, Sequence, Step
from clickstream.querying.sequences.funnels import funnel_statement, funnel_visits_statement
from clickstream.querying.statement import Statement
from clickstream.sites.funnels import Order, Within
from tests.functional.sequences.asking import Events, rows_of, slice_of
from tests.functional.sequences.plain_streams import NAMES, Happened, Plan, counted, decoded, grouped

STREAMS = int(os.environ.get("STREAMS", "5000"))
AT_ONCE = 20
WINDOWS = [None, timedelta(0), timedelta(milliseconds=1), timedelta(seconds=1), timedelta(seconds=2)]
DEVICE = DIMENSIONS["visit:device"]

streams = st.lists(st.binary(max_size=16), min_size=AT_ONCE, max_size=AT_ONCE)
names = st.sampled_from(NAMES)
sequences = st.builds(
    lambda steps, window, within, order, exclusions: Sequence(
        tuple(Step(name, Matching(name)) for name in steps),
        window,
        within,
        order,
        tuple(Exclusion(Matching(name), after) for name, after in exclusions),
    ),
    st.lists(names, min_size=1, max_size=4),
    st.sampled_from(WINDOWS),
    st.sampled_from(list(Within)),
    st.sampled_from(list(Order)),
    st.lists(st.tuples(names, st.sampled_from([None, 1, 2, 3])), max_size=2),
)


def plan_of(sequence: Sequence) -> Plan:
    def named(name: str | None) -> Any:
        return lambda event: event.name == name

    return Plan(
        [named(step.matching.event) for step in sequence.steps],
        sequence.window,
        sequence.order,
        [(named(exclusion.matching.event), exclusion.after) for exclusion in sequence.exclusions],
    )


def expected(events: list[Happened], sequence: Sequence) -> list[list[Happened]]:
    """The attempt that counts of every stream that has one."""
    plan = plan_of(sequence)
    found = (counted(stream, plan) for stream in grouped(events, sequence.within).values())
    return [taken for taken in found if taken]


def visits(sequence: Sequence, step: int = 1, **options: Any) -> Statement:
    return funnel_visits_statement(sequence, slice_of(), step, limit=1000, **options)


@pytest.fixture(scope="module")
def events() -> Events:
    return Events()


many = settings(max_examples=STREAMS // AT_ONCE, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(streams, sequences)
def test_the_attempt_that_counts_is_the_one_that_plain_python_finds(
    events: Events, streams: list[bytes], sequence: Sequence
) -> None:
    happened = decoded(streams)
    events.hold(rows_of(happened))
    attempts = expected(happened, sequence)
    assert sorted(row["event_ids"] for row in events.ask(visits(sequence))) == sorted(
        [event.event_id for event in taken] for taken in attempts
    )
    reached = [sum(len(taken) > step for taken in attempts) for step in range(len(sequence.steps))]
    told = events.ask(funnel_statement(sequence, slice_of()))
    assert [row["reached"] for row in told] == reached == sorted(reached, reverse=True)
    assert [row["dropped"] for row in told] == [*(a - b for a, b in pairwise(reached)), 0]
    for step, row in enumerate(told):
        seconds = [(taken[step].at - taken[step - 1].at).total_seconds() for taken in attempts if len(taken) > step > 0]
        assert row["median_seconds"] == (pytest.approx(median(seconds)) if seconds else None)
        assert row["mean_seconds"] == (pytest.approx(mean(seconds)) if seconds else None)
