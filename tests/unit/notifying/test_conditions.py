"""When incidents begin and end, compared with an oracle; and the thresholds that docs/notices.md defines."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clickstream.notifying.conditions import (
    Finding,
    Turn,
    Watch,
    after_look,
    definition_drift,
    failed_events,
    reconciliation,
    silence,
    spike,
)
from clickstream.notifying.looking import _weeks_before
from clickstream.sites.alerts import Alert

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
# A look at which the condition holds, one at which it is calm, and one at which it is neither.
LOOKS = {"B": Finding(True, False, {}), "C": Finding(False, True, {}), "M": Finding(False, False, {})}


def turns(looks: str) -> list[tuple[int, Turn]]:
    """What changes, by the number of the look."""
    watch, found = Watch("spike"), []
    for number, look in enumerate(looks):
        watch, turn = after_look(watch, START + number * HOUR, LOOKS[look])
        if turn is not None:
            found.append((number, turn))
    return found


def oracle(looks: str) -> list[tuple[int, Turn]]:
    """An incident is a text that begins with B and goes on to the first CC."""
    found: list[tuple[int, Turn]] = []
    for incident in re.finditer(r"B.*?CC|B.*$", looks):
        found.append((incident.start(), "began"))
        if incident[0].endswith("CC"):
            found.append((incident.end() - 1, "ended"))
    return found


def test_one_incident_begins_once_and_ends_once() -> None:
    assert turns("CMBBMCBCMCCCB") == [(2, "began"), (10, "ended"), (12, "began")]
    chance = random.Random(19)
    for _ in range(2000):
        looks = "".join(chance.choices("BCM", (1, 2, 1), k=chance.randrange(30)))
        assert turns(looks) == oracle(looks), looks


def alert(condition: str, **options: Any) -> Alert:
    fields = {"name": "a", "keep_updated": {"every": "hour"}, "webhooks": [{"connection": "team"}], **options}
    return Alert.model_validate({"alert": condition, **fields})


def state(finding: Finding) -> str:
    return "began" if finding.begins else "calm" if finding.is_calm else "neither"


@pytest.mark.parametrize(
    ("events", "before", "expected"),
    [
        (60, [20, 10, 30, 20], "began"),  # three times the median
        (59, [20, 10, 30, 20], "neither"),
        (48, [20, 10, 30, 20], "neither"),  # four fifths of it
        (47, [20, 10, 30, 20], "calm"),
        (60, [0, 25, 15, 900], "began"),  # of four, the mean of the two in the middle
        (49, [0, 0, 0, 0], "neither"),
        (50, [0, 0, 0, 0], "began"),  # at least so many
    ],
)
def test_a_spike_is_a_multiple_of_the_usual_number(events: int, before: list[int], expected: str) -> None:
    assert state(spike(alert("spike", at_least=50), events, before)) == expected


def test_silence_begins_after_events_alone() -> None:
    assert [state(silence(*numbers)) for numbers in ((0, 0), (0, 5), (1, 5), (1, 0))] == [
        "neither", "began", "calm", "calm",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("failed", "compacted", "expected"),
    [
        (20, 180, "began"),  # a tenth, and at least 20
        (20, 181, "neither"),
        (19, 0, "neither"),
        (10, 190, "neither"),  # half of both
        (10, 191, "calm"),
        (9, 0, "calm"),
        (0, 0, "calm"),
    ],
)
def test_failed_events_are_many_and_a_large_share(failed: int, compacted: int, expected: str) -> None:
    job = alert("failed_events", share=0.1, at_least=20)
    assert state(failed_events(job, failed, compacted)) == expected
    assert state(definition_drift(job, [("a", 1000, 0), ("b", failed + compacted, failed)])) == expected


def test_the_message_about_a_drift_names_the_definition_with_most() -> None:
    job = alert("definition_drift", share=0.5, at_least=1)
    assert definition_drift(job, [("a", 9, 5), ("b", 10, 8), ("c", 1, 1)]).facts == {
        "bad": 8, "events": 10, "name": "b",
    }  # fmt: skip
    assert state(definition_drift(job, [])) == "calm"


def test_reconciliation_has_no_middle() -> None:
    assert [state(reconciliation(difference)) for difference in (0, 1)] == ["calm", "began"]


def test_the_same_hour_of_weeks_before_is_that_of_the_clock() -> None:
    """Clocks in Berlin changed on 29 March 2026."""
    hours = _weeks_before(datetime(2026, 4, 6, 8, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert [f"{begin:%m-%d %H} {end:%H}" for begin, end in hours] == [
        "03-30 08 09", "03-23 09 10", "03-16 09 10", "03-09 09 10",
    ]  # fmt: skip
