"""Streams of events: those of each visit, visitor or person, ordered by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clickstream.filters.dimensions import quoted
from clickstream.filters.tree import Filter
from clickstream.identity.persons import RELATION as PERSONS
from clickstream.identity.persons import looks_at_people, persons
from clickstream.querying.conditions import Parameters, ask_for_bots, conditions, need_visits
from clickstream.querying.period import Period
from clickstream.querying.revenue import RELATION, looks_at_money, paid
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement
from clickstream.querying.visitors import IN_PERIOD
from clickstream.querying.visits import relations
from clickstream.sites.funnels import Within

# A value that is equal for the events of one stream. Texts take longer to group and to sort than numbers. Any two of n
# streams share one with a probability of n^2 / 4e19.
STREAMS = {
    Within.VISIT: "visit",
    Within.VISITOR: "visitor_key",
    Within.PERSON: "CASE WHEN person IS NOT NULL THEN hash(person) END",
}
_KNOWN = {**STREAMS, Within.PERSON: "person"}
# The columns by which its events are in order. Of two at the same moment, the one that was received first comes first.
IN_ORDER = ("moment", "received_at", "event_id")
ORDERS = {Within.VISIT: ("visit_place",), Within.VISITOR: ("moment", "moment_place"), Within.PERSON: IN_ORDER}


@dataclass(frozen=True, slots=True)
class Slice:
    """The events to read: those of a site and a period that meet the filters."""

    site: SiteScope
    period: Period
    filters: tuple[Filter, ...] = ()

    def parameters(self) -> Parameters:
        """The parameters that the relations need; statements add their own."""
        return Parameters(self.site, self.period)


def streams(
    slice_: Slice,
    within: Within,
    columns: Mapping[str, str],
    parameters: Parameters,
    *,
    needs_visits: bool,
    in_order: bool = True,
) -> str:
    """Common table expressions, the last of which is `streams`: events with `stream_key` (as `STREAMS` has it) and the
    columns, given as name -> SQL; `in_order` also with `moment` (microseconds since 1970), and with those of `ORDERS`.

    Visit files have no texts such as `event_id`, so a statement is faster without.
    """
    of_visits = needs_visits or within is Within.VISIT or need_visits(slice_.filters, slice_.site)
    with_bots = ask_for_bots(slice_.filters, slice_.site)
    expressions = [relations(of_visits=of_visits, with_bots=with_bots, split_at_midnight=slice_.site.split_at_midnight)]
    source = "visited" if of_visits else "of_site"
    conjuncts = conditions(slice_.filters, parameters)
    if looks_at_money(*columns.values(), *conjuncts):
        expressions.append(paid(source, parameters, with_bots=with_bots))
        source = RELATION
    if within is Within.PERSON or looks_at_people(*columns.values(), *conjuncts):
        expressions.append(persons(source, slice_.site.trust))
        source = PERSONS
    selected = [f"{STREAMS[within]} AS stream_key"]
    if in_order:
        selected.append("epoch_us(occurred_at) AS moment")
        selected.extend(name for name in ORDERS[within] if name not in ("moment", *columns))
    selected.extend(f"{sql} AS {quoted(name)}" for name, sql in columns.items())
    expressions.append(select("streams", selected, source, [IN_PERIOD, f"{_KNOWN[within]} IS NOT NULL", *conjuncts]))
    return ",\n".join(expressions)


def reads_visited(of_streams: str) -> bool:
    """Whether these expressions of `streams` read no relation that needs more than the events of a visit."""
    return "\n    FROM visited\n" in of_streams.rpartition("streams AS (")[2]


def select(
    name: str, columns: Sequence[str], source: str, where: Sequence[str] = (), group_by: Sequence[str] = ()
) -> str:
    """The text of a common table expression."""
    lines = [f"{name} AS (", "    SELECT " + ",\n        ".join(columns), f"    FROM {source}"]
    if where:
        lines.append("    WHERE " + "\n        AND ".join(where))
    if group_by:
        lines.append(f"    GROUP BY {', '.join(group_by)}")
    return "\n".join([*lines, ")"])


def finished(sql: str, parameters: Parameters) -> Statement:
    """The statement with the parameters that it uses."""
    return Statement(sql, parameters.of(sql))
