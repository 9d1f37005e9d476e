"""What all of a person's past says, for conditions of audiences: traits, fields and scores, and when they turn.

It is what the tables `activity` and `traits` hold, as docs/profiles.md defines it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count
from math import floor, log2

from clickstream.profiles.building import WRITTEN, fields, named_rows, parameters_of
from clickstream.querying.audiences.chosen import IS_CHOSEN, with_their_ids
from clickstream.querying.conditions import Parameters
from clickstream.querying.scope import HasField, HasScore, HasTrait, Standing, TraitComes

DAY = timedelta(days=1) // timedelta(microseconds=1)
# Short-term and long-term sums of momentum drift apart by so many halvings a day.
_DRIFT = 1 / 7 - 1 / 30
Numbered = Sequence[tuple[int, Standing]]


def changes_often(atom: Standing) -> bool:
    """Whether it may change more than once without another event."""
    return isinstance(atom, HasScore) and atom.name == "intensity"


def standing(
    atoms: Numbered,
    until: str,
    parameters: Parameters,
    where: str,
    facts: Sequence[str],
    *,
    is_chosen: bool = False,
    is_past: bool = False,
) -> Iterator[str]:
    """Common table expressions, the last of which is `standing`: one row for each person of `activity`.

    It has `person`, `is_known`, `is_allowed`, the `facts`, given as SQL about rows of activity, and of atom n `holds_n`
    (null: no) and `turns_n` (null: never). `where` is a condition on `person`, and `until` the moment in microseconds
    since 1970, as SQL. With `is_chosen`, only the people of `chosen` are there. `is_past` if the tables say more than
    what had happened then: half hours that began later are left out.
    """
    if is_past:
        where = f"epoch_us(first_at) <= {until} AND {where}"
    return _Standing(atoms, until, parameters, where, facts, is_chosen).sql()


class _Standing:
    """The parts of the statement."""

    def __init__(
        self,
        atoms: Numbered,
        until: str,
        parameters: Parameters,
        where: str,
        facts: Sequence[str],
        is_chosen: bool,
    ) -> None:
        self._atoms, self._until, self._parameters, self._facts = atoms, until, parameters, facts
        self._where = f"{IS_CHOSEN} AND {where}" if is_chosen else where
        self._is_chosen = is_chosen
        parameters.values.update(parameters_of(parameters.site.profiles))
        self._traits = {
            name: f"trait_text_{number}"
            for number, name in enumerate(
                dict.fromkeys(atom.name for _, atom in atoms if isinstance(atom, HasTrait | TraitComes))
            )
        }
        self._fields = [(number, atom) for number, atom in atoms if isinstance(atom, HasField)]
        self._scores = [(number, atom) for number, atom in atoms if isinstance(atom, HasScore)]

    def sql(self) -> Iterator[str]:
        yield self._rows("active", "activity", f"person IS NOT NULL AND {self._where}")
        allowed = "coalesce(arg_max(advertising, struct_pack(at := last_at, out := NOT advertising)), true)"
        known = ["person", "bool_or(is_known) AS is_known", f"{allowed} AS is_allowed", *self._facts]
        yield f"known AS (\n    SELECT {_lines(known)}\n    FROM active\n    GROUP BY person\n)"
        joined = "known"
        if self._traits:
            listed = ", ".join(map(self._parameters.bind, self._traits))
            yield self._rows("traited", "traits", f"name IN ({listed}) AND {self._where}")
            yield self._trait_values()
            joined += " LEFT JOIN trait_values USING (person)"
        if self._fields:
            names = dict.fromkeys(atom.name for _, atom in self._fields)
            columns = ["person", *(_field_sql(name, self._parameters) for name in names)]
            yield f"field_values AS (\n    SELECT {_lines(columns)}\n    FROM ({fields(names)})\n)"
            joined += " LEFT JOIN field_values USING (person)"
        if self._scores:
            yield from self._days()
            joined += " LEFT JOIN score_values USING (person)"
        columns = ["known.*"]
        for number, atom in self._atoms:
            holds, turns = self._of(number, atom)
            columns += [f"{holds} AS holds_{number}", f"CAST({turns} AS BIGINT) AS turns_{number}"]
        yield f"standing AS (\n    SELECT {_lines(columns)}\n    FROM {joined}\n)"

    def _rows(self, name: str, table: str, where: str) -> str:
        source = with_their_ids(table) if self._is_chosen else table
        return named_rows(name, source, self._parameters.site.trust, where)

    def _trait_values(self) -> str:
        columns = ["person"]
        for name, column in self._traits.items():
            text = f"any_value(CAST(value AS JSON)->>'$') FILTER (name = {self._parameters.bind(name)})"
            columns.append(f"{text} AS {column}")
        selected = f"SELECT {_lines(columns)}\n    FROM written\n    GROUP BY person"
        return f"trait_values AS (\n    WITH {WRITTEN}\n    {selected}\n)"

    def _of(self, number: int, atom: Standing) -> tuple[str, str]:
        """Whether it holds, and when that turns."""
        match atom:
            case HasTrait(name, values):
                column = self._traits[name]
                return f"{column} IN ({self._listed(values)})" if values else f"{column} IS NOT NULL", "NULL"
            case TraitComes(name, ahead):
                at = f"TRY_CAST({self._traits[name]} AS TIMESTAMPTZ)"
                begin = f"(CASE WHEN isfinite({at}) THEN epoch_us({at}) END - {ahead // timedelta(microseconds=1)})"
                return f"{self._until} >= {begin}", f"CASE WHEN {self._until} < {begin} THEN {begin} END"
            case HasField(name, values, least, most):
                if values:
                    return f"{name} IN ({self._listed(values)})", "NULL"
                bounds = [(">=", least), ("<=", most)]
                return (
                    " AND ".join(f"{name} {sign} {bound:f}" for sign, bound in bounds if bound is not None),
                    "NULL",
                )
            case HasScore(name):
                # The columns say until when the score suffices; of intensity also when it comes to suffice.
                if name == "intensity":
                    return f"enough_{number}", f"next_{number}"
                holds = f"{self._until} < lasts_{number}"
                return holds, f"CASE WHEN {holds} AND lasts_{number} < {NEVER} THEN lasts_{number} END"

    def _listed(self, values: Sequence[str]) -> str:
        return ", ".join(map(self._parameters.bind, values))

    def _days(self) -> Iterator[str]:
        """A row for each person and day with acts, and the scores from these."""
        today = f"CAST(make_timestamptz({self._until}) AS DATE)"
        age = f"greatest(0, {self._until} - max(epoch_us(last_act_at))) / {DAY}"
        yield f"""days_of AS (
    SELECT person, event_date, CAST(sum(acts) AS BIGINT) AS acts, max(epoch_us(last_act_at)) AS last_us, {age} AS age
    FROM active
    WHERE acts > 0
    GROUP BY person, event_date
)"""
        recent = f"event_date > {today} - 30"
        columns, of_person = ["*"], ["person"]
        for number, atom in self._scores:
            if atom.name == "intensity":
                enough = f"{{acts}} >= {-10 * log2(1 - atom.least / 100)!r} * {{days}}"
                now = enough.format(acts="sum(acts) OVER everything", days="count(*) OVER everything")
                then = enough.format(acts="sum(acts) OVER later", days="count(*) OVER later")
                columns.append(f"{now} AS enough_{number}")
                columns.append(f"coalesce({then}, false) AS then_{number}")
                differs = f"FILTER ({recent} AND then_{number} <> enough_{number})"
                of_person.append(f"coalesce(bool_or(enough_{number}) FILTER ({recent}), false) AS enough_{number}")
                of_person.append(f"{_midnight(f'min(event_date) {differs}')} AS next_{number}")
            else:
                of_person.append(f"{_LASTS[atom.name](atom.least, self._until)} AS lasts_{number}")
        source = "days_of"
        if len(columns) > 1:
            source = "days_after"
            yield f"""days_after AS (
    SELECT {_lines(columns)}
    FROM days_of
    WINDOW everything AS (PARTITION BY person, {recent}),
        later AS (
            PARTITION BY person, {recent} ORDER BY event_date ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
)"""
        yield f"score_values AS (\n    SELECT {_lines(of_person)}\n    FROM {source}\n    GROUP BY person\n)"


# Later than any moment.
NEVER = 2**62


def _recency(least: float, until: str) -> str:
    return f"max(last_us) + {floor(14 * DAY * log2(100 / least)) + 1}"


def _frequency(least: float, until: str) -> str:
    days = next(days for days in count(1) if 100 * (1 - 2 ** (-days / 4)) >= least)
    return _midnight(f"max(event_date, {days})[{days}]")


def _quantity(least: float, until: str) -> str:
    acts = next(acts for acts in count(1) if 100 * (1 - 2 ** (-acts / 100)) >= least)
    return f"CASE WHEN sum(acts) >= {acts} THEN {NEVER} END"


def _momentum(least: float, until: str) -> str:
    ratio = "(sum(acts * pow(2, -age / 7)) / 7) / nullif(sum(acts * pow(2, -age / 30)) / 30, 0)"
    enough = least / (100 - least)
    lasts = f"{until} + CAST(floor(log2({ratio} / {enough!r}) / {_DRIFT!r} * {DAY}) AS BIGINT) + 1"
    return f"CASE WHEN {ratio} >= {enough!r} THEN {lasts} END"


def _midnight(day: str) -> str:
    """The moment at which a day is no longer one of the last 30."""
    return f"epoch_us(CAST({day} + 30 AS TIMESTAMPTZ))"


_LASTS: Mapping[str, Callable[[float, str], str]] = {
    "recency": _recency,
    "frequency": _frequency,
    "quantity": _quantity,
    "momentum": _momentum,
}


def _field_sql(name: str, parameters: Parameters) -> str:
    if name != "revenue":
        return name
    currency = parameters_of(parameters.site.profiles)["currency"]
    return f"CAST(coalesce(CAST(revenue AS JSON)->>{parameters.bind(str(currency))}, '0') AS DECIMAL(18, 4)) AS revenue"


def _lines(columns: Sequence[str]) -> str:
    return ",\n        ".join(columns)
