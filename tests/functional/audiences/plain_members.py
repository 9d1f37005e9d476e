"""Who is in an audience at a moment, in plain Python, from the words of docs/audiences.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from clickstream.querying.scope import Audience, Done, Every, Formula, Member, No, Some, Worth


@dataclass(frozen=True, slots=True)
class Did:
    """An event of a person."""

    at: datetime
    name: str
    value: int | None = None
    advertising: bool = True


History = Sequence[Did]


def is_member(
    audience: Audience, audiences: Mapping[str, Audience], history: History, known: bool, at: datetime
) -> bool:
    """Whether a person with this history is in the audience at a moment."""
    may_be = (known or not audience.known_only) and allowed(history, at)
    return may_be and holds(audience.formula, audiences, history, known, at)


def allowed(history: History, at: datetime) -> bool:
    """Whether no event of the person's last moment opts out of advertising."""
    past = [event for event in history if event.at <= at]
    last = max((event.at for event in past), default=None)
    return all(event.advertising for event in past if event.at == last)


def holds(formula: Formula, audiences: Mapping[str, Audience], history: History, known: bool, at: datetime) -> bool:
    """Whether a formula holds of a person at a moment."""
    match formula:
        case Every(parts):
            return all(holds(part, audiences, history, known, at) for part in parts)
        case Some(parts):
            return any(holds(part, audiences, history, known, at) for part in parts)
        case No(part):
            return not holds(part, audiences, history, known, at)
        case Member(slug):
            return is_member(audiences[slug], audiences, history, known, at)
        case Done():
            return sum(1 for _ in _counting(formula, history, at)) >= formula.times
        case Worth():
            amounts = (Decimal(event.value) for event in _counting(formula, history, at) if event.value is not None)
            return sum(amounts, Decimal(0)) >= formula.least


def _counting(atom: Done | Worth, history: History, at: datetime) -> Iterator[Did]:
    """The events that count at the moment: not later, and for less than the window."""
    for event in history:
        if event.at <= at < event.at + atom.within and atom.matching.event in (None, event.name):
            yield event


def next_change(
    audience: Audience, audiences: Mapping[str, Audience], history: History, known: bool, at: datetime
) -> datetime | None:
    """When the membership next changes if nothing else happens; None: never."""
    lengths = {atom.within for each in audiences.values() for atom in _atoms(each.formula)}
    turns = sorted({event.at + length for event in history for length in lengths if event.at <= at})
    past = [event for event in history if event.at <= at]
    now = is_member(audience, audiences, past, known, at)
    return next(
        (turn for turn in turns if turn > at and is_member(audience, audiences, past, known, turn) != now), None
    )


def _atoms(formula: Formula) -> Iterator[Done | Worth]:
    match formula:
        case Every(parts) | Some(parts):
            for part in parts:
                yield from _atoms(part)
        case No(part):
            yield from _atoms(part)
        case Done() | Worth():
            yield formula
        case Member():
            pass


def longest(audiences: Sequence[Audience]) -> timedelta:
    """The longest window of the audiences."""
    return max(atom.within for each in audiences for atom in _atoms(each.formula))
