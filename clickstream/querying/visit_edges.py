"""Visits as the visit files have them, with those computed anew that no single file knows as a whole.

Of a visitor's visits in all files, those form an *island* that may matter to one another: each lies no further from
another than `part_reach` says, and the parts of one session are all in one. If all of an island is in one file, and
within the time that a statement reads, that file has its visits as they are. The visits of any other island are
*edges*: the relations of visits.py are computed over the events of these, and over those of files without a visit file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa

from clickstream.filters.deeds import ACT
from clickstream.model.schema import EVENT_COLUMNS
from clickstream.querying.conditions import SqlParameter, parameters_in
from clickstream.querying.stays import ATTRIBUTES, SUMS, Times, aggregate
from clickstream.querying.visit_files import (
    ALONE,
    FAR,
    KNOT,
    NEAR,
    OF_EVENTS,
    STORED,
    Visits,
    copy_to,
    quoted,
    storable,
)
from clickstream.querying.visit_views import BESIDE, FILES, NUMBERS, OTHERS, ROWS, STAYS, listed
from clickstream.querying.visits import ARRIVAL, PLACES_AND_DEVICES, READS, relations

# The temporary tables of the edges' keys and events.
EDGES, EVENTS = "visit_edges", "edge_events"
_KNOTTED = "visit_knots"
_BEGIN = re.compile(r"\boccurred_at\b")
# Columns of `of_site` and of `viewed` that are read with visit files, those of them that are in the rows of these, and
# those that are computed from the events.
OF_SITE = frozenset({*(column.name for column in EVENT_COLUMNS), "visitor", "visitor_key", "act"})
COLUMNS = OF_SITE | {*STORED, "visit", "visit_key"}
IN_ROWS = frozenset({*OF_EVENTS, *STORED, "visit", "visit_key"})
NOT_STORED = frozenset(
    {
        *(f"arrival_{name}" for name in ARRIVAL),
        *(f"visit_{name}" for name in PLACES_AND_DEVICES),
    }
) - set(STORED)
COMPUTED = sorted(COLUMNS | NOT_STORED)
# Columns that are kept of the events of edges.
KEPT = IN_ROWS | set(ATTRIBUTES)
_KEPT = ", ".join(map(storable, sorted(KEPT)))
# A row that is not in a visit file is a part of its own; its session is known by the same key as in visit files.
_PARTS = f"""
others AS (
    SELECT *, coalesce(anonymous_id, user_id) AS visitor, {ACT} AS act, {READS} AS reads
    FROM {OTHERS}
    WHERE true{{people}}
),
parts AS (
    SELECT visit_key, unnest(part_sessions) AS session, part_who AS who, occurred_at AS begun, last_at AS ended,
        part_reach AS reach, hash(filename, is_bot) AS source
    FROM {STAYS}
    WHERE part_who IS NOT NULL{{people}}
    UNION ALL
    SELECT visit_key, NULL, part_who, occurred_at, last_at, part_reach, hash(filename, is_bot)
    FROM {STAYS}
    WHERE part_who IS NOT NULL AND part_strays{{people}}
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

_KNOTS_OF = "SELECT user_id, anonymous_id, previous_id, properties->>'$.page_view_id' AS view_id FROM {}"

# Visitors that depend on rows of other files: users without a device, and the devices of these users; those who agreed,
# and what they claim.
_TAINTED = f"""
known AS (
    SELECT user_id, anonymous_id FROM {BESIDE} WHERE user_id IS NOT NULL AND site = $site
    UNION ALL
    SELECT user_id, anonymous_id FROM {OTHERS} WHERE user_id IS NOT NULL
),
claimed AS MATERIALIZED (
    SELECT visit_key, anonymous_id
    FROM {NUMBERS} JOIN {BESIDE} USING (event_file, number)
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

    @property
    def key(self) -> Hashable:
        return self.with_bots, self.split_at_midnight, tuple(sorted(self.parameters.items()))

    @property
    def bounds(self) -> tuple[str, str]:
        """SQL for the begin and the end of the period."""
        begin, end = (f"CAST({quoted(str(self.parameters[name]))} AS TIMESTAMPTZ)" for name in ("from", "to"))
        return begin, end

    def has_whole_days(self, times: Times) -> bool:
        """Whether the period and these times consist of days of UTC, as files of events do."""
        moments = (datetime.fromisoformat(str(self.parameters[name])) for name in ("from", "to"))
        return times.are_days_of_utc and all(moment.astimezone(UTC).time() == time() for moment in moments)


@dataclass(frozen=True, slots=True)
class Edges:
    """The keys of the edges in `visit_key`. They `matter` if there are any, or events without visit files."""

    keys: pa.Table
    matter: bool


class KnownEdges(Protocol):
    """Edges that were found before in the files that a connection has."""

    def get(self, wanted: Wanted) -> Edges | None: ...

    def put(self, wanted: Wanted, edges: Edges) -> None: ...

    @property
    def pieces(self) -> Sequence[Sequence[Visits]]:
        """The files in groups, so that what is computed for the events of a group takes a tenth of the memory."""

    def rows(self, wanted: Wanted, write: Callable[[Path], None]) -> Path | None:
        """The file of the edges' events, which is written if there is none; None without room for it."""

    def join_events(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create the view of the rows beside those of events, unless the connection has it."""

    def number_events(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create the views of events and rows with their numbers, unless the connection has them."""


def find(connection: duckdb.DuckDBPyConnection, wanted: Wanted, known: KnownEdges) -> bool:
    """Create the temporary table `visit_edges` of the edges' keys. False if there are none, and no other events."""
    if (found := known.get(wanted)) is not None:
        connection.register(EDGES, found.keys)
        return found.matter
    known.number_events(connection)
    knots = [_KNOTS_OF.format(f"{OTHERS} WHERE {KNOT}")]
    if _has_rows(connection, f"{STAYS} WHERE has_knot"):
        knots.append(_KNOTS_OF.format(_beside("is_knot")))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_KNOTTED} AS\n" + "\nUNION ALL\n".join(knots))
    tainted = _TAINTED if _has_rows(connection, _KNOTTED) else _UNTAINTED
    parts = _PARTS.format(people=wanted.people)
    islands = _ISLANDS.format(split=_SPLIT if wanted.split_at_midnight else "")
    sql = f"WITH {parts},\n{tainted},\n{islands}"
    keys = connection.sql(sql, params=parameters_in(sql, wanted.parameters)).to_arrow_table()
    connection.register(EDGES, keys)
    matter = keys.num_rows > 0 or _has_rows(connection, OTHERS)
    known.put(wanted, Edges(keys, matter))
    return matter


def _has_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return bool(connection.execute(f"SELECT EXISTS (FROM {relation})").fetchall()[0][0])


def computed(connection: duckdb.DuckDBPyConnection, every: str, columns: str, level: str) -> str:
    """SQL for these columns of the edges' events. `every` are the relations of visits.py, and `level` the last of them.

    It needs the views of events and rows with their numbers, and creates the table `edge_events`. That has no column
    that nothing names, and is made without a condition on events: DuckDB would expect so few of them to meet it that
    it holds all of these in memory, and not the rows.
    """
    words = set(re.findall(r"\w+", f"{every} {columns}"))
    raw = ", ".join(column.name for column in EVENT_COLUMNS if column.name in words)
    events = _beside(f"visit_key IN (SELECT visit_key FROM {EDGES})")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {EVENTS} AS SELECT {raw} FROM {events}")
    return f"""WITH events AS NOT MATERIALIZED (
    SELECT {raw} FROM {EVENTS}
    UNION ALL
    SELECT {raw} FROM {OTHERS}
),
{every}
SELECT {columns} FROM {level}"""


def kept(connection: duckdb.DuckDBPyConnection, wanted: Wanted, known: KnownEdges) -> Path | None:
    """The file of the edges' events with the columns in `KEPT`; None if there is not room for it."""

    def write(part: Path) -> None:
        known.number_events(connection)
        every = relations(
            of_visits=True, of_views=True, with_bots=wanted.with_bots, split_at_midnight=wanted.split_at_midnight
        )
        sql = computed(connection, every, _KEPT, "viewed")
        for name, value in wanted.parameters.items():
            sql = sql.replace(f"${name}", quoted(str(value)))
        connection.execute(copy_to(part, sql))
        connection.execute(f"DROP TABLE {EVENTS}")

    return known.rows(wanted, write)


def whole(columns: Sequence[str], wanted: Wanted, edges: str | None) -> str:
    """SQL for these columns of all events, as the relations of visits.py have them. `edges` is SQL for the rows of
    edges, None if there are none.
    """
    sql = _rows(columns, wanted, edges)
    return sql if edges is None else f"{sql}\nUNION ALL\nSELECT {', '.join(columns)} {edges}"


def pieces(
    columns: Sequence[str], wanted: Wanted, edges: str | None, files: Iterable[Iterable[Visits]]
) -> Iterator[str]:
    """The same for these columns in `IN_ROWS`, in pieces of whole visits: those of some files each, and the edges."""
    for some in files:
        yield f"{_rows(columns, wanted, edges)} AND filename IN ({listed(file.rows for file in some)})"
    if edges is not None:
        yield f"SELECT {', '.join(columns)} {edges}"


def _rows(columns: Sequence[str], wanted: Wanted, edges: str | None) -> str:
    begin, end = wanted.bounds
    rows = _but_edges(ROWS if IN_ROWS.issuperset(columns) else FILES, edges)
    time = f"occurred_at >= {begin} - INTERVAL 1 DAY AND occurred_at < {end} + INTERVAL 1 DAY"
    return f"SELECT {', '.join(columns)}\nFROM {rows}\nWHERE {time}{wanted.people}"


def few(columns: Sequence[str], wanted: Wanted, edges: str | None) -> str:
    """The same as `whole`, with any column in `COMPUTED`. Read it under a condition that few events meet: they are
    found first, and then their rows by their numbers.
    """
    begin, end = wanted.bounds
    of_events = [column.name for column in EVENT_COLUMNS if column.name in columns]
    of_stays = sorted(NOT_STORED.intersection(columns))
    of_rows = [name for name in columns if name not in (*of_events, *of_stays, "visitor")]
    shown = [
        *(f"of_events.{name}" for name in of_events),
        *(f"of_rows.{name}" for name in of_rows),
        *(f"of_stays.{name}" for name in of_stays),
        *(["anonymous_id AS visitor"] if "visitor" in columns else []),
    ]
    stays = f" JOIN (FROM {STAYS} WHERE true{wanted.people}) AS of_stays USING (visit_key)" if of_stays else ""
    people = "" if wanted.with_bots else " AND of_events.is_bot IS NOT TRUE"
    sql = f"""SELECT {", ".join(shown)}
FROM {BESIDE} AS of_events
    JOIN (FROM {_but_edges(NUMBERS, edges)}) AS of_rows USING (event_file, number){stays}
WHERE of_events.site = {quoted(str(wanted.parameters["site"]))}
    AND of_events.occurred_at >= {begin} - INTERVAL 1 DAY AND of_events.occurred_at < {end} + INTERVAL 1 DAY{people}"""
    return sql if edges is None else f"{sql}\nUNION ALL BY NAME\nSELECT {', '.join(columns)} {edges}"


def whole_stays(columns: Sequence[str], times: Times, wanted: Wanted, edges: str | None) -> str:
    """SQL for these columns of all stays whose visits are no edges."""
    begin, end = wanted.bounds
    stays = _but_edges(STAYS, edges)
    inside = f"occurred_at >= {begin} AND last_at < {end}"
    if wanted.has_whole_days(times):
        return f"SELECT {', '.join(columns)}\nFROM {stays}\nWHERE {inside}{wanted.people}"
    inside = " AND ".join([inside, *(f"{sql} = {_BEGIN.sub('last_at', sql)}" for sql in times.each)])
    # A visit over the border of the period or of a time is summed up from its rows.
    over = f"SELECT visit_key FROM {stays} WHERE occurred_at < {end} AND last_at >= {begin} AND NOT ({inside})"
    sums = ", ".join(map(aggregate, SUMS))
    shown = ", ".join(f"{'of_time' if name in SUMS else 'of_visit'}.{name}" for name in columns)
    return f"""SELECT {", ".join(columns)}
FROM {stays}
WHERE {inside}{wanted.people}
UNION ALL
SELECT {shown}
FROM (
    SELECT visit_key, {sums}
    FROM {ROWS}
    WHERE occurred_at >= {begin} AND occurred_at < {end}{wanted.people} AND visit_key IN ({over}{wanted.people})
    GROUP BY {", ".join(["visit_key", *times.each])}
) AS of_time JOIN (FROM {STAYS} WHERE true{wanted.people}) AS of_visit USING (visit_key)"""


def _beside(condition: str) -> str:
    """SQL for the events whose rows meet the condition."""
    return f"{BESIDE} SEMI JOIN (FROM {NUMBERS} WHERE {condition}) AS these USING (event_file, number)"


def _but_edges(relation: str, edges: str | None) -> str:
    return relation if edges is None else f"{relation} ANTI JOIN {EDGES} USING (visit_key)"
