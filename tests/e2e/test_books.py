"""The reconciliation of a running stack: zero if nothing is lost, else the number of lost events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from local.stack import Stack
from tests.e2e.failing_stack import StackOverFailingStorage
from tests.e2e.journey import compact_everything, stack_settings, wait_for_counts
from tests.integration.compacting.failing_storage import FailingStorage

pytestmark = pytest.mark.e2e


def send(stack: Stack, numbers: Sequence[int]) -> int:
    """Send events of as many visitors in one request. Return the status of the answer."""
    events = [{"name": "a", "event_id": f"e{number}", "anonymous_id": f"v{number}"} for number in numbers]
    answer = httpx.post(f"{stack.base_url}/api/events", json=events, headers={"X-Write-Key": "demo"}, timeout=180)
    return answer.status_code


def test_a_request_that_became_durable_in_part_and_is_sent_again_leaves_no_difference(tmp_path: Path) -> None:
    settings = stack_settings(tmp_path)
    azurite = f"http://127.0.0.1:{settings.azurite_blob_port}/devstoreaccount1"
    with (
        FailingStorage(azurite, only="/spill/events/") as storage,
        StackOverFailingStorage(settings, storage, deadlines={}) as stack,  # the usual ones of tests, so nothing spills
    ):
        assert send(stack, range(100)) == httpx.codes.OK
        assert stack.event_hubs.stored("events") == 100
        for partition in ("2", "3"):
            stack.event_hubs.fault("send", "drop_before_store", partition=partition)
        storage.die_at(1)
        assert send(stack, range(100, 140)) == httpx.codes.SERVICE_UNAVAILABLE
        durable = stack.event_hubs.stored("events") - 100
        assert 0 < durable < 40
        storage.die_at(None)
        stack.event_hubs.clear_faults()
        assert send(stack, range(100, 140)) == httpx.codes.OK
        compact_everything(stack)
        totals = wait_for_counts(stack, lambda totals: totals.answered >= 140)
        assert (totals.answered, totals.unanswered + totals.unresolved) == (140, 40), totals
        # The hub stored it before it closed the connection, without an acknowledgement.
        assert 0 < totals.unanswered <= durable <= 40, totals
        assert (totals.arrived, totals.rows, totals.duplicates) == (140 + durable, 140, durable), totals
        assert (totals.difference, totals.uncounted) == (0, 0), totals


def test_events_that_were_answered_and_are_lost_with_the_hubs_memory_are_a_difference_and_a_finding(
    tmp_path: Path,
) -> None:
    # Windows that end when a test says so: until then the emulator has events in its memory alone.
    with Stack(replace(stack_settings(tmp_path), capture_window_seconds=600)) as stack:
        assert send(stack, range(50)) == httpx.codes.OK
        compact_everything(stack)
        assert send(stack, range(50, 150)) == httpx.codes.OK
        stack.event_hubs.kill()
        stack.event_hubs.start()
        assert send(stack, range(150, 200)) == httpx.codes.OK
        stack.event_hubs.flush_capture()
        totals = wait_for_counts(stack, lambda totals: totals.answered >= 200 and totals.rows >= 100)
        assert (totals.answered, totals.rows, totals.difference) == (200, 100, 100), totals
        assert totals.renumbered > 0
