"""Random histories with late events, changed definitions and crashes: members are right, and messages say so."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from local.event_hubs.process import EventHubsEmulator
from tests.integration.audiences.audience_lake import AudienceLake, Outbox, consumed, opened
from tests.integration.audiences.random_lives import Life
from tests.integration.compacting.failing_storage import FailingStorage

pytestmark = pytest.mark.integration
# LIVES sets how many histories are tried.
LIVES = int(os.environ.get("LIVES", "1"))
STEPS = 9


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


@pytest.fixture(scope="module")
def total() -> Counter[str]:
    """What happened in all histories together; a single one may be poor."""
    return Counter()


@pytest.mark.parametrize("seed", range(LIVES))
def test_every_transition_arrives_in_order_whatever_crashes(
    azurite: Azurite, storage: FailingStorage, tmp_path: Path, total: Counter[str], seed: int
) -> None:
    life = Life(AudienceLake(azurite), storage, seed)
    with EventHubsEmulator(tmp_path / "hub", {"changes": 2}) as emulator:
        life.lake.hub = Outbox(lambda: opened(emulator))
        life.live(STEPS)
        received = [event.body_as_str().encode() for event in consumed(emulator, len(life.lake.hub.taken))]
    assert sorted(received) == sorted(message.body for message in life.lake.hub.taken)
    life.check_messages(received)
    total.update(lives=1, crashes=life.crashes, rows=len(life.lake.changes()), messages=len(life.lake.hub.taken))


def test_there_were_crashes_and_messages_to_judge(total: Counter[str]) -> None:
    if total["lives"] < LIVES:
        pytest.skip("this is said of all histories, and not all of them ran to their end")
    print(dict(total))
    assert total["crashes"] > 3 * LIVES
    assert total["messages"] > 5 * LIVES
