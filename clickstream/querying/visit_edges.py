"""Visits as the visit files have them, with those computed anew that no single file knows as a whole.

Of a visitor's visits in all files, those form an *island* that may matter to one another: each lies no further from
another than `part_reach` says, and the parts of one session are all in one. If all of an island is in one file, and
within the time that a statement reads, that file has its visits as they are. The visits of any other island are
*edges*: the relations of visits.py are computed over the events of these, and over those of files without a visit file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from clickstream.filters.deeds import ACT
from clickstream.model.schema import EVENT_COLUMNS, EVENT_PARTITION
from clickstream.querying.conditions import SqlParameter
from clickstream.querying.visit_files import ALONE, FAR, KNOT, NEAR, STORED, quoted
from clickstream.querying.visits import ARRIVAL, PLACES_AND_DEVICES, READS

# The views and tables of a connection that has visit files: their rows, and the events of all other files.
FILES, OTHERS = "visit_files", "other_events"
EDGES = "visit_edges"
# A positional join runs on one thread, so the files are joined in so many shares. More take longer to plan.
_SHARES = 8
_KNOTTED = "visit_knots"
_RAW = ", ".join(column.name for column in EVENT_COLUMNS)
# Columns of `of_site` and of `viewed` that are read with visit files, and those that are computed from the events.
OF_SITE = frozenset({*(column.name for column in EVENT_COLUMNS), "visitor", "act"})
COLUMNS = OF_SITE | {*STORED, "visit", "visit_key"}
NOT_STORED = frozenset(
    {
        *(f"arrival_{name}" for name in ARRIVAL),
        *(f"visit_{name}" for name in PLACES_AND_DEVICES),
        *("view_engaged_ms", "view_depth"),
    }
) - set(STORED)
# A row that is not in a visit file is a part of its own; its session is known by the same key as in visit files.
_PARTS = f"""
others AS (
    SELECT *, coalesce(anonymous_id, user_id) AS visitor, {ACT} AS act, {READS} AS reads
    FROM {OTHERS}
    WHERE true{{people}}
),
parts AS (
    SELECT visit_key, part_session AS session, part_who AS who, part_begun AS begun, part_ended AS ended,
        part_reach AS reach, hash(filename, is_bot IS TRUE) AS source
    FROM {FILES}
    WHERE part_who IS NOT NULL{{people}}
    UNION ALL
    SELECT NULL, hash(hash(visitor), session_id, CAST(NULL AS DATE)) AS session,
        CASE WHEN visitor IS NULL THEN hash(hash(visitor), session_id, CAST(NULL AS DATE)) ELSE hash(visitor) END,
        min(occurred_at), max(occurred_at), CASE WHEN bool_or(act) THEN {ALONE} ELSE {FAR} END, CAST(0 AS UBIGINT)
    FROM others
    WHERE session_id IS NOT NULL
    GROUP BY visitor, session_id
    UNION ALL
    SELECT NULL, NULL, hash(visitor), occurred_at, occurred_at, CASE WHEN act AND NOT reads THEN {NEAR} ELSE {FAR} END,
        CAST(0 AS UBIGINT)
    FROM others
    WHERE session_id IS NULL AND visitor IS NOT NULL
)""".strip()

_KNOTS = f"""
SELECT user_id, anonymous_id, previous_id, properties->>'$.page_view_id' AS view_id
FROM {FILES}
WHERE is_knot
UNION ALL
SELECT user_id, anonymous_id, previous_id, properties->>'$.page_view_id'
FROM {OTHERS}
WHERE {KNOT}""".strip()

# Visitors that depend on rows of other files: users without a device, and the devices of these users; those who agreed,
# and what they claim.
_TAINTED = f"""
known AS (
    SELECT user_id, anonymous_id FROM {FILES} WHERE user_id IS NOT NULL
    UNION ALL
    SELECT user_id, anonymous_id FROM {OTHERS} WHERE user_id IS NOT NULL
),
claimed AS MATERIALIZED (
    SELECT visit_key, anonymous_id
    FROM {FILES}
    WHERE event_id IN (SELECT view_id FROM {_KNOTTED})
    UNION ALL
    SELECT NULL, anonymous_id
    FROM {OTHERS}
    WHERE event_id IN (SELECT view_id FROM {_KNOTTED})
),
tainted AS MATERIALIZED (
    SELECT DISTINCT hash(visitor) AS who
    FROM (
        SELECT unnest([user_id, anonymous_id, previous_id]) AS visitor FROM {_KNOTTED}
        UNION ALL
        SELECT anonymous_id FROM known WHERE user_id IN (SELECT user_id FROM {_KNOTTED})
        UNION ALL
        SELECT anonymous_id FROM claimed
    )
    WHERE visitor IS NOT NULL
)""".strip()
# If no visitor depends on other rows.
_UNTAINTED = """
claimed AS (SELECT CAST(NULL AS UBIGINT) AS visit_key),
tainted AS (SELECT CAST(NULL AS UBIGINT) AS who WHERE false)""".strip()

_ISLANDS = """
spread AS (
    SELECT session, min(begun) AS first_begun, max(ended) AS last_ended
    FROM parts
    WHERE session IS NOT NULL
    GROUP BY session
    HAVING min(source) <> max(source)
),
spans AS (
    SELECT visit_key, session, who, source,
        coalesce(first_begun, begun) AS begun,
        coalesce(last_ended, ended) AS ended,
        coalesce(first_begun, begun) - to_minutes(reach) AS reach_from,
        coalesce(last_ended, ended) + to_minutes(reach) AS reach_to
    FROM parts LEFT JOIN spread USING (session)
),
gaps AS (
    SELECT *,
        CASE WHEN reach_from <= max(reach_to) OVER (
            PARTITION BY who ORDER BY reach_from, reach_to, visit_key, session, source
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) THEN 0 ELSE 1 END AS starts
    FROM spans
),
islands AS (
    SELECT *,
        sum(starts) OVER (
            PARTITION BY who ORDER BY reach_from, reach_to, visit_key, session, source
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS island
    FROM gaps
),
torn AS (
    SELECT who, island
    FROM islands
    GROUP BY who, island
    HAVING min(source) <> max(source)
        OR min(begun) < CAST($from AS TIMESTAMPTZ) - INTERVAL 1 DAY
        OR max(ended) >= CAST($to AS TIMESTAMPTZ) + INTERVAL 1 DAY{split}
)
SELECT DISTINCT visit_key
FROM islands
WHERE visit_key IS NOT NULL
    AND (who IN (SELECT who FROM tainted) OR (who, island) IN (SELECT (who, island) FROM torn))
UNION
SELECT visit_key FROM claimed WHERE visit_key IS NOT NULL""".strip()
_SPLIT = """
        OR CAST(timezone($time_zone, min(begun)) AS DATE) <> CAST(timezone($time_zone, max(ended)) AS DATE)"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a statement reads of visits: with bots or without, of visits that end at midnight or not, in the period that
    the parameters name.
    """

    with_bots: bool
    split_at_midnight: bool
    parameters: Mapping[str, SqlParameter]

    @property
    def people(self) -> str:
        return "" if self.with_bots else " AND is_bot IS NOT TRUE"


def find(connection: duckdb.DuckDBPyConnection, wanted: Wanted) -> bool:
    """Create the temporary table `visit_edges` of the edges' keys. False if there are none, and no other events."""
    connection.execute(f"CREATE TEMP TABLE {_KNOTTED} AS\n{_KNOTS}")
    tainted = _TAINTED if _has_rows(connection, _KNOTTED) else _UNTAINTED
    parts = _PARTS.format(people=wanted.people)
    islands = _ISLANDS.format(split=_SPLIT if wanted.split_at_midnight else "")
    own = {name: value for name, value in wanted.parameters.items() if f"${name}" in islands}
    connection.execute(f"CREATE TEMP TABLE {EDGES} AS\nWITH {parts},\n{tainted},\n{islands}", own)
    return _has_rows(connection, EDGES) or _has_rows(connection, OTHERS)


def drop(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables of `find`."""
    for table in (_KNOTTED, EDGES):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def _has_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return bool(connection.execute(f"SELECT EXISTS (FROM {relation})").fetchall()[0][0])


def beginning(relations: str) -> str:
    """The beginning of a statement over the edges' events alone; `relations` are those of visits.py."""
    return f"""WITH events AS NOT MATERIALIZED (
    SELECT {_RAW} FROM {FILES} WHERE visit_key IN (SELECT visit_key FROM {EDGES})
    UNION ALL
    SELECT {_RAW} FROM {OTHERS}
),
{relations}"""


def whole(columns: str, wanted: Wanted) -> str:
    """SQL for these columns of all events whose visits are no edges, as the relations of visits.py have them."""
    begin, end = (f"CAST({quoted(str(wanted.parameters[name]))} AS TIMESTAMPTZ)" for name in ("from", "to"))
    return f"""SELECT {columns}
FROM {FILES} ANTI JOIN {EDGES} USING (visit_key)
WHERE occurred_at >= {begin} - INTERVAL 1 DAY AND occurred_at < {end} + INTERVAL 1 DAY{wanted.people}"""


def show(connection: duckdb.DuckDBPyConnection, files: Sequence[tuple[Path, Path]], site: str) -> None:
    """Create the view of the site's rows of these files of events, each with its visit file."""
    shares = [files[first::_SHARES] for first in range(min(_SHARES, len(files)))]
    rows = "\nUNION ALL\n".join(
        f"SELECT * FROM read_parquet([{_listed(events for events, _ in share)}], hive_partitioning = true, "
        f"hive_types = {{'{EVENT_PARTITION}': DATE}}, filename = true) AS of_events "
        f"POSITIONAL JOIN read_parquet([{_listed(visits for _, visits in share)}], hive_partitioning = false) "
        f"AS of_visits WHERE site = {quoted(site)}"
        for share in shares
    )
    connection.execute(f"""CREATE TEMP VIEW {FILES} AS
SELECT *, anonymous_id AS visitor, CASE WHEN is_visit THEN visit_key END AS visit
FROM (
{rows}
)""")


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(quoted(str(path)) for path in paths)
