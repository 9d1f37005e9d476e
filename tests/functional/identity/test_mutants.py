"""No part of the rules of identity can be lost unseen: each mutant gives some random event to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from clickstream.identity import edges, edits, intervals, linking, persons, resolving
from tests.functional.identity.asking import people_in_sql
from tests.functional.identity.plain_people import people_of
from tests.functional.identity.random_people import random_streams, table
from tests.support.mutants import mutated, replacing

MODULES = (edges, edits, intervals, linking, persons, resolving)
STREAMS = 100
# By what is lost: the module, a text in its source, and the text that replaces it.
MUTANTS: Mapping[str, tuple[ModuleType, str, str]] = {
    "ten of the thirty minutes": (intervals, "turn.at - BEFORE_LOGIN", "turn.at - BEFORE_LOGIN * 2 / 3"),
    "the moment after a login": (intervals, "before.at + _INSTANT", "before.at"),
    "that a logout ends at once": (
        intervals,
        "return _Start(turn.at, turn",
        "return _Start(turn.at - BEFORE_LOGIN, turn",
    ),
    "that a crowd says nothing": (intervals, "len(people) > most_people", "False"),
    "the greatest name of a moment": (intervals, "*_, greatest = together", "greatest, *_ = together"),
    "the last sighting of an hour": (resolving, '(row["first_at"], row["last_at"])', '(row["first_at"],)'),
    "evidence by the hour": (edges, "date_trunc('hour', occurred_at)", "date_trunc('day', occurred_at)"),
    "who counts": (edges, "SELECT * FROM agreed WHERE is_human", "SELECT * FROM agreed"),
    "that an id of the day is no device": (edges, "id_source IS DISTINCT FROM 'day' AND", ""),
    "whether an aliased id is a device's": (
        edges,
        "return id in self.devices and id not in self.users",
        "return False",
    ),
    "that one batch repeats another's hour": (resolving, "    rows = _merged(", "    rows = list("),
    "whose word is believed": (resolving, "if rules.trust is Trust.ANY:", "if True:"),
    "whose word joins users": (resolving, "if rules.public_aliases or", "if True or"),
    "that a signature joins no users": (resolving, 'if row["is_secret"]}', 'if row["is_secret"] or row["is_signed"]}'),
    "that public keys make no placeholders of other aliases": (
        resolving,
        "*without_placeholders(secret, rules.limits.partners).links",
        "",
    ),
    "that secret keys' aliases have a limit, too": (
        resolving,
        "*without_placeholders(secret, rules.limits.partners).links",
        "*secret",
    ),
    "that public keys cannot make a device of a user": (
        resolving,
        "if not (left or right) or (link in secret and",
        "if not (left or right) or (False and",
    ),
    "that a public key's alias of a device joins no users": (resolving, "or (link in secret and", "or (True and"),
    "that users of a device stay apart": (resolving, "{*logged_in, *edits.unlinked()}", "edits.unlinked()"),
    "that who was never there stays apart": (resolving, "{*logged_in, *edits.unlinked()}", "logged_in"),
    "that a device names nobody": (edges, "1 + self.is_device(id)", "1"),
    "that a placeholder joins nobody": (linking, "if len(others) > most}", "if False}"),
    "that too large a person falls apart": (linking, "len(joined[a]) <= most and", ""),
    "that ids of events come first": (linking, "(rank(member), member)", "member"),
    "what is split off": (linking, "and a not in split and b not in split", ""),
    "that a later merge joins again": (edits, "if split.number > merge.number", "if True"),
    "that a split takes an earlier merge": (edits, "if split.number > merge.number", "if False"),
    "what is undone": (edits, "and edit.number not in undone", ""),
    "who was never there": (resolving, "if user is None or (device, user) not in unlinked:", "if True:"),
    "ids that mean nobody": (
        persons,
        "user_id NOT IN (SELECT id FROM identities WHERE kind = 'nobody')",
        "user_id IS NOT NULL",
    ),
    "whose user ids are believed in answers": (
        persons,
        "AND (key_kind IS DISTINCT FROM 'public' OR user_verified)",
        "",
    ),
}


@pytest.mark.parametrize("lost", MUTANTS)
def test_no_part_of_the_rules_can_be_lost_unseen(lost: str) -> None:
    module, there, instead = MUTANTS[lost]
    with mutated(MODULES, module, replacing(there, instead)) as mutant:
        assert any(differs(seed, mutant) for seed in range(STREAMS))


def differs(seed: int, mutant: Mapping[str, Any]) -> bool:
    """Whether the mutant gives any event to another person than the rules do."""
    streams = random_streams(seed)
    events, log, rules = streams.events, streams.log, streams.rules
    halves = [each for each in (events[::2], events[1::2]) if each]
    evidence = pa.concat_tables(
        [mutant["edges"].edges_of(table(half), {"shop": rules.logout_events}) for half in halves]
    )
    in_force = mutant["edits"].EditsInForce.of(log)
    people = mutant["resolving"].resolve(evidence, in_force, mutant["edges"].Presence.of(evidence), rules)
    return people_in_sql(events, people, rules, mutant["persons"].persons) != people_of(events, log, rules)
