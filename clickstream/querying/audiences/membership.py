"""Who is in audiences at a moment, in SQL over the relation `persons`, and when that can change by itself.

An event counts from its moment until exactly the length of the window after it. docs/audiences.md says it in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clickstream.filters.dimensions import property_sql
from clickstream.querying.amounts import MONEY
from clickstream.querying.audiences.formula import as_sql, atoms
from clickstream.querying.audiences.lasting import Lasting
from clickstream.querying.audiences.standing import changes_often, standing
from clickstream.querying.conditions import Parameters, condition
from clickstream.querying.scope import Atom, Audience, Done, Matching, Member, Standing, Took, Worth
from clickstream.querying.sequences.attempts import every_attempt, flag_names, flags_of

_MICROSECOND = timedelta(microseconds=1)
# They order events of one moment.
_IN_ORDER = ("received_at", "event_id")


def longest_window(audiences: Sequence[Audience]) -> timedelta:
    """How far back from a moment the audiences look. The events of members who only stay are within it."""
    lasts = max((max(audience.stay, audience.grace) for audience in audiences), default=timedelta(0))
    return max((atom.within for atom in _of_events(audiences)), default=timedelta(0)) + lasts


def matchings(audiences: Sequence[Audience]) -> Sequence[Matching]:
    """Which events the audiences' conditions are about."""
    found: list[Matching] = []
    for atom in _of_events(audiences):
        found.extend(atom.sequence.matchings if isinstance(atom, Took) else [atom.matching])
    return found


def _of_events(audiences: Sequence[Audience]) -> Iterator[Done | Worth | Took]:
    yield from (atom for atom in _own(audiences) if isinstance(atom, Done | Worth | Took))


def _own(audiences: Sequence[Audience]) -> Iterator[Done | Worth | Took | Standing]:
    for audience in audiences:
        yield from (atom for atom in atoms(audience.formula) if not isinstance(atom, Member))


@dataclass(frozen=True, slots=True)
class Names:
    """Columns of an atom: whether it holds, when it next changes without another event, and whether it may change
    more than once.
    """

    holds: str
    changes: str
    often: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """A further column of `members`: whether a condition holds of any of the person's events, or of any of the person's
    rows of `activity`, if any audience is about all of the past.
    """

    name: str
    of_events: str
    of_activity: str


def members(
    audiences: Sequence[Audience],
    until: datetime,
    parameters: Parameters,
    source: str = "persons",
    facts: Sequence[Fact] = (),
    where: str = "true",
    *,
    is_chosen: bool = False,
    is_past: bool = False,
) -> str:
    """Common table expressions, the last of which is `members`: one row for each person with an event in the longest
    window before `until`, an aware moment, or with any at all, if a condition is about all of the past.

    `source` has events with `person` and `is_known`; `where` is a condition on `person` for `activity` and
    `traits`; with `is_chosen`, only those of `chosen` count there. `is_past` if these tables say more than what had
    happened at `until`.
    Each audience comes after those that it depends on. `members` has `person`, `is_known`, `is_allowed` (false: opted
    out of advertising), and of audience n (from 0) `member_n` and `changes_n`: microseconds since 1970 of the next
    moment at which the membership can change without another event, or null. Of atom n it has `holds_n` and `turns_n`.
    Further `facts` may use the column `moment`. Of a lasting audience it has the columns of `LastingNames`, too.
    """
    return _Members(audiences, until, parameters, source, facts, where, is_chosen, is_past).sql()


def names_of_atoms(audiences: Sequence[Audience]) -> Mapping[Atom, Names]:
    """The columns of `members` by atom."""
    named: dict[Atom, Names] = {}
    for atom in _own(audiences):
        number = len(named)
        often = changes_often(atom) if isinstance(atom, Standing) else isinstance(atom, Worth)
        named.setdefault(atom, Names(f"holds_{number}", f"turns_{number}", often))
    for number, audience in enumerate(audiences):
        named[Member(audience.slug)] = Names(f"member_{number}", f"changes_{number}", True)
    return named


class _Members:
    """The parts of one statement."""

    def __init__(
        self,
        audiences: Sequence[Audience],
        until: datetime,
        parameters: Parameters,
        source: str,
        facts: Sequence[Fact],
        where: str,
        is_chosen: bool,
        is_past: bool,
    ) -> None:
        self._extra = facts
        self._where = where
        self._is_chosen, self._is_past = is_chosen, is_past
        self._audiences = audiences
        self._names = names_of_atoms(audiences)
        own = list(enumerate(dict.fromkeys(_own(audiences))))
        self._of_events = [(number, atom) for number, atom in own if not isinstance(atom, Standing)]
        self._standing = [(number, atom) for number, atom in own if isinstance(atom, Standing)]
        self._parameters = parameters
        self._least = {
            atom: f"CAST({parameters.bind(f'{atom.least:f}')} AS {MONEY})"
            for _, atom in self._of_events
            if isinstance(atom, Worth)
        }
        self._source = source
        self._at = until
        self._until = parameters.bind(int(until.timestamp()) * 1_000_000 + until.microsecond)
        self._since = parameters.bind(_us(longest_window(audiences)))

    def sql(self) -> str:
        sums = [(number, atom) for number, atom in self._of_events if isinstance(atom, Worth)]
        parts, source = [self._hits()], "facts"
        if sums:
            parts.append(self._sums(sums))
            source += " LEFT JOIN reached USING (person)"
        for number, atom in self._of_events:
            if isinstance(atom, Took):
                parts.extend(self._sequence(number, atom))
                source += f" LEFT JOIN took_{number} USING (person)"
        parts.append(self._facts())
        if self._standing:
            facts = [f"bool_or({fact.of_activity}) AS {fact.name}" for fact in self._extra]
            which = {"is_chosen": self._is_chosen, "is_past": self._is_past}
            parts.extend(standing(self._standing, self._until, self._parameters, self._where, facts, **which))
            source += " FULL JOIN standing USING (person)"
        parts.append(self._held(source))
        last = "held"
        for number, audience in enumerate(self._audiences):
            lasting = Lasting(number, audience, self._until, self._parameters) if audience.is_lasting else None
            if lasting is not None:
                parts.append(lasting.last())
                if audience.grace:
                    parts.append(lasting.ended(self._before(number, audience.grace, lasting.members)))
            parts.append(self._audience(number, audience, last, lasting))
            last = f"audience_{number}"
        parts.append(f"members AS (\n    SELECT * FROM {last}\n)")
        return ",\n".join(parts)

    def _hits(self) -> str:
        columns = ["person", "is_known", "moment", "advertising"]
        columns.extend(f"{fact.of_events} AS {fact.name}" for fact in self._extra)
        steps: list[str] = []
        for number, atom in self._of_events:
            lasts = f"moment > {self._until} - {_us(atom.within)}"
            if isinstance(atom, Took):
                flags = flags_of(atom.sequence, self._parameters)
                columns.extend(f"{lasts} AND {sql} AS took_{number}_{flag}" for flag, sql in flags.items())
                steps.extend(f"took_{number}_{flag}" for flag in flags)
                continue
            matches = condition(atom.matching, self._parameters)
            columns.append(f"{lasts} AND {matches} AS match_{number}")
            if isinstance(atom, Worth):
                # Reading a property costs far more than the comparison before it.
                value = f"TRY_CAST({property_sql(atom.property)} AS {MONEY})"
                columns.append(f"CASE WHEN {lasts} AND {matches} THEN {value} END AS value_{number}")
        if steps:
            # Their order matters to sequences alone, and ids are most of what would be kept of other events.
            columns.extend(f"CASE WHEN {' OR '.join(steps)} THEN {name} END AS {name}" for name in _IN_ORDER)
        return f"""hits AS MATERIALIZED (
    SELECT {_lines(columns)}
    FROM (SELECT *, epoch_us(occurred_at) AS moment FROM {self._source}) AS timed
    WHERE person IS NOT NULL AND moment <= {self._until} AND moment > {self._until} - {self._since}
)"""

    def _sums(self, sums: Sequence[tuple[int, Worth]]) -> str:
        """What is left of each sum once the events up to this one no longer count, and the sum now; then by person,
        the sum and the first moment at which it no longer reaches, or reaches, the least.
        """
        columns, of_person = ["*"], ["person"]
        for number, atom in sums:
            columns.append(f"coalesce(sum(value_{number}) OVER after, 0) AS left_{number}")
            columns.append(f"coalesce(sum(value_{number}) OVER everything, 0) AS total_{number}")
            differs = f"(left_{number} >= {self._least[atom]}) <> (total_{number} >= {self._least[atom]})"
            of_person.append(f"any_value(total_{number}) AS total_{number}")
            of_person.append(f"min(moment) FILTER (match_{number} AND {differs}) AS first_{number}")
        matches = " OR ".join(f"match_{number}" for number, _ in sums)
        return f"""sums AS (
    SELECT {_lines(columns)}
    FROM hits
    WHERE {matches}
    WINDOW after AS (PARTITION BY person ORDER BY moment RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING),
        everything AS (PARTITION BY person)
),
reached AS (
    SELECT {_lines(of_person)}
    FROM sums
    GROUP BY person
)"""

    def _sequence(self, number: int, atom: Took) -> Iterator[str]:
        """The moment at which the latest attempt with all steps began, by person. Only it decides: others end before.

        What comes before the window is in none of its attempts, and an attempt's later steps are later.
        """
        prefix = f"took_{number}_"
        flags = [f"{prefix}{flag} AS {flag}" for flag in flag_names(atom.sequence)]
        columns = ["person AS stream_key", "moment", "received_at", "event_id", *flags]
        yield f"{prefix}streams AS (\n    SELECT {_lines(columns)}\n    FROM hits\n)"
        yield from every_attempt(atom.sequence, [], self._parameters, prefix=prefix)
        yield f"""took_{number} AS (
    SELECT stream_key AS person, max(taken[1].moment) AS began_{number}
    FROM {prefix}attempts
    WHERE len(taken) = {len(atom.sequence.steps)}
    GROUP BY stream_key
)"""

    def _facts(self) -> str:
        # Of two last events at one moment, the one that opts out counts.
        allowed = "max(moment) FILTER (NOT advertising) < max(moment) FILTER (advertising)"
        columns = [
            "person",
            "bool_or(is_known) AS is_known",
            f"coalesce({allowed}, bool_and(advertising), true) AS is_allowed",
            *(f"bool_or({fact.name}) AS {fact.name}" for fact in self._extra),
        ]
        for number, atom in self._of_events:
            if isinstance(atom, Done):
                # The list of the latest moments costs far more than the one moment.
                latest = f"max(moment) FILTER (match_{number})"
                if atom.times > 1:
                    latest = f"(max(moment, {atom.times}) FILTER (match_{number}))[{atom.times}]"
                columns.append(f"{latest} AS latest_{number}")
        return f"facts AS (\n    SELECT {_lines(columns)}\n    FROM hits\n    GROUP BY person\n)"

    def _held(self, source: str) -> str:
        columns = ["person", "is_known", "is_allowed", *(fact.name for fact in self._extra)]
        if self._standing:
            columns = ["person", "coalesce(facts.is_allowed, standing.is_allowed) AS is_allowed"]
            for name in ("is_known", *(fact.name for fact in self._extra)):
                # Either is null if the person is in one of the two alone.
                either = f"coalesce(facts.{name} OR standing.{name}, facts.{name}, standing.{name})"
                columns.append(f"{either} AS {name}")
            for number, _ in self._standing:
                columns += [f"coalesce(holds_{number}, false) AS holds_{number}", f"turns_{number}"]
        for number, atom in self._of_events:
            within = _us(atom.within)
            if isinstance(atom, Worth):
                columns.append(f"coalesce(total_{number}, 0) >= {self._least[atom]} AS holds_{number}")
                columns.append(f"first_{number} + {within} AS turns_{number}")
            elif isinstance(atom, Took):
                columns.append(f"began_{number} IS NOT NULL AS holds_{number}")
                columns.append(f"began_{number} + {within} AS turns_{number}")
            else:
                columns.append(f"latest_{number} IS NOT NULL AS holds_{number}")
                columns.append(f"latest_{number} + {within} AS turns_{number}")
        return f"held AS (\n    SELECT {_lines(columns)}\n    FROM {source}\n)"

    def _before(self, number: int, ago: timedelta, where: str) -> str:
        """The members of an audience and those before it so long ago, by their conditions alone."""
        audiences = [
            replace(audience, stay=timedelta(0), pause=timedelta(0), grace=timedelta(0))
            for audience in self._audiences[: number + 1]
        ]
        source = f"(SELECT * FROM {self._source} WHERE {where})"
        then, is_chosen = self._at - ago, self._is_chosen
        return members(audiences, then, self._parameters, source, where=where, is_chosen=is_chosen, is_past=True)

    def _audience(self, number: int, audience: Audience, source: str, lasting: Lasting | None) -> str:
        """Evaluate the formula now, and at each moment at which an atom turns: the first that differs is the next."""
        own = [self._names[atom] for atom in dict.fromkeys(atoms(audience.formula))]
        member = as_sql(audience.formula, lambda atom: self._names[atom].holds)

        def then(moment: str) -> str:
            return as_sql(audience.formula, lambda atom: _at(self._names[atom], moment))

        turns = [
            f"CASE WHEN {'true' if name.often else f'{then(name.changes)} <> {member}'} THEN {name.changes} END"
            for name in own
        ]
        changes = "least(" + ",\n        ".join(turns) + ")" if turns else "CAST(NULL AS BIGINT)"
        may_be = "is_known AND is_allowed" if audience.known_only else "is_allowed"
        if lasting is not None:
            return f"audience_{number} AS (\n    {lasting.audience(may_be, member, changes, source)}\n)"
        member, changes = f"{may_be} AND {member}", f"CASE WHEN {may_be} THEN {changes} END"
        return (
            f"audience_{number} AS (\n    SELECT *,\n        {member} AS member_{number},\n"
            f"        {changes} AS changes_{number}\n    FROM {source}\n)"
        )


def _at(name: Names, moment: str) -> str:
    """Whether the atom holds at a moment, if it changes only once."""
    return f"({name.holds} <> coalesce({name.changes} <= {moment}, false))"


def _us(length: timedelta) -> int:
    return length // _MICROSECOND


def _lines(columns: Sequence[str]) -> str:
    return ",\n        ".join(columns)
