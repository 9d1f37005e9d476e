"""Up to which moment the table is complete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickstream.capture.names import Watermark
from clickstream.compacting.progress import Compacted, complete_until, partition_complete_until
from clickstream.model.hub_state import HubState

CREATED = datetime(2026, 3, 10, 8, 0, 0, 500_000, tzinfo=UTC)
FILE = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
ENQUEUED = FILE + timedelta(seconds=30)
ASKED = FILE + timedelta(minutes=5)
DELIVERY = timedelta(seconds=5)


def test_all_that_the_hub_holds_compacted_is_complete_up_to_the_question() -> None:
    assert partition_complete_until(ASKED, CREATED, 41, Compacted(Watermark(FILE, 41), ENQUEUED)) == ASKED


def test_an_empty_partition_hides_nothing() -> None:
    assert partition_complete_until(ASKED, CREATED, -1, Compacted(Watermark(), None)) == ASKED


def test_with_more_in_the_hub_it_is_complete_up_to_the_last_compacted_event() -> None:
    assert partition_complete_until(ASKED, CREATED, 42, Compacted(Watermark(FILE, 41), ENQUEUED)) == ENQUEUED


def test_with_nothing_compacted_it_is_complete_up_to_the_making_of_the_hub() -> None:
    assert partition_complete_until(ASKED, CREATED, 0, Compacted(Watermark(), None)) == CREATED


def test_numbers_of_a_hub_that_was_made_anew_are_not_compared_with_the_old_ones() -> None:
    anew = FILE + timedelta(minutes=1)
    assert partition_complete_until(ASKED, anew, 5, Compacted(Watermark(FILE, 1000), ENQUEUED)) == anew


def test_a_file_of_the_second_in_which_the_hub_was_made_belongs_to_it() -> None:
    created_at = FILE + timedelta(milliseconds=900)
    assert partition_complete_until(ASKED, created_at, 3, Compacted(Watermark(FILE, 3), ENQUEUED)) == ASKED


def test_the_slowest_partition_of_any_hub_decides_less_the_time_on_the_way() -> None:
    states = {"events": HubState(CREATED, {"0": 9, "1": 9}), "failed-events": HubState(CREATED, {"0": -1})}
    compacted = {
        ("events", "0"): Compacted(Watermark(FILE, 9), ENQUEUED),
        ("events", "1"): Compacted(Watermark(FILE, 8), ENQUEUED),
    }
    assert complete_until(ASKED, DELIVERY, states, compacted, None) == ENQUEUED - DELIVERY


def test_it_never_moves_back() -> None:
    states = {"events": HubState(CREATED, {"0": 0})}
    assert complete_until(ASKED, DELIVERY, states, {}, before=FILE) == FILE
