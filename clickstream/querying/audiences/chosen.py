"""Rows of chosen people alone, in SQL. Their ids are known before it is known whose each row is."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from clickstream.querying.conditions import Parameters

# A condition on `person`.
IS_CHOSEN = "person IN (FROM chosen)"
_HAS_AN_ID = "user_id IN (FROM chosen_ids) OR anonymous_id IN (FROM chosen_ids)"


def chosen(people: Collection[str], parameters: Parameters) -> str:
    """Common table expressions for the others: `chosen`, and `chosen_ids`, which are all ids that may be theirs."""
    listed = parameters.bind(orjson.dumps(sorted(people)).decode())
    return f"""chosen AS MATERIALIZED (
    SELECT unnest(from_json({listed}, '["VARCHAR"]')) AS person
),
chosen_ids AS MATERIALIZED (
    FROM chosen
    UNION
    SELECT id FROM identities WHERE {IS_CHOSEN}
)"""


def with_their_ids(source: str) -> str:
    """The rows of `source` that may be those of chosen people."""
    return f"(SELECT * FROM {source} WHERE {_HAS_AN_ID})"
