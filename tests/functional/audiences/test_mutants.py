"""No part of the rules of audiences can be lost unseen: each mutant gives some person another membership or moment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random
from types import ModuleType

import pytest

from clickstream.querying.audiences import formula, lasting, membership, standing
from clickstream.querying.sequences import attempts
from tests.functional.audiences.random_members import Prepared, differences, world_of
from tests.support.mutants import mutated, replacing

WORLDS = 100
# By what is lost: the module, a text in its source, and the text that replaces it.
MUTANTS: Mapping[str, tuple[ModuleType, str, str]] = {
    "that an event counts for less than its window": (membership, 'lasts = f"moment > ', 'lasts = f"moment >= '),
    "that each condition has its own window": (membership, '_us(atom.within)}"\n', '_us(timedelta(3))}"\n'),
    "that nothing later than the moment counts": (membership, "AND moment <= {self._until} ", ""),
    "that an event of the moment counts": (membership, "moment <= {self._until} ", "moment < {self._until} "),
    "how often": (membership, "(match_{number}))[{atom.times}]", "(match_{number}))[1]"),
    "which event's end changes it": (membership, "max(moment) FILTER (match_", "min(moment) FILTER (match_"),
    "that events of one moment end together": (membership, "BETWEEN 1 FOLLOWING", "BETWEEN CURRENT ROW"),
    "that a sum may rise by itself": (
        membership,
        "(left_{number} >= {self._least[atom]}) <> (total_{number} >= {self._least[atom]})",
        "left_{number} < {self._least[atom]}",
    ),
    "that a sum has its own events": (membership, "CASE WHEN {lasts} AND {matches} THEN", "CASE WHEN true THEN"),
    "that the least sum is enough": (
        membership,
        "total_{number}, 0) >= {self._least[atom]} AS",
        "total_{number}, 0) > {self._least[atom]} AS",
    ),
    "all steps of a sequence": (membership, "len(taken) = {len(atom.sequence.steps)}", "len(taken) >= 1"),
    "which attempt ends last": (membership, "max(taken[1].moment)", "min(taken[1].moment)"),
    "that an attempt counts from its first step": (membership, "max(taken[1].moment)", "max(taken[-1].moment)"),
    "when a sequence began": (membership, "{lasts} AND {sql} AS took_", "{sql} AS took_"),
    "how long a sequence takes": (
        attempts,
        'return f"list_filter(way,',
        'return f"way" if True else f"list_filter(way,',
    ),
    "what ends an attempt": (attempts, 'THEN []" if excluded', 'THEN []" if False'),
    "that strict allows nothing between": (attempts, "= position + 1 THEN", "> 0 THEN"),
    "that what is no act may come between": (attempts, "[*flags, ACT]", "[*flags, 'true']"),
    "which trait": (standing, "FILTER (name = {", "FILTER (name <> {"),
    "which values of a trait": (standing, "{column} IN ({self._listed(values)})", "{column} IS NOT NULL"),
    "how far ahead a moment is": (standing, " - {ahead // timedelta(microseconds=1)})", ")"),
    "that a moment that has come is not ahead": (standing, "{self._until} >= {begin}", "{self._until} > {begin}"),
    "the least of a field": (standing, '(">=", least)', '(">", least)'),
    "the greatest of a field": (standing, '("<=", most)', '("<", most)'),
    "which values of a field": (standing, "{name} IN ({self._listed(values)})", "{name} IS NOT NULL"),
    "how fast recency falls": (standing, "14 * DAY", "13 * DAY"),
    "how fast frequency rises": (standing, "(-days / 4)", "(-days / 3)"),
    "how fast quantity rises": (standing, "(-acts / 100)", "(-acts / 50)"),
    "how fast momentum falls": (standing, "1 / 7 - 1 / 30", "1 / 7"),
    "what momentum compares": (standing, "pow(2, -age / 30)) / 30", "pow(2, -age / 30)) / 20"),
    "how fast intensity rises": (standing, "{-10 * log2(", "{-5 * log2("),
    "which day's end changes intensity": (standing, "min(event_date) {differs}", "max(event_date) {differs}"),
    "that a score that fell falls no more": (standing, "{holds} AND lasts_", "true AND lasts_"),
    "that a day counts for 30": (standing, "({day} + 30 AS", "({day} + 29 AS"),
    "that scores are about acts": (standing, "WHERE acts > 0", "WHERE true"),
    "whoever has no events lately": (membership, " FULL JOIN standing", " LEFT JOIN standing"),
    "that conditions turn at their moment": (membership, "<= {moment}, false", "< {moment}, false"),
    "that others may have turned before": (
        membership,
        "{name.holds} <> coalesce({name.changes} <= {moment}, false)",
        "{name.holds}",
    ),
    "the first of the moments": (membership, 'changes = "least("', 'changes = "greatest("'),
    "who is known": (membership, '"is_known AND is_allowed"', '"is_allowed"'),
    "who opted out": (membership, 'else "is_allowed"', 'else "true"'),
    "that whoever is back may be reached": (membership, "{allowed}, bool_and", "bool_and"),
    "that of one moment the opting out counts": (
        membership,
        "FILTER (NOT advertising) < max",
        "FILTER (NOT advertising) <= max",
    ),
    "that anonymous persons have no next moment": (membership, "CASE WHEN {may_be} THEN {changes} END", "{changes}"),
    "what an audience depends on": (
        membership,
        'Names(f"member_{number}", f"changes_{number}", True)',
        'Names(f"member_{number}", "NULL", False)',
    ),
    "how long a membership lasts": (lasting, "{_us(self._audience.stay)}", "0"),
    "how long a pause is": (lasting, "{_us(self._audience.pause)}", "0"),
    "how long a grace is": (lasting, "changes_{self._number} + {_us(self._audience.grace)}", "changes_{self._number}"),
    "since when the grace counts": (membership, "self._at - ago", "self._at"),
    "that only time leaves a grace": (lasting, " AND changes_{self._number} <= {self._until}", ""),
    "that only members stay": (
        lasting,
        "{may_be} AND was_{number} AND {self._until} <",
        "{may_be} AND {self._until} <",
    ),
    "that whoever opted out does not stay": (
        lasting,
        "({may_be} AND was_{number} AND {self._until}",
        "(was_{number} AND {self._until}",
    ),
    "that a pause ends at its moment": (
        lasting,
        "{self._until} < {names.rests_until}",
        "{self._until} <= {names.rests_until}",
    ),
    "that whoever stays leaves later": (lasting, "greatest({names.changes}, {names.stays_until})", "{names.changes}"),
    "that whoever rests enters later": (lasting, "greatest({names.changes}, {rests})", "{names.changes}"),
    "the later of two ends": (lasting, 'lasts = f"greatest(', 'lasts = f"least('),
    "which membership is the last": (lasting, "arg_max(kind, seq) <>", "arg_min(kind, seq) <>"),
    "that a pause is after an exit": (lasting, "CASE WHEN arg_max(kind, seq) = '{EXIT}' THEN", "CASE WHEN true THEN"),
    "that whoever stays is known by older events": (
        membership,
        "default=timedelta(0)) + lasts",
        "default=timedelta(0))",
    ),
    "not": (formula, "(NOT {as_sql(part, atom_sql)})", "({as_sql(part, atom_sql)})"),
    "any": (formula, '" OR ".join', '" AND ".join'),
    "all": (formula, '" AND ".join', '" OR ".join'),
}


@pytest.mark.parametrize("lost", MUTANTS)
def test_no_part_of_the_rules_can_be_lost_unseen(lost: str) -> None:
    module, there, instead = MUTANTS[lost]
    with mutated([formula, attempts, standing, lasting, membership], module, replacing(there, instead)) as copies:
        mutant = copies["membership"].members
        worlds = (prepared(seed, module is lasting) for seed in range(WORLDS))
        # The same statement gives the same answer.
        changed = (world for world in worlds if world.statement(mutant) != world.statement())
        assert any(differences(world, mutant) for world in changed)


@cache
def prepared(seed: int, about_lasting: bool) -> Prepared:
    """A world, which all mutants share."""
    return Prepared.of(world_of(Random(seed), about_lasting=about_lasting))
