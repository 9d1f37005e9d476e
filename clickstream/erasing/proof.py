"""What anybody may ask the tables to see that a person is in them no more."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from clickstream.erasing.naming import TELLING_LENGTH, bounded
from clickstream.erasing.person import Person
from clickstream.errors import Unavailable
from clickstream.lake.delta import EVENTS_TABLE
from clickstream.lake.erasable_table import ErasableTable

EVENTS_SQL = """
SELECT count(*) FROM events WHERE site = $site AND least(occurred_at, received_at) <= $until
AND (list_contains($user_ids, user_id) OR list_contains($anonymous_ids, anonymous_id)
    OR list_contains($user_ids, previous_id) OR list_contains($anonymous_ids, previous_id))
""".strip()
FAILED_SQL = """
SELECT count(*) FROM failed_events WHERE coalesce(site, $site) = $site AND received_at <= $until
AND (regexp_matches(decode(payload, 'replace'), $names_any) OR regexp_matches(coalesce(seen, ''), $names_any))
""".strip()
_NOTHING = r"[^\s\S]"


def proof_of(table: ErasableTable, person: Person) -> dict[str, Any]:
    """A statement and its result for one table at one version; its parameters are the ids, so they are not told.

    Raise Unavailable.
    """
    about: dict[str, Any] = {"site": person.site, "until": person.until}
    if table.spec is EVENTS_TABLE:
        sql = EVENTS_SQL
        about |= {"user_ids": sorted(person.user_ids), "anonymous_ids": sorted(person.anonymous_ids)}
    else:
        sql = FAILED_SQL
        telling = sorted(id for id in person.ids if len(id) >= TELLING_LENGTH)
        about["names_any"] = "|".join(map(bounded, telling)) or _NOTHING
    with duckdb.connect() as connection:
        connection.register(table.spec.name, table.dataset())
        try:
            row = connection.execute(sql, about).fetchone()
        except (duckdb.Error, OSError, pa.ArrowException) as error:  # duckdb passes on what the reader raises
            raise Unavailable(f"the table {table.spec.name} cannot be read: {error}") from error
    assert row is not None, "count(*) has one row"
    return {"table": table.spec.name, "version": table.version, "sql": sql, "result": row[0]}
