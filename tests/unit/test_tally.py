"""The lines about collecting for operators: counts a minute, and urgent conditions at once."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from clickstream.lines import LINES, SCHEMA
from clickstream.tally import Tally
from tests.functional.memory import Clock


class Process:
    """A tally and its clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tally = Tally(self.clock)

    def after(self, seconds: float) -> Sequence[tuple[str, dict[str, object]]]:
        """The lines that are due so many seconds later: name and fields, without the schema."""
        self.clock.seconds += seconds
        return [read(line) for line in self.tally.lines()]

    def answer(self, events: int = 1, failed: Sequence[str] = (), spilled: int = 0, *, has_salt: bool = True) -> None:
        self.tally.answered(events, failed, spilled, has_salt=has_salt)


def read(line: str) -> tuple[str, dict[str, object]]:
    name, _, text = line.partition(": ")
    values = json.loads(text)
    assert values.pop("schema") == SCHEMA
    assert tuple(values) == next(each.fields for each in LINES if each.name == name)
    return name, values


@pytest.fixture
def process() -> Process:
    return Process()


def test_a_minute_of_collecting_is_one_line_with_all_its_numbers(process: Process) -> None:
    process.answer(3, ["schema_violation", "not_json"])
    process.answer(2, ["schema_violation"], spilled=2, has_salt=False)
    process.tally.refused(401, "unauthorized", "no such key", lost=False)
    process.tally.sent(0.010)
    process.tally.sent(0.030)
    assert process.after(59) == []
    assert process.after(1) == [
        (
            "collected",
            {
                "seconds": 60.0,
                "requests": 3,
                "events": 5,
                "failed": {"schema_violation": 2, "not_json": 1},
                "spilled": 2,
                "missed": 0,
                "refused": {"401": 1},
                "breaker_openings": 0,
                "missing_salts": 1,
                "sends": 2,
                "send_ms_mean": 20.0,
                "send_ms_slowest": 30.0,
            },
        )
    ]


def test_nothing_is_said_where_nothing_happened(process: Process) -> None:
    assert process.after(600) == []


def test_each_line_tells_its_own_minute_alone(process: Process) -> None:
    process.answer(5, ["schema_violation"])
    process.after(60)
    assert process.after(600) == []
    process.answer(2)
    ((_, values),) = process.after(60)
    assert (values["events"], values["failed"], values["seconds"]) == (2, {}, 60.0)


def test_refusals_are_reported_at_once_and_then_once_a_minute_with_their_number(process: Process) -> None:
    def refuse() -> None:
        process.tally.refused(503, "unavailable", "neither takes events", lost=True)

    refuse()
    first = process.after(0)
    assert first == [
        ("refused", {"requests": 1, "status": 503, "code": "unavailable", "message": "neither takes events"})
    ]
    for _ in range(40):
        refuse()
        assert process.after(1) == []
    lines = process.after(30)
    assert [name for name, _ in lines] == ["refused", "collected"]
    assert lines[0][1]["requests"] == 40
    assert process.after(61) == []


def test_refusals_of_another_kind_are_reported_separately(process: Process) -> None:
    process.tally.refused(503, "unavailable", "a", lost=True)
    assert [values["code"] for _, values in process.after(0)] == ["unavailable"]
    process.tally.refused(503, "settings", "b", lost=True)
    assert [values["code"] for _, values in process.after(0)] == ["settings"]


def test_a_request_that_is_its_senders_fault_wakes_nobody(process: Process) -> None:
    process.tally.refused(401, "unauthorized", "no such key", lost=False)
    assert process.after(0) == []


def test_spilling_is_reported_at_once_and_then_once_a_minute_with_the_number(process: Process) -> None:
    process.tally.missed(4)
    process.answer(4, spilled=4)
    assert process.after(0) == [("spilling", {"events": 4})]
    process.tally.missed(2)
    assert process.after(30) == []
    lines = dict(process.after(30))
    assert lines["spilling"] == {"events": 2}
    assert lines["collected"]["missed"] == 6


def test_a_hub_that_is_left_alone_is_named_with_the_reason(process: Process) -> None:
    process.tally.breaker_opened("events", "refused")
    process.tally.breaker_opened("failed-events", "gone")
    assert process.after(0) == [
        ("breaker_open", {"openings": 1, "hub": "events", "reason": "refused"}),
        ("breaker_open", {"openings": 1, "hub": "failed-events", "reason": "gone"}),
    ]
    process.answer()
    assert dict(process.after(60))["collected"]["breaker_openings"] == 2
