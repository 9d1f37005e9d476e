"""Activity: what the rows of `events` say about when ids were active, where they came from, and what they bought."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from clickstream.filters.deeds import ACT, DEED
from clickstream.identity.engine import engine
from clickstream.model.profile_tables import ACTIVITY_SCHEMA, ARRIVAL

# The columns of `events` that activity is read from.
EVENT_COLUMNS = (
    *("site", "event_id", "event_type", "event_name", "occurred_at", "consent", "advertising", "is_bot"),
    *("key_kind", "user_verified", "anonymous_id", "id_source", "user_id", "session_id", "interactive"),
    *("source", "medium", "channel", "utm_campaign", "page_path", "country", "device_class"),
    *("properties", "order_id", "currency"),
)
# What one event says about a person, by the column with that event's moment.
_VALUES = {
    **{f"{side}_arrival_at": tuple(f"{side}_{name}" for name in ARRIVAL) for side in ("first", "last")},
    "first_view_at": ("first_page",),
    "country_at": ("country",),
    "device_class_at": ("device_class",),
}


def _summed() -> Mapping[str, str]:
    """Aggregates of rows of activity whose result does not depend on how events were grouped to these rows, by name.

    Of several events at one moment the values decide, because they came in any batches.
    """
    found = {
        **{f"first_{of}": f"min(first_{of})" for of in ("at", "act_at")},
        **{f"last_{of}": f"max(last_{of})" for of in ("at", "act_at")},
        **{name: f"CAST(sum({name}) AS BIGINT)" for name in ("acts", "page_views")},
        "advertising": "arg_max(advertising, struct_pack(at := last_at, out := NOT advertising))",
    }
    for moment, names in _VALUES.items():
        least = "min" if moment.startswith("first") else "max"
        values = ", ".join(f"{name} := {name}" for name in names)
        order = ", ".join(f"{name} := coalesce({name}, '')" for name in names)
        best = f"arg_{least}(struct_pack({values}), struct_pack(at := {moment}, {order})) FILTER ({moment} IS NOT NULL)"
        found[moment] = f"{least}({moment})"
        found |= {name: f"({best}).{name}" for name in names}
    return found


SUM_OF = _summed()
SUMMED = ",\n    ".join(f"{sql} AS {name}" for name, sql in SUM_OF.items())
_FROM_EVENTS = f"""
WITH own AS (
    SELECT *, CASE WHEN id_source IS DISTINCT FROM 'day' THEN anonymous_id END AS device,
        {ACT} AS act, event_type = 'page_view' AS views,
        channel IS NOT NULL AND channel <> 'Internal' AS arrives,
        CASE WHEN properties LIKE '%"revenue"%' THEN properties->>'$.revenue' END AS amount_text
    FROM events
    WHERE consent = 'full' AND is_bot IS NOT TRUE AND event_type <> 'alias'
),
priced AS (
    SELECT *, TRY_CAST(amount_text AS DECIMAL(18, 4)) AS amount FROM own
),
rows_of_events AS (
    SELECT site, device AS anonymous_id, user_id, key_kind, user_verified, session_id,
        time_bucket(INTERVAL 30 MINUTE, occurred_at) AS half_hour, occurred_at AS first_at, occurred_at AS last_at,
        CASE WHEN act THEN occurred_at END AS first_act_at, CASE WHEN act THEN occurred_at END AS last_act_at,
        CAST(act AS BIGINT) AS acts, CAST(views AS BIGINT) AS page_views, advertising,
        CASE WHEN arrives THEN occurred_at END AS first_arrival_at, source AS first_source, medium AS first_medium,
        channel AS first_channel, utm_campaign AS first_campaign,
        CASE WHEN arrives AND channel <> 'Direct' THEN occurred_at END AS last_arrival_at, source AS last_source,
        medium AS last_medium, channel AS last_channel, utm_campaign AS last_campaign,
        CASE WHEN views THEN occurred_at END AS first_view_at, page_path AS first_page,
        CASE WHEN country IS NOT NULL THEN occurred_at END AS country_at, country,
        CASE WHEN device_class IS NOT NULL THEN occurred_at END AS device_class_at, device_class,
        CASE WHEN order_id IS NULL AND amount IS NOT NULL THEN json_array(currency, CAST(amount AS VARCHAR)) END
            AS paid,
        CASE WHEN order_id IS NOT NULL AND (amount IS NOT NULL OR ordered IS NOT NULL) THEN json_array(
            order_id, epoch_us(occurred_at), event_id, ordered, currency, CAST(amount AS VARCHAR)
        ) END AS deed
    FROM (SELECT *, CASE WHEN order_id IS NOT NULL THEN {DEED} END AS ordered FROM priced)
    WHERE device IS NOT NULL OR user_id IS NOT NULL
)
SELECT site, anonymous_id, user_id, key_kind, user_verified, session_id, half_hour,
    {SUMMED},
    CAST(to_json(list(paid ORDER BY paid) FILTER (paid IS NOT NULL)) AS VARCHAR) AS revenue,
    CAST(to_json(list(deed ORDER BY deed) FILTER (deed IS NOT NULL)) AS VARCHAR) AS orders,
    CAST(half_hour AS DATE) AS event_date, CAST(NULL AS BIGINT) AS batch
FROM rows_of_events
GROUP BY ALL
"""


def activity_of(events: pa.Table) -> pa.Table:
    """The activity in rows of `events`, as ACTIVITY_SCHEMA: one row for each visitor, session and half hour.

    `events` has EVENT_COLUMNS. Rows of several batches add up. Events without full consent and those of bots are left
    out, and so are aliases, whose user may be a device.
    """
    with engine(events=events) as connection:
        rows = connection.sql(_FROM_EVENTS).to_arrow_table()
    return rows.select(ACTIVITY_SCHEMA.names).cast(ACTIVITY_SCHEMA)
