"""Who is in an audience at a moment, in plain Python, from the words of docs/audiences.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from clickstream.querying.scope import Audience, Done, Every, Formula, Matching, Member, No, Some, Took, Worth
from clickstream.sites.funnels import Order


@dataclass(frozen=True, slots=True)
class Did:
    """An event of a person."""

    at: datetime
    name: str
    value: int | None = None
    advertising: bool = True
    type: str = "custom"
    id: str = ""


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
        case Took():
            return any(_attempts(formula, history, at))


def _counting(atom: Done | Worth, history: History, at: datetime) -> Iterator[Did]:
    """The events that count at the moment: not later, and for less than the window."""
    for event in history:
        if event.at <= at < event.at + atom.within and atom.matching.event in (None, event.name):
            yield event


def _attempts(atom: Took, history: History, at: datetime) -> Iterator[bool]:
    """Of each attempt that begins within the window, whether it takes all steps: docs/sequences.md."""
    plan, stream = atom.sequence, sorted(history, key=lambda event: (event.at, event.id))
    stream = [event for event in stream if event.at <= at]
    if plan.order is Order.STRICT:
        stream = [
            event for event in stream if event.type == "custom" or any(_is(step.matching, event) for step in plan.steps)
        ]
    for place, first in enumerate(stream):
        if not (_is(plan.steps[0].matching, first) and at < first.at + atom.within):
            continue
        taken = 1
        for event in stream[place + 1 :]:
            if taken == len(plan.steps) or (plan.window is not None and event.at - first.at > plan.window):
                break
            if _is(plan.steps[taken].matching, event):
                taken += 1
            elif plan.order is Order.STRICT or any(
                _is(each.matching, event) and each.after in (None, taken) for each in plan.exclusions
            ):
                break
        yield taken == len(plan.steps)


def _is(matching: Matching, event: Did) -> bool:
    return matching.event in (None, event.name)


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


def _atoms(formula: Formula) -> Iterator[Done | Worth | Took]:
    match formula:
        case Every(parts) | Some(parts):
            for part in parts:
                yield from _atoms(part)
        case No(part):
            yield from _atoms(part)
        case Done() | Worth() | Took():
            yield formula
        case Member():
            pass


def longest(audiences: Sequence[Audience]) -> timedelta:
    """The longest window of the audiences."""
    return max(atom.within for each in audiences for atom in _atoms(each.formula))
