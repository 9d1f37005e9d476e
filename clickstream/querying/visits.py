"""The relations that all SQL about a site's events is written over.

`of_site`: the site's events with their `visitor`. `visited`: these events with their `visit` (a value that is equal for
the events of one visit), `visit_source` and `visit_arrival`, too. Both hold events from around the period, so that
visits are whole: what is counted is chosen by `IN_PERIOD`. Their parameters are `$site`, `$from` and `$to`.
"""

from __future__ import annotations

IN_PERIOD = "occurred_at >= CAST($from AS TIMESTAMPTZ) AND occurred_at < CAST($to AS TIMESTAMPTZ)"


def relations(*, of_visits: bool) -> str:
    """The common table expressions, to stand behind `WITH`: `of_site`, and `visited` where visits are asked for."""
    return f"{_OF_SITE},\n{_VISITED}" if of_visits else _OF_SITE


# The site's events of the period. A visit is looked for from a day before it on, so that one that began earlier is not
# cut in two.
_OF_SITE = """
of_site AS (
    SELECT *, coalesce(anonymous_id, user_id) AS visitor
    FROM events
    WHERE site = $site
        AND occurred_at >= CAST($from AS TIMESTAMPTZ) - INTERVAL 1 DAY AND occurred_at < CAST($to AS TIMESTAMPTZ)
)""".strip()

# Who has neither id makes no visit, but for who denied consent; such an event's source is its own.
_VISITED = """
pauses AS (
    SELECT *, CASE WHEN referrer_host <> coalesce(page_host, '') THEN referrer_host ELSE '(direct)' END AS referred_by,
        session_id IS NULL AND NOT coalesce(
            occurred_at - lag(occurred_at) OVER (PARTITION BY visitor, session_id ORDER BY occurred_at, event_id)
                <= INTERVAL 30 MINUTE, false) AS begins,
        CASE WHEN channel = 'Internal' THEN struct_pack(source := '(direct)', medium := '(none)', channel := 'Direct')
            WHEN channel IS NOT NULL THEN struct_pack(source := source, medium := medium, channel := channel)
            END AS arrival
    FROM of_site
),
runs AS (
    SELECT *, count_if(begins) OVER (PARTITION BY visitor, session_id ORDER BY occurred_at, event_id) AS run
    FROM pauses
),
visited AS (
    SELECT *,
        CASE WHEN coalesce(visitor, session_id) IS NOT NULL THEN row(visitor, session_id, run)
            WHEN consent = 'denied' AND event_type = 'page_view' AND referrer_host IS DISTINCT FROM page_host
            THEN row(event_id, session_id, run) END AS visit,
        CASE WHEN coalesce(visitor, session_id) IS NULL THEN referred_by
            ELSE first_value(referred_by) OVER (PARTITION BY visitor, session_id, run ORDER BY occurred_at, event_id)
            END AS visit_source,
        CASE WHEN coalesce(visitor, session_id) IS NULL THEN arrival
            ELSE first_value(arrival IGNORE NULLS) OVER (
                PARTITION BY visitor, session_id, run ORDER BY occurred_at, event_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) END AS visit_arrival
    FROM runs
)""".strip()
