"""The streams of events that are followed: those of each visit, visitor or person, in order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clickstream.querying.conditions import Parameters, ask_for_bots, conditions, need_visits
from clickstream.querying.dimensions import quoted
from clickstream.querying.filters import Filter
from clickstream.querying.period import Period
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement
from clickstream.querying.visits import IN_PERIOD, relations
from clickstream.sites.funnels import Within

# Where two events of a stream come at the same moment, the one with the lower id comes first.
IN_ORDER = "PARTITION BY stream ORDER BY moment, event_id"

# A ping says that somebody is still there, the others who it is: nothing that is done between two steps.
NO_ACTS = "'page_ping', 'identify', 'group', 'alias'"

# One who was known at any time of the period is the same person before and after.
_PERSONS = f"""
persons AS (
    SELECT *, coalesce(user_id, first_value(user_id IGNORE NULLS) OVER (
            PARTITION BY visitor ORDER BY occurred_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ), visitor) AS person
    FROM {{source}}
    WHERE {IN_PERIOD}
)""".strip()


@dataclass(frozen=True, slots=True)
class Slice:
    """The events that are looked at: a site's, of a period, and of those the ones for which the filters hold."""

    site: SiteScope
    period: Period
    filters: tuple[Filter, ...] = ()

    def parameters(self) -> Parameters:
        """Those that the relations need, to begin with."""
        return Parameters(self.site, self.period)


def streams(
    slice_: Slice,
    within: Within,
    columns: Mapping[str, str],
    parameters: Parameters,
    *,
    needs_visits: bool,
    everything: bool = False,
) -> str:
    """Common table expressions, the last of which is `streams`: events with `stream` (a value that is equal for the
    events of one), `moment` (microseconds since 1970), `event_id`, and the columns, given as name -> SQL.

    With `everything` the filters of the slice are not held to, and each visit that is in no stream is one of its own.
    """
    of_visits = needs_visits or within is Within.VISIT or need_visits(slice_.filters, slice_.site)
    expressions = [
        relations(
            of_visits=of_visits,
            with_bots=ask_for_bots(slice_.filters, slice_.site),
            split_at_midnight=slice_.site.split_at_midnight,
        )
    ]
    source = "visited" if of_visits else "of_site"
    if within is Within.PERSON:
        expressions.append(_PERSONS.format(source=source))
        source = "persons"
    stream, where = f"{within}", [IN_PERIOD]
    if everything:
        stream = f"row({within}, CASE WHEN {within} IS NULL THEN visit END)"
    else:
        where.extend([f"{within} IS NOT NULL", *conditions(slice_.filters, parameters)])
    selected = [f"{stream} AS stream", "epoch_us(occurred_at) AS moment", "event_id"]
    selected.extend(f"{sql} AS {quoted(name)}" for name, sql in columns.items())
    expressions.append(select("streams", selected, source, where))
    return ",\n".join(expressions)


def select(
    name: str, columns: Sequence[str], source: str, where: Sequence[str] = (), group_by: Sequence[str] = ()
) -> str:
    """A common table expression."""
    lines = [f"{name} AS (", "    SELECT " + ",\n        ".join(columns), f"    FROM {source}"]
    if where:
        lines.append("    WHERE " + "\n        AND ".join(where))
    if group_by:
        lines.append(f"    GROUP BY {', '.join(group_by)}")
    return "\n".join([*lines, ")"])


def finished(sql: str, parameters: Parameters) -> Statement:
    """The statement, with those of the parameters that it names."""
    return Statement(sql, parameters.of(sql))
