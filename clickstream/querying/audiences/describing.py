"""What messages say about people, from all of their past that is stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from clickstream.profiles.building import WRITTEN, named_rows, parameters_of
from clickstream.querying.audiences.chosen import IS_CHOSEN, chosen, with_their_ids
from clickstream.querying.conditions import Parameters
from clickstream.querying.statement import Statement


def descriptions(people: Collection[str], traits: Sequence[str], parameters: Parameters) -> Statement:
    """The statement for rows of `person`, the first event `first_at` in microseconds since 1970, and `trait_n` for each
    of these traits, as text, null without a value. Whoever has no event with full consent has no row.
    """
    trust = parameters.site.trust
    parameters.values.update(parameters_of(parameters.site.profiles))
    names = [parameters.bind(name) for name in traits]
    columns = ["person", "first_at"]
    for number, name in enumerate(names):
        columns.append(f"any_value(CAST(value AS JSON)->>'$') FILTER (name = {name}) AS trait_{number}")
    listed = ", ".join(names) or "NULL"
    sql = f"""WITH {chosen(people, parameters)},
{named_rows("active", with_their_ids("activity"), trust, IS_CHOSEN)},
{named_rows("traited", with_their_ids("traits"), trust, f"name IN ({listed}) AND {IS_CHOSEN}")},
{WRITTEN},
firsts AS (
    SELECT person, epoch_us(min(first_at)) AS first_at
    FROM active
    GROUP BY person
)
SELECT {", ".join(columns)}
FROM firsts LEFT JOIN written USING (person)
GROUP BY person, first_at"""
    return Statement(sql, parameters.of(sql))
