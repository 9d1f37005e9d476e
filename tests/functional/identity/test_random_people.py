"""Everybody's events by the product's evidence, intervals and join are those of the rules in plain Python."""

from __future__ import annotations

import os
import random
from datetime import date

import pytest

from clickstream.identity.edits import Edit, EditKind
from tests.functional.identity.asking import people_in_sql, resolved
from tests.functional.identity.plain_people import people_of
from tests.functional.identity.random_people import random_streams

# How many random streams of events are compared.
PEOPLE = int(os.environ.get("PEOPLE", "1000"))
AT_ONCE = 100
TODAY = date(2026, 3, 10)


@pytest.mark.parametrize("seed", range(-(-PEOPLE // AT_ONCE)))
def test_every_event_is_the_persons_whose_it_is_by_the_rules(seed: int) -> None:
    streams = random_streams(seed, AT_ONCE)
    people = resolved(streams.events, streams.log, streams.rules, random.Random(seed))
    assert people_in_sql(streams.events, people, streams.rules) == people_of(
        streams.events, streams.log, streams.rules
    ), streams.rules


@pytest.mark.parametrize("seed", range(5))
def test_a_merge_that_is_undone_leaves_every_row_as_it_was(seed: int) -> None:
    streams = random_streams(seed)
    ids = sorted({event["user_id"] for event in streams.events} - {None, "guest"})
    number = len(streams.log) + 1
    merge = Edit(number=number, kind=EditKind.MERGE, ids=tuple(ids))
    undo = Edit(number=number + 1, kind=EditKind.UNDO, undoes=number)
    before, merged, undone = (
        resolved(streams.events, [*streams.log, *edits], streams.rules) for edits in ([], [merge], [merge, undo])
    )
    rows_before, rows_merged, rows_undone = (people.table("shop", TODAY) for people in (before, merged, undone))
    assert rows_undone.equals(rows_before)
    assert not rows_merged.equals(rows_before)
