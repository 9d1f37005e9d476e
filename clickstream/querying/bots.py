"""Count the events of bots that a query leaves out."""

from __future__ import annotations

from clickstream.filters.dimensions import BOT, GOAL
from clickstream.filters.tree import Filter
from clickstream.identity.persons import RELATION as PERSONS
from clickstream.identity.persons import looks_at_people, persons
from clickstream.querying.conditions import Parameters, ask_for_bots, condition, conditions, need_money, need_visits
from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest
from clickstream.querying.revenue import RELATION, paid
from clickstream.querying.scope import Goal, SiteScope
from clickstream.querying.statement import Statement
from clickstream.querying.visitors import IN_PERIOD
from clickstream.querying.visits import relations


def compile_query_bots(request: QueryRequest, period: Period, site: SiteScope) -> Statement | None:
    """`compile_bots` for a query; None if bots are one of its dimensions."""
    names = {dimension.name for dimension in request.dimensions}
    if BOT in names:
        return None
    return compile_bots(request.filters, period, site, tuple(site.goals.values()) if GOAL in names else ())


def compile_bots(
    filters: tuple[Filter, ...], period: Period, site: SiteScope, goals: tuple[Goal, ...] = ()
) -> Statement | None:
    """One row with `events`: the number of bots' events in the period that meet the filters and, if goals are given,
    any of them. None if the filters use `event:bot`.

    For a share key, the statement has no filters and goals (None with any), and `events` is null if these are the
    events of fewer visitors than the smallest group.

    The statement reads events of bots alone, by one narrow column; filters about visits see visits of bots. It is the
    same for all queries of a range with the same filters, such as the panels of a dashboard, so its result is computed
    once and then cached.
    """
    if ask_for_bots(filters, site):
        return None
    if site.sharing is not None and (filters or goals):
        return None
    parameters = Parameters(site, period)
    conjuncts = [IN_PERIOD, *conditions(filters, parameters)]
    if goals:
        conjuncts.append(f"({' OR '.join(condition(goal.matching, parameters) for goal in goals)})")
    of_visits = need_visits(filters, site) or any(goal.matching.needs_visits for goal in goals)
    of_money = need_money(filters, site) or any(need_money(goal.matching.filters, site) for goal in goals)
    begin, relation = "", "events"
    if of_visits or of_money:
        relation = "visited" if of_visits else "of_site"
        begin = "WITH events AS NOT MATERIALIZED (SELECT * FROM events WHERE is_bot),\n"
        begin += relations(of_visits=of_visits, with_bots=True, split_at_midnight=site.split_at_midnight)
    if of_money:
        begin += f",\n{paid(relation, parameters, with_bots=True)}"
        relation = RELATION
    if looks_at_people(*conjuncts):
        begin = f"{begin},\n" if begin else "WITH "
        begin += persons(relation, site.trust)
        relation = PERSONS
    counted = "count(*)"
    if site.sharing is not None:
        enough = f"count(*) = 0 OR count(DISTINCT coalesce(anonymous_id, user_id)) >= {site.sharing.smallest_group}"
        counted = f"CASE WHEN {enough} THEN count(*) END"
    where = "\n    AND ".join(["site = $site", "is_bot", *conjuncts])
    sql = f"{begin}\nSELECT {counted} AS events\nFROM {relation}\nWHERE {where}".strip()
    return Statement(sql, parameters.of(sql))
