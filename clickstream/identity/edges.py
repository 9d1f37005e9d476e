"""Evidence of identity: what the rows of `events` say about which ids belong together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.identity.engine import engine
from clickstream.model.identity_tables import AS_DEVICE, AS_NAME, AS_USER, EDGE_SCHEMA
from clickstream.model.schema import BATCH_COLUMN

USES = (AS_USER, AS_DEVICE, AS_NAME)
# The columns of `events` that evidence is read from.
EVENT_COLUMNS = (
    *("site", "event_id", "event_type", "event_name", "occurred_at", "consent", "is_bot", "key_kind", "user_verified"),
    *("anonymous_id", "id_source", "user_id", "previous_id"),
)
# Events without full consent say nothing about anybody, and bots only as what they carry an id.
_EDGES = """
WITH agreed AS (
    SELECT * REPLACE (make_timestamp(epoch_us(occurred_at)) AS occurred_at),
        id_source IS DISTINCT FROM 'day' AND anonymous_id IS NOT NULL AS has_device,
        key_kind IS DISTINCT FROM 'public' AS is_secret, coalesce(user_verified, FALSE) AS is_signed,
        is_bot IS NOT TRUE AS is_human
    FROM events
    WHERE consent = 'full'
),
human AS (
    SELECT * FROM agreed WHERE is_human
),
evidence AS (
    SELECT *, 'seen' AS kind, anonymous_id AS left_id, user_id AS right_id
    FROM human
    WHERE event_type <> 'alias' AND has_device AND user_id IS NOT NULL
    UNION ALL
    SELECT *, 'alias', coalesce(user_id, anonymous_id), previous_id
    FROM human
    WHERE previous_id <> coalesce(user_id, anonymous_id)
        AND (event_type = 'alias' AND (user_id IS NOT NULL OR has_device)
            OR event_type = 'identify' AND user_id IS NOT NULL)
    UNION ALL
    SELECT human.*, 'logout', anonymous_id, NULL
    FROM human SEMI JOIN logout_events USING (site, event_name)
    WHERE has_device
),
uses AS (
    SELECT *, 'user' AS kind, user_id AS id FROM human WHERE event_type <> 'alias'
    UNION ALL
    SELECT *, 'device', anonymous_id FROM human WHERE event_type <> 'alias' AND has_device
    UNION ALL
    SELECT *, 'name', user_id FROM agreed WHERE event_type = 'alias' OR NOT is_human
)
SELECT site, kind, left_id, right_id, hour, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
    is_secret, is_signed, arg_min(event_id, (occurred_at, event_id)) AS evidence_id, CAST(hour AS DATE) AS edge_date,
    CAST(NULL AS BIGINT) AS batch
FROM (SELECT *, date_trunc('hour', occurred_at) AS hour FROM evidence)
GROUP BY ALL
UNION ALL
SELECT site, kind, id, NULL, day, min(occurred_at), max(occurred_at), FALSE, FALSE, '', CAST(day AS DATE), NULL
FROM (SELECT *, date_trunc('day', occurred_at) AS day FROM uses WHERE id IS NOT NULL)
GROUP BY ALL
ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Presence:
    """Which ids the events of one site carry. `users` and `devices` leave out alias events, whose ids may be either."""

    users: Collection[str]
    devices: Collection[str]
    named: Collection[str]
    """All user ids, those of bots and of alias events included."""

    @classmethod
    def of(cls, edges: pa.Table) -> Presence:
        """The ids in rows of `identity_edges` of one site."""
        users, devices, names = (
            frozenset(edges["left_id"].filter(pc.equal(edges["kind"], use)).to_pylist()) for use in USES
        )
        return cls(users, devices, users | names)

    def is_device(self, id: str) -> bool:
        """Whether an aliased id is a device's: an id that is also a user's is a user's."""
        return id in self.devices and id not in self.users

    def rank_as_user(self, id: str) -> int:
        """The place of an id among those that may name a person: users of events come first, and devices last."""
        return 0 if id in self.users else 1 + self.is_device(id)

    def rank_as_device(self, id: str) -> int:
        """The place of an id among those that may name a device: devices of events come first."""
        return int(id not in self.devices)


def edges_of(events: pa.Table, logout_events: Mapping[str, Collection[str]]) -> pa.Table:
    """The evidence in rows of `events`, as EDGE_SCHEMA: one row per kind, ids, hour and trust.

    `events` has EVENT_COLUMNS; `logout_events` are names of events by site. Evidence of several batches of rows adds
    up: repeated rows of one hour have the same meaning as one.
    """
    pairs = [{"site": site, "event_name": name} for site, names in logout_events.items() for name in sorted(names)]
    logouts = pa.schema([("site", pa.string()), ("event_name", pa.string())])
    with engine(events=events, logout_events=pa.Table.from_pylist(pairs, schema=logouts)) as connection:
        edges = connection.sql(_EDGES).to_arrow_table()
    return edges.select(EDGE_SCHEMA.names).cast(EDGE_SCHEMA)


def combined(tables: Sequence[pa.Table]) -> pa.Table:
    """The evidence of several tables with one row for each kind, ids, hour and trust."""
    if len(tables) < 2:
        return tables[0] if tables else EDGE_SCHEMA.empty_table()
    with engine(edges=pa.concat_tables(tables)) as connection:
        rows = connection.sql(
            "SELECT site, kind, left_id, right_id, hour, min(first_at) AS first_at, max(last_at) AS last_at, "
            "is_secret, is_signed, arg_min(evidence_id, (first_at, evidence_id)) AS evidence_id, edge_date, batch "
            "FROM edges GROUP BY ALL ORDER BY ALL"
        ).to_arrow_table()
    return rows.select(EDGE_SCHEMA.names).cast(EDGE_SCHEMA)


def without_known_uses(edges: pa.Table, stored: pa.Table) -> pa.Table:
    """The edges without ids whose use on that day is in `stored` already, so that each day has it once."""
    with engine(edges=edges, stored=stored) as connection:
        kinds = ", ".join(f"'{use}'" for use in USES)
        rows = connection.sql(
            f"FROM edges WHERE kind NOT IN ({kinds}) UNION ALL FROM edges ANTI JOIN stored "
            f"USING (site, kind, left_id, edge_date) WHERE kind IN ({kinds}) ORDER BY ALL"
        ).to_arrow_table()
    return rows.select(EDGE_SCHEMA.names).cast(EDGE_SCHEMA)


def after(edges: pa.Table, batch: int) -> pa.Table:
    """The rows that later commits added."""
    return edges.filter(pc.greater(edges[BATCH_COLUMN], batch))
