"""Profiles: from the activity and the traits of ids, and from whose these are, what is known about each person."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from clickstream.identity.persons import persons
from clickstream.identity.rules import Trust
from clickstream.model.profile_tables import PROFILE_PARTITION, PROFILE_SCHEMA
from clickstream.profiles.activity import SUM_OF, SUMMED
from clickstream.profiles.rules import ProfileRules

# A person's traits in the order of their names; further ones are left out.
MAX_TRAITS = 200
NO_CURRENCY = "(not set)"
Rows: TypeAlias = "pa.Table | ds.Dataset"
# A visit is a session, or a run: acts of the person without a pause. A run with a session in it is no visit of its own.
_VISITS = """
stretches AS (
    SELECT person, first_act_at, last_act_at, event_date,
        CASE WHEN session_id IS NOT NULL
            THEN struct_pack(visitor := coalesce(anonymous_id, user_id), session := session_id) END AS session
    FROM active
    WHERE acts > 0
),
runs AS (
    SELECT *, sum(begins) OVER (PARTITION BY person ORDER BY first_act_at, last_act_at) AS run
    FROM (
        SELECT *,
            CASE WHEN first_act_at - max(last_act_at) OVER (
                PARTITION BY person ORDER BY first_act_at, last_act_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) <= INTERVAL 30 MINUTE THEN 0 ELSE 1 END AS begins
        FROM stretches
    )
),
visits AS (
    SELECT person, count(DISTINCT event_date) AS active_days,
        count(DISTINCT session) + count(DISTINCT run) - count(DISTINCT run) FILTER (session IS NOT NULL) AS visits
    FROM runs
    GROUP BY person
)"""
# An order is sold once for each person, and each refund with an id counts once. A sale without an order's number is an
# order of its own.
_MONEY = """
deeds AS (
    SELECT person, entry->>'$[0]' AS order_id, CAST(entry->>'$[1]' AS BIGINT) AS moment, entry->>'$[2]' AS event_id,
        entry->>'$[3]' AS deed, entry->>'$[4]' AS currency, CAST(entry->>'$[5]' AS DECIMAL(18, 4)) AS amount
    FROM (SELECT person, unnest(CAST(orders AS JSON[])) AS entry FROM active WHERE orders IS NOT NULL)
),
single AS (
    FROM deeds
    QUALIFY deed IS NULL OR row_number() OVER (PARTITION BY person, order_id, deed ORDER BY moment, event_id) = 1
),
counted AS (
    SELECT *,
        arg_min(
            struct_pack(amount := amount, currency := currency), struct_pack(moment := moment, event_id := event_id)
        ) FILTER (deed = 'sale') OVER so_far AS sale,
        coalesce(sum(amount) FILTER (amount < 0) OVER so_far, 0) AS refunded
    FROM single
    WINDOW so_far AS (PARTITION BY person, order_id ORDER BY moment RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
amounts AS (
    SELECT person, deed IS NOT DISTINCT FROM 'sale' AS sells,
        coalesce(currency, CASE WHEN deed IS DISTINCT FROM 'sale' THEN sale.currency END, $currency) AS currency,
        CASE WHEN deed IS DISTINCT FROM 'refund of all' THEN amount ELSE -greatest(0, sale.amount + refunded) END
            AS amount
    FROM counted
    WHERE deed IS DISTINCT FROM 'refund of all' OR sale IS NOT NULL
    UNION ALL
    SELECT person, CAST(entry->>'$[1]' AS DECIMAL(18, 4)) > 0, coalesce(entry->>'$[0]', $currency),
        CAST(entry->>'$[1]' AS DECIMAL(18, 4))
    FROM (SELECT person, unnest(CAST(revenue AS JSON[])) AS entry FROM active WHERE revenue IS NOT NULL)
),
money AS (
    SELECT person, CAST(sum(orders) AS BIGINT) AS orders,
        to_json(map(list(currency ORDER BY currency), list(CAST(total AS VARCHAR) ORDER BY currency))) AS revenue
    FROM (
        SELECT person, currency, count_if(sells) AS orders, sum(amount) AS total FROM amounts GROUP BY person, currency
    )
    GROUP BY person
)"""
# It reads `traited`. The last write counts; of a trait of the site's choice, or one that was only sent for people
# without it, the first.
WRITTEN = """
written AS (
    SELECT person, name,
        CASE WHEN name IN (SELECT unnest(CAST(CAST($first_write AS JSON) AS VARCHAR[]))) OR bool_and(is_once)
            THEN arg_min(value, struct_pack(at := first_at, value := value))
            ELSE arg_max(value, struct_pack(at := last_at, value := value)) FILTER (NOT is_once) END AS value
    FROM traited
    GROUP BY person, name
)""".strip()
_TRAITS = """
traited_people AS (
    SELECT person, any_value(value) FILTER (name = $label) AS label,
        to_json(map(list(name ORDER BY name), list(CAST(value AS JSON) ORDER BY name))) AS traits
    FROM (FROM written QUALIFY row_number() OVER (PARTITION BY person ORDER BY name) <= $most)
    GROUP BY person
)"""
_IDS = {"users": "count(DISTINCT user_id)", "devices": "count(DISTINCT anonymous_id)"}
# It reads `active` and `traited`. The moment of each value that is one event's is there, too, which the table has not.
PEOPLE = f"""
{_VISITS.strip()},
{_MONEY.strip()},
{WRITTEN},
{_TRAITS.strip()},
summed AS (
    SELECT person, bool_or(is_known) AS is_known, {_IDS["users"]} AS users, {_IDS["devices"]} AS devices,
    {SUMMED}
    FROM active
    GROUP BY person
),
people AS (
    SELECT summed.* EXCLUDE (first_at, last_at), first_at AS first_seen_at, last_at AS last_seen_at,
        CASE WHEN json_type(label) = 'VARCHAR' THEN label->>'$' ELSE label END AS label,
        coalesce(active_days, 0) AS active_days, coalesce(visits, 0) AS visits, coalesce(orders, 0) AS orders,
        coalesce(CAST(revenue AS VARCHAR), '{{}}') AS revenue, coalesce(CAST(traits AS VARCHAR), '{{}}') AS traits
    FROM summed LEFT JOIN visits USING (person) LEFT JOIN money USING (person) LEFT JOIN traited_people USING (person)
)""".strip()


def people(trust: Trust, where: str = "TRUE") -> str:
    """Common table expressions, the last of which is `people`: the profile of each person that meets the condition.

    They read the relations `activity`, `traits` and `identities` of one site, and the parameters of `parameters_of`.
    """
    return ",\n".join(
        (named_rows("active", "activity", trust, where), named_rows("traited", "traits", trust, where), PEOPLE)
    )


def fields(names: Collection[str]) -> str:
    """The same columns of `people` as that has, of these names alone, as `WITH` expressions and a selection.

    It reads the relation `active`, and has one row for each person in it. Moments and traits are no such columns.
    """
    parts, joined = [], "summed"
    sums = {**_IDS, **SUM_OF}
    columns = {name: name for name in names if name in sums}
    summed = [f"{sums[name]} AS {name}" for name in columns]
    for expressions, relation, absent in (
        (_VISITS, "visits", {"active_days": "0", "visits": "0"}),
        (_MONEY, "money", {"orders": "0", "revenue": "'{}'"}),
    ):
        if not absent.keys().isdisjoint(names):
            parts.append(expressions.strip())
            joined += f" LEFT JOIN {relation} USING (person)"
            columns |= {name: f"coalesce({name}, {value})" for name, value in absent.items() if name in names}
    parts.append(f"summed AS (\n    SELECT {', '.join(['person', *summed])}\n    FROM active\n    GROUP BY person\n)")
    selected = ", ".join(["person", *(f"{sql} AS {name}" for name, sql in columns.items())])
    return "WITH " + ",\n".join(parts) + f"\nSELECT {selected} FROM {joined}"


def named_rows(name: str, source: str, trust: Trust, where: str = "TRUE") -> str:
    """The common table expression with this name: the rows of `activity` or `traits` with their person."""
    return f"{name} AS MATERIALIZED (\n    WITH {whose(source, trust)}\n    SELECT * FROM persons WHERE {where}\n)"


def whose(source: str, trust: Trust) -> str:
    """The common table expression `persons` over `activity` or `traits`: a half hour is whose its beginning is."""
    return persons(f"(SELECT *, half_hour AS occurred_at FROM {source})", trust)


def parameters_of(rules: ProfileRules) -> Mapping[str, str | int]:
    """The parameters of `people` that follow from the site's choices."""
    return {
        "currency": rules.currency or NO_CURRENCY,
        "first_write": json.dumps(rules.first_write),
        "label": rules.label,
        "most": MAX_TRAITS,
    }


def profiles_of(
    activity: Rows,
    traits: Rows,
    identities: Rows,
    trust: Trust,
    rules: ProfileRules,
    site: str,
    today: date,
    engine: Mapping[str, str] = MappingProxyType({}),
    only: pa.Array | None = None,
) -> pa.Table:
    """The rows of `profiles` of a site, as PROFILE_SCHEMA, in the order of people.

    The others are the site's rows of these tables; with `only`, those of at least these people, whose profiles are
    built. A half hour of a device is whose the device was when it began. `engine` are options of DuckDB, such as its
    memory.
    """
    relations: dict[str, Rows] = {"identities": identities, "activity": activity, "traits": traits}
    where = "TRUE"
    if only is not None:
        relations["asked"], where = pa.table({"person": only}), "person IN (SELECT person FROM asked)"
    with _database(tuple(sorted(engine.items()))).cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, rows in relations.items():
            connection.register(name, rows)
        # A relation would be bound twice, which takes longer than the profiles of a small batch.
        connection.execute(
            f"CREATE TEMP TABLE built AS WITH {people(trust, where)} "
            f"SELECT *, $site AS site, $today AS {PROFILE_PARTITION} FROM people",
            {**parameters_of(rules), "site": site, "today": today},
        )
        found = connection.sql("FROM built ORDER BY person").to_arrow_table()
    return found.select(PROFILE_SCHEMA.names).cast(PROFILE_SCHEMA)


@cache
def _database(options: Sequence[tuple[str, str]]) -> duckdb.DuckDBPyConnection:
    """One database in memory for the process: opening one takes longer than the profiles of a small batch."""
    return duckdb.connect(config={"threads": 1, **dict(options)})
