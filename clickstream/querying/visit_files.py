"""What follows about visits from a site's rows of one file of events alone, on the disk beside the copy of the file.

That is two *visit files*. The *rows* have one for each row of the file, in the file's order, null for rows of other
sites: columns of the relation `viewed` of visits.py as they are if there are no other rows than the site's in that
file, those of bots apart from all others, and columns of events that many questions read. The *stays* have one row for
each visit: what stays.py makes of these rows. Both are pure functions of the file. visit_edges.py says for which visits
other files make a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path

import duckdb

from clickstream.querying.stays import ATTRIBUTES, COLUMNS, aggregate
from clickstream.querying.visitors import AGREEING
from clickstream.querying.visits import relations


class Kind(StrEnum):
    """Of visit files."""

    ROWS = "rows"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Visits:
    """A file of events and its visit files, on the disk. Their names differ only in the suffix, and no other file of
    events has that name. The folder of the first is named after its date.
    """

    events: Path
    rows: Path
    stays: Path


# Columns of `viewed` in each row. What needs others is computed from the events.
OF_EVENTS = ("occurred_at", "event_type", "event_name", "page_path", "is_bot")
_COUNTS = ("visit_acts", "visit_views", "views_so_far")
STORED = (
    *(
        "visitor_key",
        "act",
        "visit_bounced",
        "visit_begun",
        "visit_ended",
        "visit_place",
        "moment_place",
        *_COUNTS,
        "view_engaged_ms",
        "view_depth",
    ),
    *("visit_entry_page", "visit_exit_page", "visit_source", "visit_arrives", "arrival_channel", "visit_country"),
    "visit_device_class",
)
# An event whose visitor depends on other events, or that can decide about the visitor of others.
KNOT = (
    "(user_id IS NOT NULL AND (anonymous_id IS NULL OR id_source = 'day')"
    f" OR event_name IN ({AGREEING}) AND consent = 'full')"
)
# How close in time events of other files may matter to a visit. A session with an act changes only by events with its
# `session_id`. A run, and a session without an act, joins what is at most 30 minutes away. If a visit has no act, or a
# run begins with an event that reports reading time, up to 24 hours before matter.
ALONE, NEAR, FAR = 0, 30, 1440

# The key of a visit is stored instead of `visit`.
_OF_STAYS = tuple(name for name in COLUMNS if name != "visit")
_ATTRIBUTES = ", ".join(name for name in ATTRIBUTES if name not in STORED)
_OF_CLASS = f"""
SELECT row, visit_key, {{columns}}, {_ATTRIBUTES},
    visit IS NOT NULL AS is_visit,
    CASE WHEN {KNOT} THEN true END AS is_knot,
    is_bot IS TRUE AS of_bots,
    CASE WHEN session_id IS NOT NULL THEN session_key END AS part_session,
    CASE WHEN lone IS NOT NULL THEN NULL WHEN visitor IS NULL AND session_id IS NOT NULL THEN session_key ELSE who END
        AS part_who,
    CASE WHEN visit_acts = 0 OR (begins IS NOT NULL AND reads) THEN {FAR}
        WHEN session_id IS NULL OR visit_key <> session_key THEN {NEAR}
        ELSE {ALONE} END AS reach
FROM viewed""".strip()
# Planning takes most of the time for a small file, so what it has none of is left out.
_CLASSES = ("is_bot IS NOT TRUE", "is_bot")
_TABLE, _EVERY = "rows_of_file", "numbers_of_rows"
_ROWS = f"""
SELECT visit_key, {", ".join((*OF_EVENTS, *STORED))}, is_visit, is_knot
FROM {_EVERY} LEFT JOIN {_TABLE} USING (row)
ORDER BY row""".strip()
# `part_...`: the visitor, the sessions, whether any event has none, and how many minutes away others may matter; the
# first is null for events without any id.
_STAYS = f"""
SELECT visit_key, of_bots AS is_bot, {", ".join(map(aggregate, _OF_STAYS))},
    any_value(is_visit) AS is_visit,
    max(occurred_at) AS last_at,
    coalesce(bool_or(is_knot), false) AS has_knot,
    any_value(part_who) AS part_who,
    list(DISTINCT part_session) FILTER (part_session IS NOT NULL) AS part_sessions,
    bool_or(part_session IS NULL) AS part_strays,
    max(reach) AS part_reach
FROM {_TABLE}
GROUP BY visit_key, of_bots
ORDER BY occurred_at, visit_key""".strip()
_OF_KIND = {Kind.ROWS: _ROWS, Kind.STAYS: _STAYS}


def compute(connection: duckdb.DuckDBPyConnection, file: Path, site: str) -> None:
    """Create the temporary table that `write` reads, of the site's rows of a file in a folder named after its date."""
    events = f"SELECT *, file_row_number AS row FROM read_parquet({quoted(str(file))}, file_row_number = true)"
    connection.execute(f"CREATE TEMP VIEW {_EVERY} AS SELECT row FROM ({events})")
    has_bots = connection.execute(f"SELECT EXISTS (FROM ({events}) WHERE is_bot)").fetchall()[0][0]
    classes = _CLASSES if has_bots else _CLASSES[:1]
    connection.execute(_table(events, site, file.parent.name.partition("=")[2], classes))


def write(connection: duckdb.DuckDBPyConnection, kind: Kind, target: Path) -> None:
    """Write a visit file of what the connection has computed."""
    connection.execute(copy_to(target, _OF_KIND[kind]))


def copy_to(target: Path, sql: str) -> str:
    """SQL to write rows as a file."""
    how = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, USE_TMP_FILE false"
    return f"COPY ({sql}) TO {quoted(str(target))} ({how})"


def storable(column: str) -> str:
    """SQL for a column as files have it: Parquet has no integers of 128 bits."""
    return f"CAST({column} AS BIGINT) AS {column}" if column in _COUNTS else column


def _table(events: str, site: str, day: str, classes: Sequence[str] = _CLASSES) -> str:
    """SQL to create the table of the site's rows, with all that visit files have of them."""
    columns, parts = ", ".join(map(storable, (*OF_EVENTS, *STORED))), []
    for of_class in classes:
        own = f"events AS NOT MATERIALIZED (SELECT * FROM ({events}) WHERE {of_class})"
        every = relations(of_visits=True, of_views=True, with_bots=True)
        parts.append(f"(WITH {own},\n{every}\n{_OF_CLASS.format(columns=columns)})")
    sql = f"CREATE TEMP TABLE {_TABLE} AS\n" + "\nUNION ALL\n".join(parts)
    for name, value in (("$from", day), ("$to", day), ("$site", site)):
        sql = sql.replace(name, quoted(value))
    return sql


@cache
def version() -> str:
    """Of the definition that visit files are made by."""
    return sha256(f"{duckdb.__version__} {_table('', '', '')} {_ROWS} {_STAYS}".encode()).hexdigest()[:12]


def quoted(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
