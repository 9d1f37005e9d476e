"""The relation for all SQL about a site's events: `of_site`, the events with their visitor.

docs/visits.md defines visitors and acts. Parameters: `$site`, `$from` and `$to`.
"""

from __future__ import annotations

from datetime import timedelta

from clickstream.filters.deeds import ACT
from clickstream.privacy.consent import CHOICES, GRANTS

IN_PERIOD = "occurred_at >= CAST($from AS TIMESTAMPTZ) AND occurred_at < CAST($to AS TIMESTAMPTZ)"
# How long before a period earlier visits and orders are searched.
HISTORY = timedelta(days=30)
# Of events at the same moment, the one that was received first comes first.
IN_ORDER = "occurred_at, received_at, event_id"

# Events by which visitors give consent, in any protocol.
# Any two of n visitors share a key with a probability of n^2 / 4e19.
KEY = "CASE WHEN visitor IS NOT NULL THEN hash(visitor) END"
AGREEING = ", ".join(f"'{name}'" for name in sorted(CHOICES | GRANTS))
_PEOPLE = "\n        AND is_bot IS NOT TRUE"


def of_site(*, with_bots: bool) -> str:
    """Common table expressions, the last of which is `of_site`: the site's events from a day before the period to a day
    after it, with `visitor`; `visitor_key`, a number for each visitor, since texts cost several times as much to count;
    `lone`, a text that is unique for each event without any id; `moment_place`, the event's number among those of its
    visitor at the same moment; and `act`.

    Bots are left out unless `with_bots`.
    """
    return _OF_SITE.format(people=_PEOPLE if not with_bots else "", act=ACT, agreeing=AGREEING, key=KEY, order=IN_ORDER)


def of_site_and_period(*, with_bots: bool) -> str:
    """The condition on `events` that selects the site's ones in the period, for statements that need no visitors."""
    return f"site = $site AND {IN_PERIOD}{_PEOPLE if not with_bots else ''}"


def first_seen(*, with_bots: bool) -> str:
    """The common table expression `first_seen`: when each visitor first did something, from 30 days before the period
    on. It must follow `of_site`.
    """
    return _FIRST_SEEN.format(people=_PEOPLE if not with_bots else "", act=ACT, key=KEY)


# `owners` are the visitors of events without a device. For a user it is the device of the latest event at or before the
# event, else of the first one after it. `claims`: consents, and the daily ids and page views from before them that
# belong to the same visitor; if several claim one, the first claim at or after an event wins.
_OF_SITE = """
seen AS (
    SELECT *, {act} AS act
    FROM events
    WHERE site = $site{people}
        AND occurred_at >= CAST($from AS TIMESTAMPTZ) - INTERVAL 1 DAY
        AND occurred_at < CAST($to AS TIMESTAMPTZ) + INTERVAL 1 DAY
),
guessed AS (
    SELECT *, CASE WHEN user_id IS NULL THEN event_id END AS unclaimed
    FROM seen
    WHERE anonymous_id IS NULL
    UNION ALL
    SELECT *, CASE WHEN user_id IS NULL THEN anonymous_id END
    FROM seen
    WHERE id_source = 'day' AND anonymous_id IS NOT NULL
),
identified AS (
    SELECT *
    FROM seen
    WHERE anonymous_id IS NOT NULL AND id_source IS DISTINCT FROM 'day'
),
users AS MATERIALIZED (
    SELECT user_id AS owned_id, occurred_at AS owned_at, CAST(NULL AS VARCHAR) AS device
    FROM guessed
    WHERE user_id IS NOT NULL
),
devices AS (
    SELECT * FROM users
    UNION ALL
    SELECT user_id, occurred_at, anonymous_id
    FROM identified
    WHERE user_id IN (SELECT owned_id FROM users)
),
consents AS MATERIALIZED (
    SELECT anonymous_id AS claimant, previous_id, properties->>'$.page_view_id' AS view_id, occurred_at AS claimed_at
    FROM identified
    WHERE event_name IN ({agreeing}) AND consent = 'full'
),
claims AS MATERIALIZED (
    SELECT previous_id AS claimed_id, claimed_at, claimant
    FROM consents
    WHERE previous_id IS NOT NULL
    UNION ALL
    SELECT unclaimed, claimed_at, claimant
    FROM guessed JOIN consents ON event_id = view_id
    WHERE unclaimed IS NOT NULL
),
claimed AS (
    SELECT claimed_id, claimed_at, claimant FROM claims
    UNION ALL
    SELECT unclaimed, occurred_at, NULL
    FROM guessed
    WHERE unclaimed IN (SELECT claimed_id FROM claims)
),
owners AS MATERIALIZED (
    SELECT owned_id, owned_at, max(owner) AS owner
    FROM (
        SELECT owned_id, owned_at, device IS NULL AS is_sought,
            coalesce(
                last_value(device IGNORE NULLS) OVER (
                    PARTITION BY owned_id ORDER BY owned_at, device NULLS LAST
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                ),
                first_value(device IGNORE NULLS) OVER (
                    PARTITION BY owned_id ORDER BY owned_at, device NULLS LAST
                    ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
                )
            ) AS owner
        FROM devices
        UNION ALL
        SELECT claimed_id, claimed_at, claimant IS NULL,
            first_value(claimant IGNORE NULLS) OVER (
                PARTITION BY claimed_id ORDER BY claimed_at, claimant NULLS FIRST
                ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
            )
        FROM claimed
    ) AS sought
    WHERE is_sought
    GROUP BY owned_id, owned_at
),
whose AS (
    SELECT *, CAST(NULL AS VARCHAR) AS unclaimed, anonymous_id AS visitor, CAST(NULL AS VARCHAR) AS lone
    FROM identified
    UNION ALL
    SELECT guessed.*,
        coalesce(owner, anonymous_id, user_id),
        CASE WHEN coalesce(owner, anonymous_id, user_id, session_id) IS NULL THEN event_id END
    FROM guessed LEFT JOIN owners ON coalesce(user_id, unclaimed) = owned_id AND occurred_at = owned_at
),
of_site AS (
    SELECT *, {key} AS visitor_key,
        row_number() OVER (
            PARTITION BY hash(visitor, CASE WHEN visitor IS NULL THEN coalesce(session_id, lone) END), occurred_at
            ORDER BY {order}
        ) AS moment_place
    FROM whose
)""".strip()

# Before the days of `of_site`, the visitor is taken from the event alone.
_FIRST_SEEN = """
first_seen AS (
    SELECT visitor_key, min(occurred_at) AS first_seen_at
    FROM (
        SELECT {key} AS visitor_key, occurred_at
        FROM (
            SELECT coalesce(anonymous_id, user_id) AS visitor, occurred_at
            FROM events
            WHERE site = $site{people}
                AND occurred_at >= CAST($from AS TIMESTAMPTZ) - INTERVAL 30 DAY
                AND occurred_at < CAST($from AS TIMESTAMPTZ) - INTERVAL 1 DAY
                AND {act}
        )
        UNION ALL
        SELECT visitor_key, occurred_at
        FROM of_site
        WHERE occurred_at < CAST($to AS TIMESTAMPTZ) AND act
    ) AS acts
    GROUP BY visitor_key
)""".strip()
