"""Who is in an audience at a moment, in plain Python, from the words of docs/audiences.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from json import dumps

from clickstream.querying.scope import (
    Atom,
    Audience,
    Done,
    Every,
    Formula,
    HasField,
    HasScore,
    HasTrait,
    Matching,
    Member,
    No,
    Some,
    Standing,
    Took,
    TraitComes,
    Worth,
)
from clickstream.sites.funnels import Order

MICROSECOND, NOTHING = timedelta(microseconds=1), timedelta(0)


@dataclass(frozen=True, slots=True)
class Did:
    """An event of a person."""

    at: datetime
    name: str
    value: int | None = None
    advertising: bool = True
    type: str = "custom"
    id: str = ""
    trait: str | None = None
    country: str | None = None


History = Sequence[Did]


@dataclass(frozen=True, slots=True)
class Last:
    """The latest membership of a person by the last evaluation; it has not ended if there is no `ended`."""

    began: datetime
    ended: datetime | None


Lasts = Mapping[str, Last]
"""By the audience's slug."""
NONE: Lasts = {}


def is_member(
    audience: Audience,
    audiences: Mapping[str, Audience],
    history: History,
    known: bool,
    at: datetime,
    lasts: Lasts = NONE,
) -> bool:
    """Whether a person with this history is in the audience at a moment."""
    may_be = (known or not audience.known_only) and allowed(history, at)
    met = may_be and holds(audience.formula, audiences, history, known, at, lasts)
    last = lasts.get(audience.slug)
    if last is None:
        return met
    if last.ended is not None:
        return met and at >= last.ended + audience.pause
    stays = at < last.began + audience.stay
    return met or (may_be and (stays or ended_by_time(audience, audiences, history, known, at) is not None))


def ended_by_time(
    audience: Audience, audiences: Mapping[str, Audience], history: History, known: bool, at: datetime
) -> datetime | None:
    """When time alone ended the condition, by what had happened `grace` ago; None: it did not since then."""
    audiences = {slug: by_condition(each) for slug, each in audiences.items()}
    audience, then = by_condition(audience), at - audience.grace
    past = [event for event in history if event.at <= then]
    if not is_member(audience, audiences, past, known, then):
        return None
    change = next_change(audience, audiences, past, known, then)
    return change if change is not None and change <= at else None


def by_condition(audience: Audience) -> Audience:
    """The audience whose members are exactly those who meet its condition."""
    return replace(audience, stay=NOTHING, pause=NOTHING, grace=NOTHING)


def allowed(history: History, at: datetime) -> bool:
    """Whether no event of the person's last moment opts out of advertising."""
    past = [event for event in history if event.at <= at]
    last = max((event.at for event in past), default=None)
    return all(event.advertising for event in past if event.at == last)


def holds(
    formula: Formula,
    audiences: Mapping[str, Audience],
    history: History,
    known: bool,
    at: datetime,
    lasts: Lasts = NONE,
) -> bool:
    """Whether a formula holds of a person at a moment."""
    match formula:
        case Every(parts):
            return all(holds(part, audiences, history, known, at, lasts) for part in parts)
        case Some(parts):
            return any(holds(part, audiences, history, known, at, lasts) for part in parts)
        case No(part):
            return not holds(part, audiences, history, known, at, lasts)
        case Member(slug):
            return is_member(audiences[slug], audiences, history, known, at, lasts)
        case Done():
            return sum(1 for _ in _counting(formula, history, at)) >= formula.times
        case Worth():
            amounts = (Decimal(event.value) for event in _counting(formula, history, at) if event.value is not None)
            return sum(amounts, Decimal(0)) >= formula.least
        case Took():
            return any(_attempts(formula, history, at))
        case _:
            return _stands(formula, [event for event in history if event.at <= at], at)


def _stands(atom: Standing, history: History, at: datetime) -> bool:
    """Whether a condition about all of the past holds."""
    match atom:
        case HasTrait(_, values):
            trait = trait_of(history)
            return trait is not None and (trait in values or not values)
        case TraitComes(_, ahead):
            return (moment := _moment(trait_of(history))) is not None and at >= moment - ahead
        case HasField("acts", least=least, most=most):
            return bool(history) and (least or 0) <= len(acts_of(history)) <= (most if most is not None else 99)
        case HasField("active_days", least=least, most=most):
            days = {event.at.date() for event in acts_of(history)}
            return bool(history) and (least or 0) <= len(days) <= (most if most is not None else 99)
        case HasField("country", values):
            said = [(event.at, event.country) for event in history if event.country is not None]
            return bool(said) and max(said)[1] in values
        case HasScore(name, least):
            return bool(acts_of(history)) and score_of(name, history, at) >= least
    raise AssertionError(atom)


def trait_of(history: History) -> str | None:
    """The value of the trait: the last write counts."""
    said = [(event.at, event.trait) for event in history if event.trait is not None]
    return max(said, key=lambda each: (each[0], dumps(each[1])))[1] if said else None


def _moment(text: str | None) -> datetime | None:
    """The moment that a trait says, in UTC; None if it says none."""
    try:
        return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def acts_of(history: History) -> History:
    """The events by which the person did something."""
    return [event for event in history if event.type == "custom"]


def score_of(name: str, history: History, at: datetime) -> float:
    """The score by the formulas of docs/profiles.md; the person must have acts."""
    days: dict[date, list[datetime]] = {}
    for event in acts_of(history):
        days.setdefault(event.at.date(), []).append(event.at)
    recent = [len(acts) for day, acts in days.items() if day > at.date() - timedelta(days=30)]
    match name:
        case "frequency":
            return 100 * (1 - 2 ** (-len(recent) / 4))
        case "intensity":
            return 100 * (1 - 2 ** (-sum(recent) / max(1, len(recent)) / 10))
        case "quantity":
            return 100 * (1 - 2 ** (-sum(map(len, days.values())) / 100))
    ages = [((at - max(acts)) / timedelta(days=1), len(acts)) for acts in days.values()]
    if name == "recency":
        return 100 * 2 ** (-min(age for age, _ in ages) / 14)
    short = sum(acts * 2 ** (-age / 7) for age, acts in ages) / 7
    long = sum(acts * 2 ** (-age / 30) for age, acts in ages) / 30
    return 100 * short / (short + long)


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
    past = [event for event in history if event.at <= at]
    turns = sorted(set(_turns(audiences, past, at)))
    now = is_member(audience, audiences, past, known, at)
    return next(
        (turn for turn in turns if turn > at and is_member(audience, audiences, past, known, turn) != now), None
    )


def next_possible_change(
    audience: Audience, audiences: Mapping[str, Audience], history: History, known: bool, at: datetime, lasts: Lasts
) -> datetime | None:
    """The first moment at which a membership that may last can change, if the condition does not change back before."""
    last, plain = lasts.get(audience.slug), by_condition(audience)
    met = is_member(plain, audiences, history, known, at)
    turn = next_change(plain, audiences, history, known, at)
    if last is None:
        return turn
    rests = None if last.ended is None else last.ended + audience.pause
    stays = None if last.ended is not None else last.began + audience.stay
    if met and rests is not None and at < rests:
        return rests
    if not met and is_member(audience, audiences, history, known, at, lasts):
        ended = ended_by_time(audience, audiences, history, known, at)
        return max(filter(None, (stays, None if ended is None else ended + audience.grace)))
    if turn is None:
        return None
    return max(filter(None, (turn, stays if met else rests)))


def next_lasting_change(
    audience: Audience, audiences: Mapping[str, Audience], history: History, known: bool, at: datetime, lasts: Lasts
) -> datetime | None:
    """When a membership that may last next changes, from what it is at the moment."""
    past = [event for event in history if event.at <= at]
    now = is_member(audience, audiences, past, known, at, lasts)
    lasts = evaluated(audiences, past, known, at, lasts)
    turns = list(_turns(audiences, past, at))
    turns += [turn + audience.grace for turn in turns]
    if (last := lasts.get(audience.slug)) is not None:
        turns.append(last.began + audience.stay if last.ended is None else last.ended + audience.pause)
    return next(
        (
            turn
            for turn in sorted(set(turns))
            if turn > at and is_member(audience, audiences, past, known, turn, lasts) != now
        ),
        None,
    )


def evaluated(audiences: Mapping[str, Audience], past: History, known: bool, at: datetime, lasts: Lasts) -> Lasts:
    """The latest memberships once an evaluation at the moment has written who entered and left."""
    after = dict(lasts)
    for slug, audience in audiences.items():
        is_now, last = is_member(audience, audiences, past, known, at, lasts), lasts.get(slug)
        if is_now and (last is None or last.ended is not None):
            after[slug] = Last(at, None)
        elif not is_now and last is not None and last.ended is None:
            after[slug] = Last(last.began, at)
    return after


def _turns(audiences: Mapping[str, Audience], past: History, at: datetime) -> Iterator[datetime]:
    """Every moment after this one at which any condition can change."""
    for atom in {atom for each in audiences.values() for atom in _atoms(each.formula)}:
        match atom:
            case Done() | Worth() | Took():
                yield from (event.at + atom.within for event in past)
            case TraitComes(_, ahead) if (moment := _moment(trait_of(past))) is not None:
                yield moment - ahead
            case HasScore("recency" | "momentum" as name, least) if acts_of(past) and score_of(name, past, at) >= least:
                yield _falls(lambda moment, name=name: score_of(name, past, moment) < least, at)  # type: ignore[misc]
            case HasScore("frequency" | "intensity"):
                for event in acts_of(past):
                    day = datetime.combine(event.at.date(), datetime.min.time(), UTC)
                    yield day + timedelta(days=30)


def _falls(is_below: Callable[[datetime], bool], at: datetime) -> datetime:
    """The first microsecond at which a score that falls is below."""
    low, high = 0, timedelta(days=400) // MICROSECOND
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_below(at + middle * MICROSECOND) else (middle, high)
    return at + high * MICROSECOND


def _atoms(formula: Formula) -> Iterator[Atom]:
    match formula:
        case Every(parts) | Some(parts):
            for part in parts:
                yield from _atoms(part)
        case No(part):
            yield from _atoms(part)
        case Member():
            pass
        case _:
            yield formula


def is_there(audiences: Sequence[Audience], history: History, at: datetime) -> bool:
    """Whether the person is known by an event that any of the audiences may look at."""
    atoms = [atom for each in audiences for atom in _atoms(each.formula)]
    lasts = max((max(each.stay, each.grace) for each in audiences), default=NOTHING)
    window = max((atom.within for atom in atoms if isinstance(atom, Done | Worth | Took)), default=NOTHING) + lasts
    past = [event for event in history if event.at <= at]
    return any(at < event.at + window for event in past) or (
        bool(past) and any(isinstance(atom, Standing) for atom in atoms)
    )
