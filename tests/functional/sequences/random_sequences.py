"""Random sequences to look for in random streams, and the expected attempts."""

from __future__ import annotations

import os
from collections.abc import Sequence as Listed
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from clickstream.querying.scope import Exclusion, Matching, Sequence, Step
from clickstream.sites.funnels import Order, Within
from tests.functional.sequences.plain_streams import NAMES, Happened, Matches, Plan, counted, grouped

# How many random streams the comparisons with plain Python see together, at the least.
STREAMS = int(os.environ.get("STREAMS", "1000"))
AT_ONCE = 25
WINDOWS = [None, *(timedelta(milliseconds=ms) for ms in (0, 1, 999, 1000, 2000, 2001))]


def of_streams(percent: int) -> settings:
    """So many examples that they have this part of the streams."""
    return settings(max_examples=max(1, STREAMS * percent // 100 // AT_ONCE), suppress_health_check=list(HealthCheck))


names = st.sampled_from(NAMES)
many_streams = st.lists(st.binary(max_size=16), min_size=AT_ONCE, max_size=AT_ONCE)


def sequence_of(
    steps: Listed[str],
    window: timedelta | None = None,
    within: Within = Within.VISITOR,
    order: Order = Order.LOOSE,
    exclude: Listed[tuple[str, int | None]] = (),
) -> Sequence:
    """Events of these names, one after another."""
    return Sequence(
        tuple(Step(name, Matching(name)) for name in steps),
        window,
        within,
        order,
        tuple(Exclusion(Matching(name), after) for name, after in exclude),
    )


sequences = st.builds(
    sequence_of,
    st.lists(names, min_size=1, max_size=4),
    st.sampled_from(WINDOWS),
    st.sampled_from(list(Within)),
    st.sampled_from(list(Order)),
    st.lists(st.tuples(names, st.sampled_from([None, 1, 2, 3])), max_size=2),
)


def plan_of(sequence: Sequence) -> Plan:
    """The sequence for plain Python."""
    return Plan(
        [_named(step.matching) for step in sequence.steps],
        sequence.window,
        sequence.order,
        [(_named(exclusion.matching), exclusion.after) for exclusion in sequence.exclusions],
    )


def _named(matching: Matching) -> Matches:
    return lambda event: event.name == matching.event


def counted_attempts(happened: Listed[Happened], sequence: Sequence) -> list[list[Happened]]:
    """The attempt that counts of every stream with attempts."""
    plan = plan_of(sequence)
    attempts = (counted(stream, plan) for stream in grouped(happened, sequence.within).values())
    return [taken for taken in attempts if taken]
