"""The relations for SQL about visits; docs/visits.md defines a visit.

`visited`: the events of `of_site` with `visit` (a value that is equal for the events of one visit), the attributes of
that visit, and `visit_place`, the event's number in it. `viewed`: these with the attributes of each page view. All
contain events from a day before the period to a day after it, so that visits are whole: `IN_PERIOD` selects what is
counted. Their parameters are `$site`, `$from` and `$to`, and `$time_zone` if visits end at midnight.
"""

from __future__ import annotations

from clickstream.querying.visitors import IN_ORDER, of_site

# Columns of which a visit has one value: that of its first event that has any.
PLACES_AND_DEVICES = (
    *("country", "region", "city", "browser", "browser_version", "os", "os_version", "device_class", "screen_class"),
    "primary_language",
)


def relations(
    *, of_visits: bool, of_views: bool = False, with_bots: bool = False, split_at_midnight: bool = False
) -> str:
    """The common table expressions, to follow `WITH`: `of_site`; with `of_visits` also `visited`; with `of_views` also
    `visited` and `viewed`.

    Bots are left out unless `with_bots`. With `split_at_midnight`, visits end at the site's midnight.
    """
    parts = [of_site(with_bots=with_bots)]
    if of_visits or of_views:
        day = _DAY if split_at_midnight else "CAST(NULL AS DATE)"
        same_day = {name: _SAME_DAY.format(of=of) if split_at_midnight else "" for name, of in _NEAR.items()}
        parts.append(_KEYED.format(day=day, reads=READS, order=IN_ORDER, **same_day))
        parts.append(_VISITED.format(arrival=_ARRIVALS, described=_DESCRIBED, reads=READS, order=IN_ORDER))
    if of_views:
        parts.append(_VIEWED.format(order=IN_ORDER))
    return ",\n".join(parts)


# From the first event of a visit with any traffic source; an empty text counts as none. Each is a column of its own,
# since columns that a statement does not use cost nothing.
ARRIVAL = {
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
    for name, sql in ARRIVAL.items()
)
_DESCRIBED = ",\n".join(
    f"        first_value({column} IGNORE NULLS) OVER whole AS visit_{column}" for column in PLACES_AND_DEVICES
)

# Events that report for how long a page was read.
READS = "(event_type = 'page_ping' OR event_name IN ('$pageleave', 'user_engagement'))"

_DAY = "CAST(timezone($time_zone, occurred_at) AS DATE)"
_SAME_DAY = " AND CAST(timezone($time_zone, {of}) AS DATE) = of_day"
_NEAR = {"same_day_before": "ended_before", "same_day_after": "begun_after"}

# Assign events to visits. An event with a session belongs to that. All others are `strays`, and a `run` is a visitor's
# strays without a pause. `spans` has one row for each session and run; `session` is null for runs and for sessions
# without an act. These join a session that continues; if there is none and they have no act, the visit before. Only
# strays are sorted, since sorting takes most of a report's time. Any two of n visits share a key with a probability of
# n^2 / 4e19.
_KEYED = """
marked AS (
    SELECT *, hash(coalesce(visitor, lone)) AS who, {day} AS day, hash(hash(visitor), session_id, {day}) AS session_key
    FROM of_site
),
sessions AS (
    SELECT any_value(who) AS whose, any_value(day) AS of_day, session_key AS span,
        CASE WHEN bool_or(act) THEN any_value(session_id) END AS session,
        coalesce(min(CASE WHEN act THEN occurred_at END), min(occurred_at)) AS begun,
        max(occurred_at) AS ended,
        bool_or(act) AS has_act
    FROM marked
    WHERE session_id IS NOT NULL AND visitor IS NOT NULL
    GROUP BY session_key
),
strays AS MATERIALIZED (
    SELECT *, hash(who, max(begins) OVER (PARTITION BY who ORDER BY occurred_at), day) AS run
    FROM (
        SELECT *,
            CASE WHEN occurred_at - lag(occurred_at) OVER (PARTITION BY who ORDER BY {order})
                <= CASE WHEN {reads} THEN INTERVAL 4 HOUR ELSE INTERVAL 30 MINUTE END
                THEN NULL ELSE occurred_at END AS begins
        FROM marked
        WHERE session_id IS NULL
    ) AS pauses
),
spans AS (
    SELECT *
    FROM sessions
    WHERE whose IN (SELECT who FROM strays UNION ALL SELECT whose FROM sessions WHERE NOT has_act)
    UNION ALL
    SELECT any_value(who), any_value(day), run, NULL, min(occurred_at), max(occurred_at), bool_or(act)
    FROM strays
    GROUP BY run
),
nearest AS (
    SELECT *,
        arg_max(span, CASE WHEN session IS NOT NULL THEN ended END) OVER so_far AS span_before,
        max(CASE WHEN session IS NOT NULL THEN ended END) OVER so_far AS ended_before,
        first_value(CASE WHEN session IS NOT NULL THEN span END IGNORE NULLS) OVER later AS span_after,
        min(CASE WHEN session IS NOT NULL THEN begun END) OVER later AS begun_after,
        last_value(CASE WHEN has_act THEN span END IGNORE NULLS) OVER so_far AS act_before,
        max(CASE WHEN has_act THEN ended END) OVER so_far AS act_before_ended
    FROM spans
    WINDOW so_far AS (
        PARTITION BY whose ORDER BY begun, session NULLS LAST, has_act DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ),
    later AS (
        PARTITION BY whose ORDER BY begun, session NULLS LAST, has_act DESC
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    )
),
joined AS (
    SELECT *,
        CASE WHEN session IS NOT NULL THEN span
            WHEN begun - ended_before <= INTERVAL 30 MINUTE{same_day_before} THEN span_before
            WHEN begun_after - ended <= INTERVAL 30 MINUTE{same_day_after} THEN span_after
            WHEN has_act THEN span END AS joins
    FROM nearest
),
attached AS (
    SELECT run.span, coalesce(run.joins, last.joins, run.span) AS place
    FROM joined AS run
        LEFT JOIN joined AS last ON run.joins IS NULL AND run.act_before = last.span
            AND run.begun - run.act_before_ended <= INTERVAL 24 HOUR
    WHERE run.session IS NULL
),
keyed AS (
    SELECT marked.*, CAST(NULL AS TIMESTAMPTZ) AS begins, coalesce(place, session_key) AS visit_key
    FROM marked LEFT JOIN attached ON span = session_key
    WHERE session_id IS NOT NULL
    UNION ALL
    SELECT strays.* EXCLUDE (run), place
    FROM strays JOIN attached ON span = run
)""".strip()

# A visit lasts from its first act to its last event, unless that comes too long after its last act.
# Events with neither id make no visit, except if consent was denied: then each page view that the site did not lead to
# is one.
_VISITED = """
described AS (
    SELECT *,
        CASE WHEN channel IS DISTINCT FROM 'Internal' AND referrer_host <> coalesce(page_host, '')
            THEN referrer_host ELSE '(direct)' END AS referred_by,
        coalesce(channel, utm_source, utm_medium, utm_campaign, utm_term, utm_content) IS NOT NULL AS arrives,
        lone IS NULL OR (
            consent = 'denied' AND event_type = 'page_view' AND referrer_host IS DISTINCT FROM page_host
        ) AS may_visit,
        event_type = 'page_view' AS views,
        {reads} AS reads
    FROM keyed
),
summed AS (
    SELECT *,
        coalesce(first_value(CASE WHEN arrives THEN referred_by END IGNORE NULLS) OVER whole,
            first_value(referred_by) OVER whole) AS visit_source,
        count_if(arrives) OVER visit > 0 AS visit_arrives,
{arrival},
{described},
        first_value(CASE WHEN views THEN coalesce(page_path, '(none)') END IGNORE NULLS)
            OVER whole AS visit_entry_page,
        last_value(CASE WHEN views THEN coalesce(page_path, '(none)') END IGNORE NULLS)
            OVER whole AS visit_exit_page,
        count_if(act) OVER visit AS visit_acts,
        count_if(views) OVER visit AS visit_views,
        min(CASE WHEN act THEN occurred_at END) OVER visit AS visit_begun,
        max(CASE WHEN act THEN occurred_at END) OVER visit AS visit_last_act,
        max(CASE WHEN act OR reads THEN occurred_at END) OVER visit AS visit_last_sign,
        count_if(views) OVER so_far AS views_so_far,
        count(*) OVER so_far AS visit_place
    FROM described
    WINDOW visit AS (PARTITION BY visit_key),
    whole AS (
        PARTITION BY visit_key ORDER BY {order}
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ),
    so_far AS (
        PARTITION BY visit_key ORDER BY {order}
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),
visited AS (
    SELECT *,
        CASE WHEN may_visit AND visit_acts > 0 THEN visit_key END AS visit,
        visit_acts <= 1 AS visit_bounced,
        CASE WHEN visit_last_sign - visit_last_act <= INTERVAL 4 HOUR THEN visit_last_sign ELSE visit_last_act END
            AS visit_ended
    FROM summed
)""".strip()

# A page ping belongs to the last view of its page in its visit. Impossible values are left out.
_VIEWED = """
reported AS (
    SELECT *,
        TRY_CAST(properties->>'$.engagement_ms' AS DOUBLE) AS reported_ms,
        TRY_CAST(properties->>'$.scroll_depth' AS DOUBLE) AS reported_depth,
        count_if(event_type = 'page_view') OVER (
            PARTITION BY visit_key, page_path ORDER BY {order}
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS view
    FROM visited
),
viewed AS (
    SELECT *,
        CASE WHEN event_type = 'page_view' THEN sum(
            CASE WHEN event_type = 'page_ping' AND reported_ms BETWEEN 0 AND 86400000 THEN reported_ms END
        ) OVER of_view END AS view_engaged_ms,
        CASE WHEN event_type = 'page_view' THEN max(
            CASE WHEN event_type = 'page_ping' AND reported_depth BETWEEN 0 AND 100 THEN reported_depth END
        ) OVER of_view END AS view_depth
    FROM reported
    WINDOW of_view AS (PARTITION BY visit_key, page_path, view)
)""".strip()
