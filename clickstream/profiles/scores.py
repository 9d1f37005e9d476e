"""Six scores of a person, from 0 to 100, from acts alone: docs/profiles.md defines them."""

from __future__ import annotations

from clickstream.identity.rules import Trust
from clickstream.profiles.building import whose

SCORES = {
    "recency": "how lately the person acted; half of it 14 days after the last act",
    "frequency": "on how many of the last 30 days; half of it for 4 days",
    "intensity": "how much on each of these days; half of it for 10 acts a day",
    "quantity": "how much in all; half of it for 100 acts",
    "momentum": "whether more or less than usual; 50 for as usual",
    "propensity": "how likely to act again within 30 days, by what those did who acted as lately and as often",
}
# People by how lately they acted and on how many days of the 30 before.
_CELL = """
    CASE WHEN {lately} <= 2 THEN 0 WHEN {lately} <= 7 THEN 1 WHEN {lately} <= 14 THEN 2
        WHEN {lately} <= 30 THEN 3 ELSE 4 END AS lately,
    CASE WHEN {often} <= 1 THEN 0 WHEN {often} <= 3 THEN 1 WHEN {often} <= 7 THEN 2 ELSE 3 END AS often"""
_SCORES = """
days AS MATERIALIZED (
    SELECT person, event_date, sum(acts) AS acts,
        greatest(0, epoch(CAST($now AS TIMESTAMPTZ)) - epoch(max(last_act_at))) / 86400 AS age
    FROM persons
    WHERE acts > 0
    GROUP BY person, event_date
),
moment AS (
    SELECT CAST(CAST($now AS TIMESTAMPTZ) AS DATE) AS today, today - 30 AS month_ago
),
sums AS (
    SELECT person, min(age) AS age, sum(acts) AS acts, today - max(event_date) AS lately_days,
        count(*) FILTER (event_date > month_ago) AS days_30, sum(acts) FILTER (event_date > month_ago) AS acts_30,
        sum(acts * pow(2, -age / 7)) / 7 AS short_term, sum(acts * pow(2, -age / 30)) / 30 AS long_term
    FROM days, moment
    WHERE person = $person
    GROUP BY person, today
),
own AS (
    SELECT *,{own}
    FROM sums
),
earlier AS (
    SELECT person, month_ago - max(event_date) FILTER (event_date <= month_ago) AS lately_days,
        count(*) FILTER (event_date <= month_ago AND event_date > month_ago - 30) AS days_30,
        bool_or(event_date > month_ago) AS returned
    FROM days, moment
    GROUP BY person, month_ago
    HAVING bool_or(event_date <= month_ago)
),
cells AS (
    SELECT lately, often, count(*) AS people, count_if(returned) AS returned
    FROM (SELECT *,{own} FROM earlier)
    GROUP BY lately, often
),
scores AS (
    SELECT 100 * pow(2, -age / 14) AS recency, 100 * (1 - pow(2, -days_30 / 4)) AS frequency,
        100 * (1 - pow(2, -coalesce(acts_30 / days_30, 0) / 10)) AS intensity,
        100 * (1 - pow(2, -acts / 100)) AS quantity,
        100 * short_term / (short_term + long_term) AS momentum,
        100 * (coalesce(cells.returned, 0) + 1) / (coalesce(people, 0) + 2) AS propensity
    FROM own LEFT JOIN cells USING (lately, often)
)""".strip()


def scores(trust: Trust) -> str:
    """Common table expressions, the last of which is `scores`: one row for the person `$person` at the moment `$now`,
    none for a person without acts.

    They read the relations `activity` and `identities` of one site.
    """
    own = _CELL.format(lately="lately_days", often="days_30")
    return f"{whose('activity', trust)},\n{_SCORES.format(own=own)}"
