"""Which files are merged, and which are looked at for rows that are too old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clickstream.maintaining.planning import MANY_FILES, SMALL_BYTES, TARGET_BYTES, expired, files_to_merge
from clickstream.table.data_files import Cleaned, DataFile

TODAY = date(2026, 3, 20)
SETTLED = date(2026, 3, 12)
AT = datetime(2026, 3, 20, 12, tzinfo=UTC)
MB = 1_000_000


def file(
    name: str, size: int = MB, day: date = TODAY, *, written_at: datetime = AT, sites: tuple[str, str] | None = None
) -> DataFile:
    first, last = sites or (None, None)
    return DataFile(name, day, size, written_at, first, last)


def groups(files: Sequence[DataFile]) -> list[list[str]]:
    return [[each.path for each in group] for group in files_to_merge(files, TODAY)]


def test_a_day_that_still_grows_waits_for_many_small_files() -> None:
    files = [file(f"{n:02}") for n in range(MANY_FILES)]
    assert groups(files[1:]) == []
    assert groups(files) == [[each.path for each in files]]


def test_a_settled_day_is_left_with_one_file() -> None:
    assert groups([file("a", day=SETTLED), file("b", day=SETTLED)]) == [["a", "b"]]
    assert groups([file("a", day=SETTLED)]) == []
    assert groups([file("a", day=SETTLED + timedelta(1)), file("b", day=SETTLED + timedelta(1))]) == []


def test_a_large_file_is_not_read_again_for_a_few_tiny_ones() -> None:
    tiny = [file(f"{n:02}", 1_000) for n in range(MANY_FILES)]
    assert groups([*tiny, file("large", 50 * MB)]) == [[each.path for each in tiny]]


def test_the_day_with_the_most_files_comes_first() -> None:
    other = TODAY - timedelta(1)
    files = [file(f"a{n}") for n in range(MANY_FILES)] + [file(f"b{n}", day=other) for n in range(MANY_FILES + 1)]
    assert [group[0].day for group in files_to_merge(files, TODAY)] == [other, TODAY]


@given(st.lists(st.tuples(st.integers(1, 2 * TARGET_BYTES), st.integers(0, 12)), max_size=60))
def test_merging_ends_soon_with_files_of_one_day_that_are_not_too_large(sizes: list[tuple[int, int]]) -> None:
    files = [file(f"{n}", size, TODAY - timedelta(days=age)) for n, (size, age) in enumerate(sizes)]
    for turn in range(len(files) + 1):
        group = next(files_to_merge(files, TODAY), None)
        if group is None:
            break
        assert len({each.day for each in group}) == 1
        assert max(each.size_bytes for each in group) < SMALL_BYTES
        total = sum(each.size_bytes for each in group)
        assert total <= TARGET_BYTES
        files = [each for each in files if each not in group] + [file(f"merged {turn}", total, group[0].day)]
    else:
        raise AssertionError("there is always more to merge")


def test_rows_of_days_before_the_limit_are_looked_for_in_files_that_may_hold_them() -> None:
    old, first = TODAY - timedelta(days=31), TODAY - timedelta(days=30)
    files = [
        file("old", day=old, sites=("a", "z")),
        file("of others", day=old, sites=("a", "b")),
        file("of nobody knows", day=old),
        file("kept", day=first, sites=("shop", "shop")),
    ]
    result = expired(files, {"shop": first}, {})
    assert [(each.day, sorted(each.sites), [each.path for each in each.files]) for each in result] == [
        (old, ["shop"], ["old", "of nobody knows"])
    ]


def test_what_was_looked_at_is_not_looked_at_again_unless_it_was_written_later() -> None:
    before = AT - timedelta(days=2)
    cleaned = {"shop": Cleaned(TODAY - timedelta(days=30), AT - timedelta(days=1))}
    files = [
        file("done", day=TODAY - timedelta(days=40), written_at=before),
        file("imported since", day=TODAY - timedelta(days=40), written_at=AT),
        file("expired since", day=TODAY - timedelta(days=30), written_at=before),
    ]
    result = expired(files, {"shop": TODAY - timedelta(days=29)}, cleaned)
    assert [[each.path for each in each.files] for each in result] == [["imported since"], ["expired since"]]
