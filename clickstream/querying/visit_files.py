"""What follows about visits from a site's rows of one file of events alone, on the disk beside the copy of the file.

A *visit file* has a row for each row of the file, in the file's order. It holds columns of the relation `visited` of
visits.py as they are if there are no other rows than the site's in that file, those of bots apart from all others. It
is a pure function of the file. visit_edges.py says for which visits other files make a difference.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import duckdb

from clickstream.querying.visitors import AGREEING
from clickstream.querying.visits import relations

# Columns of `visited` besides those of events. What needs others is computed from the events.
_COUNTS = ("visit_acts", "visit_views", "views_so_far")
STORED = (
    *("act", "visit_bounced", "visit_begun", "visit_ended", *_COUNTS),
    *("visit_entry_page", "visit_exit_page", "visit_source", "visit_arrives", "arrival_channel", "visit_country"),
    "visit_device_class",
)
# An event whose visitor depends on other events, or that can decide about the visitor of others.
KNOT = (
    "(user_id IS NOT NULL AND (anonymous_id IS NULL OR id_source = 'day')"
    f" OR event_name IN ({AGREEING}) AND consent = 'full')"
)
# Parquet has no integers of 128 bits.
_COLUMNS = ", ".join(f"CAST({name} AS BIGINT) AS {name}" if name in _COUNTS else name for name in STORED)
# How close in time events of other files may matter to a visit. A session with an act changes only by events with its
# `session_id`. A run, and a session without an act, joins what is at most 30 minutes away. If a visit has no act, or a
# run begins with an event that reports reading time, up to 24 hours before matter.
ALONE, NEAR, FAR = 0, 30, 1440

_OF_CLASS = f"""
SELECT row, visit_key, {_COLUMNS},
    visit IS NOT NULL AS is_visit,
    CASE WHEN {KNOT} THEN true END AS is_knot,
    lone IS NULL AS is_part,
    is_bot IS TRUE AS of_bots,
    occurred_at,
    CASE WHEN session_id IS NOT NULL THEN session_key END AS part_session,
    CASE WHEN visitor IS NULL AND session_id IS NOT NULL THEN session_key ELSE who END AS part_who,
    CASE WHEN visit_acts = 0 OR (begins IS NOT NULL AND reads) THEN {FAR}
        WHEN session_id IS NULL OR visit_key <> session_key THEN {NEAR}
        ELSE {ALONE} END AS reach
FROM visited""".strip()

# The columns `part_...` have values in one row of each session in a visit, and in one of the events without a session:
# the session, the visitor, the moments of the visit's first and last event, and how many minutes away others may
# matter.
_FILE = """
WITH rows_of_visits AS MATERIALIZED (
{classes}
),
visits AS (
    SELECT visit_key, of_bots, min(occurred_at) AS part_begun, max(occurred_at) AS part_ended, max(reach) AS part_reach
    FROM rows_of_visits
    WHERE is_part
    GROUP BY visit_key, of_bots
),
parts AS (
    SELECT visit_key, of_bots, part_session, any_value(part_who) AS part_who, min(row) AS row
    FROM rows_of_visits
    WHERE is_part
    GROUP BY visit_key, of_bots, part_session
)
SELECT rows_of_visits.* EXCLUDE (row, is_part, of_bots, occurred_at, part_session, part_who, reach),
    parts.part_session, parts.part_who, part_begun, part_ended, part_reach
FROM ({every}) AS every
    LEFT JOIN rows_of_visits USING (row)
    LEFT JOIN (parts JOIN visits USING (visit_key, of_bots)) USING (row)
ORDER BY row""".strip()


def statement(events: str, site: str, day: str) -> str:
    """SQL for the rows of a visit file. `events` is SQL for the rows of the file, whose date `day` is in ISO 8601, with
    their number as `row`.
    """
    classes = []
    for of_class in ("is_bot IS NOT TRUE", "is_bot"):
        own = f"events AS NOT MATERIALIZED (SELECT * FROM ({events}) WHERE {of_class})"
        classes.append(f"(WITH {own},\n{relations(of_visits=True, with_bots=True)}\n{_OF_CLASS})")
    sql = _FILE.format(classes="\nUNION ALL\n".join(classes), every=f"SELECT row FROM ({events})")
    for name, value in (("$from", day), ("$to", day), ("$site", site)):
        sql = sql.replace(name, quoted(value))
    return sql


@cache
def version() -> str:
    """Of the definition that visit files are made by."""
    return sha256(f"{duckdb.__version__} {statement('', '', '')}".encode()).hexdigest()[:12]


def quoted(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
