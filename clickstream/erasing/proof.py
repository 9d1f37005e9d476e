"""SQL statements that prove that a person is no longer in the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from clickstream.erasing.naming import bounded, is_telling
from clickstream.erasing.person import Person
from clickstream.errors import Unavailable
from clickstream.table.delta import Table
from clickstream.table.specs import ACTIVITY_TABLE, EVENTS_TABLE, IDENTITY_EDGES_TABLE, TRAITS_TABLE

EVENTS_SQL = """
SELECT count(*) FROM events WHERE site = $site AND least(occurred_at, received_at) <= $until
AND (list_contains($user_ids, user_id) OR list_contains($anonymous_ids, anonymous_id)
    OR list_contains($user_ids, previous_id) OR list_contains($anonymous_ids, previous_id))
""".strip()
FAILED_SQL = """
SELECT count(*) FROM failed_events WHERE coalesce(site, $site) = $site AND received_at <= $until
AND (regexp_matches(decode(payload, 'replace'), $names_any) OR regexp_matches(coalesce(seen, ''), $names_any))
""".strip()
EDGES_SQL = """
SELECT count(*) FROM identity_edges WHERE site = $site AND first_at <= $until
AND (list_contains($ids, left_id) OR list_contains($ids, right_id))
""".strip()
ACTIVITY_SQL = """
SELECT count(*) FROM {table} WHERE site = $site AND first_at <= $until
AND (list_contains($ids, anonymous_id) OR list_contains($ids, user_id))
""".strip()
_NOTHING = r"[^\s\S]"

_BY_IDS = {
    IDENTITY_EDGES_TABLE: EDGES_SQL,
    **{table: ACTIVITY_SQL.format(table=table.name) for table in (ACTIVITY_TABLE, TRAITS_TABLE)},
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement over one version of a table, and its result: the number of rows that name the person.

    Its parameters contain the ids, so they are left out.
    """

    table: str
    version: int
    sql: str
    result: int


def proof_of(table: Table, person: Person) -> Statement:
    """Count the rows of a table that name the person. Raise Unavailable."""
    parameters: dict[str, Any] = {"site": person.site, "until": person.until}
    if table.spec is EVENTS_TABLE:
        sql = EVENTS_SQL
        parameters |= {"user_ids": sorted(person.user_ids), "anonymous_ids": sorted(person.anonymous_ids)}
    elif table.spec in _BY_IDS:
        sql = _BY_IDS[table.spec]
        parameters["ids"] = sorted(person.ids)
    else:
        sql = FAILED_SQL
        telling = sorted(filter(is_telling, person.ids))
        parameters["names_any"] = bounded(telling) if telling else _NOTHING
    with duckdb.connect() as connection:
        connection.register(table.spec.name, table.dataset())
        try:
            row = connection.execute(sql, parameters).fetchone()
        except (duckdb.Error, OSError, pa.ArrowException) as error:  # duckdb re-raises the reader's errors
            raise Unavailable(f"the table {table.spec.name} cannot be read: {error}") from error
    assert row is not None, "count(*) has one row"
    return Statement(table.spec.name, table.version, sql, row[0])
