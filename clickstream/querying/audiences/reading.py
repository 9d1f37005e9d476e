"""The events that the conditions of audiences look at, each with its person."""

from __future__ import annotations

from collections.abc import Sequence

from clickstream.identity.persons import persons
from clickstream.querying.audiences.chosen import with_their_ids
from clickstream.querying.audiences.membership import matchings
from clickstream.querying.conditions import Parameters, ask_for_bots, need_money
from clickstream.querying.revenue import RELATION, paid
from clickstream.querying.scope import Audience
from clickstream.querying.visitors import IN_PERIOD, of_site_and_period
from clickstream.querying.visits import relations


def persons_of(audiences: Sequence[Audience], parameters: Parameters, *, is_chosen: bool = False) -> str:
    """Common table expressions, to follow `WITH`, the last of which is `persons`: the events of the parameters' period.

    They have all columns that the audiences' conditions need. Bots are left out unless one of them asks for bots.
    With `is_chosen`, events of others than the people of `chosen` may be left out.
    """
    site, matched = parameters.site, matchings(audiences)
    filters = tuple(item for matching in matched for item in matching.filters)
    with_bots = ask_for_bots(filters, site)
    of_visits = any(matching.needs_visits for matching in matched)
    if not of_visits and not need_money(filters, site):
        events = f"(SELECT * FROM events WHERE {of_site_and_period(with_bots=with_bots)})"
        return persons(with_their_ids(events) if is_chosen else events, site.trust)
    expressions = [relations(of_visits=of_visits, with_bots=with_bots, split_at_midnight=site.split_at_midnight)]
    source = "visited" if of_visits else "of_site"
    if need_money(filters, site):
        expressions.append(paid(source, parameters, with_bots=with_bots))
        source = RELATION
    return ",\n".join([*expressions, persons(f"(SELECT * FROM {source} WHERE {IN_PERIOD})", site.trust)])
