"""The records that make a file fail are found, and no neighbour is taken for one."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.capture.narrowing import MAX_TRIES, failing_records
from clickstream.errors import Unavailable


def always() -> bool:
    return True


@given(st.integers(1, 400), st.data())
def test_just_the_records_that_fail_are_found(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.frozensets(st.integers(0, count - 1), max_size=12))
    tries = 0

    def check(left_out: Collection[int]) -> None:
        nonlocal tries
        tries += 1
        if bad.difference(left_out):
            raise ZeroDivisionError

    assert failing_records(count, check, always) == bad
    assert tries <= 2 + 2 * len(bad) * count.bit_length()


def test_a_file_that_fails_without_records_has_no_bad_ones() -> None:
    def check(left_out: Collection[int]) -> None:
        raise ZeroDivisionError("the table")

    with pytest.raises(ZeroDivisionError):
        failing_records(50, check, always)


def test_records_that_fail_only_beside_one_another_go_together() -> None:
    def check(left_out: Collection[int]) -> None:
        if not {1, 6}.intersection(left_out):
            raise ZeroDivisionError

    assert failing_records(8, check, always) == frozenset(range(8))


def test_storage_that_fails_is_no_fault_of_a_record() -> None:
    def check(left_out: Collection[int]) -> None:
        if len(left_out) < 8:
            raise Unavailable("storage")

    with pytest.raises(Unavailable):
        failing_records(8, check, always)


@pytest.mark.parametrize("has_time", [True, False])
def test_the_search_ends_where_very_many_fail_and_takes_the_rest_as_a_whole(has_time: bool) -> None:
    tries = 0

    def check(left_out: Collection[int]) -> None:
        nonlocal tries
        tries += 1
        if len(left_out) < 20_000:
            raise ZeroDivisionError

    assert failing_records(20_000, check, lambda: has_time) == frozenset(range(20_000))
    assert tries <= MAX_TRIES + 4
