"""The product's answer: whose each event is, by evidence in batches, resolved and joined in SQL."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from clickstream.identity.edges import Presence, edges_of
from clickstream.identity.edits import Edit, EditsInForce
from clickstream.identity.persons import persons
from clickstream.identity.resolving import People, resolve
from clickstream.identity.rules import Rules
from tests.functional.identity.random_people import table


def resolved(
    events: Sequence[dict[str, Any]], log: Sequence[Edit], rules: Rules, chance: random.Random | None = None
) -> People:
    """Resolve the evidence of all events; with `chance`, of batches cut at random, some of them repeated."""
    batches = [list(events)]
    if chance is not None:
        cuts = sorted(chance.sample(range(len(events) + 1), k=min(2, len(events))))
        batches = [list(events)[a:b] for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True)]
        batches += chance.sample(batches, k=1)
    edges = pa.concat_tables([edges_of(table(batch), {"shop": rules.logout_events}) for batch in batches])
    return resolve(edges, EditsInForce.of(log), Presence.of(edges), rules)


def people_in_sql(
    events: Sequence[dict[str, Any]], people: People, rules: Rules, relation: Callable[..., str] = persons
) -> dict[str, str | None]:
    """The person of each event by its id."""
    return whose_in_sql(events, people.table("shop", date(2026, 3, 10)), rules, relation)


def whose_in_sql(
    events: Sequence[dict[str, Any]], identities: pa.Table, rules: Rules, relation: Callable[..., str] = persons
) -> dict[str, str | None]:
    """The same by rows of `identities`."""
    rows = _joined(events, identities, relation("events", rules.trust))
    assert len(rows) == len(events), "no event is repeated"
    return {event_id: person for event_id, person, _ in rows}


def known_in_sql(events: Sequence[dict[str, Any]], identities: pa.Table, rules: Rules) -> set[str]:
    """The events of users."""
    return {event_id for event_id, _, known in _joined(events, identities, persons("events", rules.trust)) if known}


def _joined(events: Sequence[dict[str, Any]], identities: pa.Table, relation: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("events", table(events))
        connection.register("identities", identities)
        sql = f"WITH {relation} SELECT event_id, person, is_known FROM persons"
        return connection.execute(sql).fetchall()
