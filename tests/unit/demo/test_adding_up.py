"""The demo's reconciliation adds up unless an event is lost, duplicated or not answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clickstream.compacting.totals import Totals
from local.demo.__main__ import adds_up

SENT = 60
QUIET = Totals(answered=60, acknowledged=60, captured=60, rows=59, failed=1)
SPILLED = replace(QUIET, acknowledged=20, spilled=40)
# The hub took a message that the spill has too.
TAKEN_TWICE = replace(SPILLED, captured=61, redelivered=1, duplicates=1)
# A client had no answer and sent again; the hub and the spill both took that.
COPY_OF_A_COPY = replace(SPILLED, answered=61, spilled=42, captured=62, duplicates=2)


@pytest.mark.parametrize(
    "counts", [QUIET, SPILLED, TAKEN_TWICE, COPY_OF_A_COPY], ids=["quiet", "spilled", "taken twice", "copy of a copy"]
)
def test_what_the_hub_or_the_spill_took_adds_up_however_often_it_was_delivered(counts: Totals) -> None:
    assert adds_up(SENT, counts)


def test_a_copy_of_a_copy_is_what_the_reconciliation_leaves_uncounted() -> None:
    assert (COPY_OF_A_COPY.uncounted, COPY_OF_A_COPY.difference) == (1, 0)


@pytest.mark.parametrize(
    "counts",
    [
        replace(SPILLED, spilled=39, captured=59, rows=58),
        replace(SPILLED, spilled=41, captured=61, rows=60),
        replace(SPILLED, answered=59),
        replace(QUIET, missing=1),
        replace(QUIET, rows=58),
    ],
    ids=["one lost", "one there twice", "one not answered", "a number in no file", "a message became nothing"],
)
def test_an_event_that_is_lost_or_there_twice_does_not_add_up(counts: Totals) -> None:
    assert not adds_up(SENT, counts)
