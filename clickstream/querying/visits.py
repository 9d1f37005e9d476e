"""The relations that all SQL about a site's events is written over.

`of_site`: the site's events with their `visitor`. `visited`: these events with their `visit` (a value that is equal for
the events of one visit) and what is to be said of that visit. `viewed`: these with what is to be said of each view of a
page. All hold events from a day before the period to a day after it, so that visits are whole: what is counted is
chosen by `IN_PERIOD`. Their parameters are `$site`, `$from` and `$to`, and `$time_zone` where visits end at midnight.
"""

from __future__ import annotations

from datetime import timedelta

IN_PERIOD = "occurred_at >= CAST($from AS TIMESTAMPTZ) AND occurred_at < CAST($to AS TIMESTAMPTZ)"
# How long before a period it is looked for who came already.
HISTORY = timedelta(days=30)


def relations(
    *, of_visits: bool, of_views: bool = False, with_bots: bool = False, split_at_midnight: bool = False
) -> str:
    """The common table expressions, to stand behind `WITH`: `of_site`; `visited` where visits are asked for; `viewed`.

    Bots are left out unless they are asked for. Visits end at the site's midnight where they are split there.
    """
    parts = [_OF_SITE.format(people=_PEOPLE if not with_bots else "")]
    if of_visits or of_views:
        parts.append(_VISITED.format(arrival=_ARRIVALS, midnight=_MIDNIGHT if split_at_midnight else ""))
    if of_views:
        parts.append(_VIEWED)
    return ",\n".join(parts)


def first_seen(*, with_bots: bool) -> str:
    """The common table expression `first_seen`: when each visitor was first seen, from 30 days before the period on."""
    return _FIRST_SEEN.format(people=_PEOPLE if not with_bots else "")


# Of the first event of a visit that tells anything of this; an empty text is none. Each is a column of its own, since
# what is not asked for costs nothing.
_ARRIVAL = {
    "source": "CASE WHEN channel = 'Internal' THEN '(direct)' ELSE source END",
    "medium": "CASE WHEN channel = 'Internal' THEN '(none)' ELSE medium END",
    "channel": "CASE WHEN channel = 'Internal' THEN 'Direct' ELSE channel END",
    "referrer": "CASE WHEN referrer_host <> coalesce(page_host, '') AND channel IS DISTINCT FROM 'Internal' "
    "THEN referrer END",
    **{f"utm_{part}": f"utm_{part}" for part in ("source", "medium", "campaign", "term", "content")},
}
_ARRIVALS = ",\n".join(
    f"        nullif(first_value(CASE WHEN arrives THEN coalesce({sql}, '') END IGNORE NULLS)\n"
    f"            OVER whole, '') AS arrival_{name}"
    for name, sql in _ARRIVAL.items()
)

_PEOPLE = "\n        AND is_bot IS NOT TRUE"

# `lone` keeps apart the events of whom nothing is known.
_OF_SITE = """
of_site AS NOT MATERIALIZED (
    SELECT *, coalesce(anonymous_id, user_id) AS visitor,
        CASE WHEN coalesce(anonymous_id, user_id, session_id) IS NULL THEN event_id END AS lone
    FROM events
    WHERE site = $site{people}
        AND occurred_at >= CAST($from AS TIMESTAMPTZ) - INTERVAL 1 DAY
        AND occurred_at < CAST($to AS TIMESTAMPTZ) + INTERVAL 1 DAY
)""".strip()

_FIRST_SEEN = """
first_seen AS (
    SELECT coalesce(anonymous_id, user_id) AS visitor, min(occurred_at) AS first_seen_at
    FROM events
    WHERE site = $site{people}
        AND occurred_at >= CAST($from AS TIMESTAMPTZ) - INTERVAL 30 DAY
        AND occurred_at < CAST($to AS TIMESTAMPTZ)
    GROUP BY coalesce(anonymous_id, user_id)
)""".strip()

_MIDNIGHT = ", CAST(timezone($time_zone, occurred_at) AS DATE)"

# Where the tracker tells no session, a run of events begins after each pause. Rows are ordered by nothing but numbers
# as far as can be: most of a report's time goes into this. Two of n visits have one key by a chance of n^2 in 4e19.
# Who has neither id makes no visit, but for who denied consent: there each view that the site did not lead to is one.
_VISITED = """
runs AS NOT MATERIALIZED (
    SELECT *, CAST(NULL AS TIMESTAMPTZ) AS begins, CAST(NULL AS TIMESTAMPTZ) AS run
    FROM of_site
    WHERE session_id IS NOT NULL OR visitor IS NULL
    UNION ALL
    SELECT *, max(begins) OVER (PARTITION BY visitor ORDER BY occurred_at) AS run
    FROM (
        SELECT *,
            CASE WHEN occurred_at - lag(occurred_at) OVER (PARTITION BY visitor ORDER BY occurred_at)
                <= INTERVAL 30 MINUTE THEN NULL ELSE occurred_at END AS begins
        FROM of_site
        WHERE session_id IS NULL AND visitor IS NOT NULL
    ) AS pauses
),
keyed AS NOT MATERIALIZED (
    SELECT *,
        hash(visitor, session_id, lone, run{midnight}) AS visit_key,
        CASE WHEN referrer_host <> coalesce(page_host, '') THEN referrer_host ELSE '(direct)' END AS referred_by,
        coalesce(channel, utm_source, utm_medium, utm_campaign, utm_term, utm_content) IS NOT NULL AS arrives
    FROM runs
),
visited AS (
    SELECT *,
        CASE WHEN lone IS NULL
            OR (consent = 'denied' AND event_type = 'page_view' AND referrer_host IS DISTINCT FROM page_host)
            THEN visit_key END AS visit,
        first_value(referred_by) OVER whole AS visit_source,
        count_if(arrives) OVER whole > 0 AS visit_arrives,
{arrival},
        first_value(CASE WHEN event_type = 'page_view' THEN coalesce(page_path, '(none)') END IGNORE NULLS)
            OVER whole AS visit_entry_page,
        last_value(CASE WHEN event_type = 'page_view' THEN coalesce(page_path, '(none)') END IGNORE NULLS)
            OVER whole AS visit_exit_page,
        min(occurred_at) OVER whole AS visit_begun,
        max(occurred_at) OVER whole AS visit_ended,
        count_if(event_type = 'page_view') OVER whole AS visit_views,
        count_if(event_type NOT IN ('page_ping', 'identify', 'alias', 'group')) OVER whole <= 1 AS visit_bounced,
        count_if(event_type = 'page_view') OVER so_far AS views_so_far
    FROM keyed
    WINDOW whole AS (
        PARTITION BY visit_key ORDER BY occurred_at, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ),
    so_far AS (
        PARTITION BY visit_key ORDER BY occurred_at, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)""".strip()

# A page ping tells of the last view of its page in its visit. What no page can have had is left out.
_VIEWED = """
told AS (
    SELECT *,
        TRY_CAST(properties->>'$.engagement_ms' AS DOUBLE) AS told_ms,
        TRY_CAST(properties->>'$.scroll_depth' AS DOUBLE) AS told_depth,
        count_if(event_type = 'page_view') OVER (
            PARTITION BY visit_key, page_path ORDER BY occurred_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS view
    FROM visited
),
viewed AS (
    SELECT *,
        CASE WHEN event_type = 'page_view' THEN sum(
            CASE WHEN event_type = 'page_ping' AND told_ms BETWEEN 0 AND 86400000 THEN told_ms END
        ) OVER of_view END AS view_engaged_ms,
        CASE WHEN event_type = 'page_view' THEN max(
            CASE WHEN event_type = 'page_ping' AND told_depth BETWEEN 0 AND 100 THEN told_depth END
        ) OVER of_view END AS view_depth
    FROM told
    WINDOW of_view AS (PARTITION BY visit_key, page_path, view)
)""".strip()
