"""One row per id and content, over all time, whatever is read twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.compacting.dedupe import MAX_FAR_DATES
from local.azurite import Azurite
from tests.integration.compacting.lake import START, Lake, event

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(azurite: Azurite) -> Lake:
    return Lake(azurite)


def contents(lake: Lake) -> list[tuple[str, str, bool]]:
    return sorted((row["event_id"], row["fingerprint"], row["id_reused"]) for row in lake.rows())


def test_an_id_that_is_used_again_for_something_else_is_kept_and_marked(lake: Lake) -> None:
    first = [event("a"), event("a", fingerprint="g"), event("a"), event("b")]
    lake.capture(0, first)
    assert lake.compact().duplicates == 1
    lake.capture(1, [event("a", fingerprint="h"), event("a", fingerprint="g"), event("b")], first_sequence=4)
    report = lake.compact()
    assert (report.rows, report.duplicates) == (1, 2)
    assert contents(lake) == [("a", "f", False), ("a", "g", True), ("a", "h", True), ("b", "f", False)]


def test_the_same_events_again_add_nothing_though_their_ids_are_used_twice(lake: Lake) -> None:
    bodies = [event("a"), event("a", fingerprint="g"), event("b")]
    lake.capture(0, bodies)
    lake.compact()
    before = contents(lake)
    lake.capture(1, bodies, first_sequence=0)
    lake.spill(bodies)
    report = lake.compact()
    assert (report.rows, report.duplicates) == (0, 6)
    assert contents(lake) == before


@pytest.mark.parametrize(
    ("first", "again", "created"),
    [
        (START, START + timedelta(seconds=30), None),
        (START, START + timedelta(hours=20), None),
        (START - timedelta(days=20), START - timedelta(days=7), START - timedelta(days=20)),
        (START - timedelta(days=34), START, START - timedelta(days=34, minutes=1)),
        (START - timedelta(days=4000), START, START - timedelta(days=4000, minutes=1)),
        (START - timedelta(hours=12, seconds=1), START - timedelta(hours=11, minutes=30), START),
    ],
    ids=["a moment later", "without a clock", "clamped", "under an old sent_at", "after years", "over midnight"],
)
def test_a_copy_that_moved_is_recognised_under_the_date_of_the_first(
    lake: Lake, first: datetime, again: datetime, created: datetime | None
) -> None:
    lake.capture(0, [event("a", occurred_at=first, created_at=created)])
    lake.compact()
    lake.capture(1, [event("a", occurred_at=again, created_at=created)], first_sequence=1)
    assert (lake.compact().duplicates, lake.ids()) == (1, ["a"])


def test_beyond_the_limit_of_far_dates_the_report_counts_the_events_not_searched(lake: Lake) -> None:
    """There is one date more than is searched: the oldest of those with a single event."""
    days = [START - timedelta(days=100 + number) for number in range(MAX_FAR_DATES + 1)]
    lake.capture(0, [event(f"{day:%j}", occurred_at=day, created_at=day) for day in days])
    lake.compact()
    again = [event(f"{day:%j}", created_at=day) for day in days]
    lake.capture(1, [*again, event("new", created_at=days[-1])], first_sequence=len(days))
    report = lake.compact()
    assert (report.captured, report.duplicates, report.rows, report.unsearched) == (len(days) + 1, len(days) - 1, 2, 1)
    twice = [row["event_id"] for row in lake.rows() if row["created_at"] == days[-2]]
    assert twice == [f"{days[-2]:%j}"] * 2


FILES = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("fgh")), max_size=5), min_size=1, max_size=4
)


@given(FILES, st.sampled_from([1_100, 1_000_000]))
@settings(max_examples=8)
def test_any_files_leave_each_id_and_content_once_and_its_first_unmarked(
    azurite: Azurite, files: list[list[tuple[str, str]]], max_bytes: int
) -> None:
    lake = Lake(azurite, max_bytes)
    number = 0
    for second, words in enumerate(files):
        lake.capture(second, [event(word, fingerprint=content) for word, content in words], first_sequence=number)
        number += len(words)
    lake.compact()
    expected: dict[tuple[str, str], bool] = {}
    for word, content in (word for words in files for word in words):
        if (word, content) not in expected:
            expected[word, content] = word in {known for known, _ in expected}
    assert contents(lake) == sorted((*key, reused) for key, reused in expected.items())
