"""Walks the conditions of audiences, which are formulas over atoms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

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
)
from clickstream.sites.funnels import Order

_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"), (timedelta(seconds=1), "s"))


def atoms(formula: Formula) -> Iterator[Atom]:
    """Every atom of the formula, in order; one may come twice."""
    match formula:
        case Every(parts) | Some(parts):
            for part in parts:
                yield from atoms(part)
        case No(part):
            yield from atoms(part)
        case _:
            yield formula


def with_needed(audiences: Mapping[str, Audience], slugs: Iterable[str]) -> Sequence[Audience]:
    """These audiences and those that they depend on, each after its own dependencies. There must be no circle."""
    ordered: dict[str, Audience] = {}

    def add(slug: str) -> None:
        if slug not in ordered:
            for atom in atoms(audiences[slug].formula):
                if isinstance(atom, Member):
                    add(atom.slug)
            ordered[slug] = audiences[slug]

    for slug in slugs:
        add(slug)
    return list(ordered.values())


def as_sql(formula: Formula, atom_sql: Callable[[Atom], str]) -> str:
    """The formula as a SQL condition. `atom_sql` gives the condition of an atom, which must not be null."""
    match formula:
        case Every(parts):
            return "(" + " AND ".join(as_sql(part, atom_sql) for part in parts) + ")" if parts else "true"
        case Some(parts):
            return "(" + " OR ".join(as_sql(part, atom_sql) for part in parts) + ")"
        case No(part):
            return f"(NOT {as_sql(part, atom_sql)})"
        case _:
            return atom_sql(formula)


def in_words(atom: Atom) -> str:
    """The condition in words, such as `did add_to_cart at least 2 times within 7d`."""
    if isinstance(atom, Member):
        return f"is in {atom.slug}"
    if isinstance(atom, Took):
        return _steps_in_words(atom)
    if isinstance(atom, Standing):
        return _standing_in_words(atom)
    events, within = _events_in_words(atom.matching), length_in_words(atom.within)
    if isinstance(atom, Done):
        times = "" if atom.times == 1 else f" at least {atom.times} times"
        return f"did {events}{times} within {within}"
    return f"{atom.property} of {events} adds up to at least {atom.least:f} within {within}"


def lasting_in_words(audience: Audience) -> Sequence[str]:
    """What stay, pause and grace of the audience mean for a person to whom they apply, in this order."""
    return (
        f"a member for less than {length_in_words(audience.stay)}",
        f"left less than {length_in_words(audience.pause)} ago",
        f"ended by time less than {length_in_words(audience.grace)} ago",
    )


def _standing_in_words(atom: Standing) -> str:
    match atom:
        case HasTrait(name, values):
            return f"{name} is {' or '.join(values)}" if values else f"has {name}"
        case TraitComes(name, ahead):
            return f"{name} is past" + (f" or at most {length_in_words(ahead)} ahead" if ahead else "")
        case HasScore(name, score):
            return f"{name} is at least {score:g}"
        case HasField(name, values, least, most):
            bounds = [f"at least {least:f}"] if least is not None else []
            bounds += [f"at most {most:f}"] if most is not None else []
            return f"{name} is {' or '.join(values) or ' and '.join(bounds)}"


def _steps_in_words(atom: Took) -> str:
    sequence = atom.sequence
    steps = ", then ".join(_events_in_words(step.matching) for step in sequence.steps)
    window = "" if sequence.window is None else f" in {length_in_words(sequence.window)}"
    strict = ", nothing else between" if sequence.order is Order.STRICT else ""
    excluded = " or ".join(
        _events_in_words(each.matching) + ("" if each.after is None else f" after step {each.after}")
        for each in sequence.exclusions
    )
    without = f", without {excluded}" if excluded else ""
    return f"did {steps}{window}{strict}{without}, begun within {length_in_words(atom.within)}"


def _events_in_words(matching: Matching) -> str:
    named = matching.event or (f"view {matching.page}" if matching.page is not None else "anything")
    number = len(matching.filters)
    return f"{named} with {number} {'filter' if number == 1 else 'filters'}" if number else named


def length_in_words(length: timedelta) -> str:
    """Such as 7d."""
    for unit, sign in _UNITS:
        if length % unit == timedelta(0):
            return f"{length // unit}{sign}"
    return f"{length // timedelta(milliseconds=1)}ms"
