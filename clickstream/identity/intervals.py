"""Whose an anonymous device is, and when: intervals between the logins of different people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from clickstream.identity.rules import BEFORE_LOGIN

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """A person on a device at a moment. For a logout `person` is empty, so that anybody at that moment comes after."""

    at: datetime
    person: str
    evidence_id: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """Whose a device's anonymous events are, from `begin` (included) to `end` (excluded); None means open."""

    person: str | None
    begin: datetime | None
    end: datetime | None
    rule: str
    evidence_id: str | None


def intervals(sightings: Iterable[Sighting], most_people: int) -> list[Interval]:
    """The intervals of one device, in order and without gaps. None if nobody or more than `most_people` were seen.

    Before the first login the device is the first person's, however long before. Between the logins of two people it
    is the first one's until 30 minutes before the second one's login. After a logout it is nobody's until the next
    person's 30 minutes begin; `person` is None there.
    """
    turns = list(_turns(sightings))
    people = {turn.person for turn in turns if turn.person}
    if not people or len(people) > most_people:
        return []
    starts = [_Start(None, turns[0], "first login" if turns[0].person else "logout")]
    for before, turn in pairwise(turns):
        if turn.person != before.person:
            starts.append(_start(before, turn))
    return [
        Interval(start.turn.person or None, start.begin, end, start.rule, start.turn.evidence_id or None)
        for start, end in zip(starts, [*(later.begin for later in starts[1:]), None], strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Start:
    begin: datetime | None
    turn: Sighting
    rule: str


def _start(before: Sighting, turn: Sighting) -> _Start:
    if not turn.person:
        return _Start(turn.at, turn, "logout")
    return _Start(max(before.at + _INSTANT, turn.at - BEFORE_LOGIN), turn, "login")


def _turns(sightings: Iterable[Sighting]) -> Iterator[Sighting]:
    """One sighting for each moment: of the greatest name, and of a logout only if nobody is seen."""
    for _, together in groupby(sorted(sightings), key=lambda sighting: sighting.at):
        *_, greatest = together
        yield greatest


def by_device(sightings: Mapping[str, Iterable[Sighting]], most_people: int) -> dict[str, list[Interval]]:
    """The intervals of each device."""
    return {device: intervals(seen, most_people) for device, seen in sightings.items()}
