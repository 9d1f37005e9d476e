"""People resolved batch by batch are those resolved at once, whatever the batches and the parts of the evidence."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from clickstream.deriving.people import Basis, people_of
from clickstream.identity import parts
from clickstream.identity.edges import combined, edges_of, without_known_uses
from clickstream.identity.edits import Edit, EditKind, EditsInForce
from clickstream.identity.parts import Evidence
from clickstream.identity.rules import Rules
from clickstream.model.identity_tables import EDGE_SCHEMA, IDENTITY_SCHEMA
from tests.functional.identity.asking import known_in_sql, whose_in_sql
from tests.functional.identity.plain_people import PlainPeople
from tests.functional.identity.random_people import START, Streams, event, random_streams, table

TODAY = date(2026, 3, 11)
SEEDS = range(12)


def batches_of(events: Sequence[dict[str, Any]], chance: random.Random) -> list[list[dict[str, Any]]]:
    """Three batches of events in order of time, and one of late events."""
    late = [event for event in events if chance.random() < 0.1]
    in_order = sorted((event for event in events if event not in late), key=lambda event: str(event["occurred_at"]))
    cuts = sorted(chance.sample(range(len(in_order)), 2))
    return [in_order[: cuts[0]], in_order[cuts[0] : cuts[1]], in_order[cuts[1] :], late]


def evidence_of(streams: Streams, events: Sequence[dict[str, Any]], number: int) -> pa.Table:
    edges = edges_of(table(events), {"shop": streams.rules.logout_events})
    at = EDGE_SCHEMA.get_field_index("batch")
    return edges.set_column(at, EDGE_SCHEMA.field(at), pa.repeat(pa.scalar(number, pa.int64()), edges.num_rows))


@pytest.mark.parametrize("seed", SEEDS)
def test_people_by_batches_are_those_of_all_evidence_at_once(seed: int) -> None:
    streams, chance = random_streams(seed, 25), random.Random(seed)
    basis = Basis(streams.rules, EditsInForce.of(streams.log))
    stored, people, arrived = EDGE_SCHEMA.empty_table(), IDENTITY_SCHEMA.empty_table(), list[dict[str, Any]]()
    for number, batch in enumerate(batches_of(streams.events, chance), 1):
        arrived += batch
        new = without_known_uses(evidence_of(streams, batch, number), stored)
        stored = pa.concat_tables([stored, new])
        people = people_of(stored, basis, "shop", TODAY, number - 1 or None, people)
        at_once = people_of(evidence_of(streams, arrived, 1), basis, "shop", TODAY)
        assert people.to_pylist() == at_once.to_pylist()
    plain = PlainPeople(streams.events, streams.log, streams.rules)
    assert whose_in_sql(streams.events, people, streams.rules) == plain.of_events()
    assert known_in_sql(streams.events, people, streams.rules) == plain.known()


@pytest.mark.parametrize("seed", range(3))
def test_people_of_small_parts_are_those_of_all_evidence_at_once(seed: int) -> None:
    streams = random_streams(seed, 25)
    edges, edits = evidence_of(streams, streams.events, 1), EditsInForce.of(streams.log)
    evidence = Evidence.of(edges, edits, streams.rules)
    whole, small = (list(evidence.parts(None, size)) for size in (parts.ROWS_AT_ONCE, 10))
    assert len(whole) == 1 and len(small) > 3
    assert sorted(id for part in small for id in part.ids.to_pylist()) == sorted(whole[0].ids.to_pylist())
    for part in small:
        ids = set(part.ids.to_pylist())
        assert {*part.edges["left_id"].to_pylist(), *part.edges["right_id"].to_pylist()} <= ids | {None}


def test_evidence_of_several_tables_is_that_of_one() -> None:
    streams = random_streams(1, 10)
    halves = [evidence_of(streams, events, 1) for events in (streams.events[::2], streams.events[1::2])]
    assert combined(halves).to_pylist() == combined([evidence_of(streams, streams.events, 1)]).to_pylist()


def test_every_spelling_of_nobody_is_left_out_of_the_links() -> None:
    rules = Rules(protected_ids=frozenset(["demo-user", "é"]), pseudonyms_of_nobody=frozenset(["p0_1"]))
    spellings = ["guest", " Guest\t", "GUEST\x1f", "null\u2003", "0000-00", " 0 ", "", "p0_1", "Demo-User ", "É", "x9"]
    somebody = ["ada", "guests", "0x", "P0_1", "demo", "ü"]
    at = START + timedelta(days=1)
    logins = [event(n, at, anonymous_id=f"d{n}", user_id=user) for n, user in enumerate([*spellings, *somebody])]
    edges = edges_of(table(logins), {})
    evidence = Evidence.of(edges, EditsInForce([Edit(number=1, kind=EditKind.BLOCK, ids=("x9",))]), rules)
    assert sorted(evidence.links["right_id"].to_pylist()) == sorted(somebody)
    assert sorted(evidence.nobody(None)) == sorted(spellings)


def test_a_placeholder_connects_no_parts() -> None:
    streams = random_streams(2, 10)
    rules = replace(streams.rules, protected_ids=frozenset())
    parts_of = list(Evidence.of(evidence_of(streams, streams.events, 1), EditsInForce(()), rules).parts(None, 1))
    assert len(parts_of) >= 10
    assert all("guest" not in part.ids.to_pylist() for part in parts_of)
