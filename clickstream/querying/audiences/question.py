"""One statement about the members of audiences at a moment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from clickstream.identity.persons import RELATION as PERSONS
from clickstream.querying.audiences.chosen import IS_CHOSEN, chosen
from clickstream.querying.audiences.lasting import LastingNames
from clickstream.querying.audiences.membership import Fact, Names, longest_window, members, names_of_atoms
from clickstream.querying.audiences.reading import persons_of
from clickstream.querying.conditions import Parameters, SqlParameter
from clickstream.querying.period import Period
from clickstream.querying.scope import Audience, SiteScope
from clickstream.querying.sequences.streams import finished
from clickstream.querying.statement import Statement


class Question:
    """A question about audiences of a site at the moment `until`; each comes after those that it depends on."""

    def __init__(self, site: SiteScope, audiences: Sequence[Audience], until: datetime) -> None:
        self._site = site
        self._audiences = audiences
        self._until = until
        zone = ZoneInfo(site.time_zone)
        end = until + timedelta(microseconds=1)
        self.period = Period((until - longest_window(audiences)).astimezone(zone), end.astimezone(zone))
        self._parameters = Parameters(site, self.period)
        self.of_atom = names_of_atoms(audiences)
        self._numbers = {audience.slug: number for number, audience in enumerate(audiences)}

    def bind(self, value: SqlParameter) -> str:
        """A placeholder for the value."""
        return self._parameters.bind(value)

    def names(self, slug: str) -> Names:
        """The columns of `members` about the audience."""
        number = self._numbers[slug]
        return Names(f"member_{number}", f"changes_{number}", True)

    def lasting_names(self, slug: str) -> LastingNames:
        """More columns of `members` about a lasting audience."""
        return LastingNames.of(self._numbers[slug])

    def statement(
        self, select: str, *more: str, facts: Sequence[Fact] = (), people: Collection[str] | None = None
    ) -> Statement:
        """The selection from `members`, of these people alone unless None, after more common table expressions."""
        is_chosen = people is not None
        source = f"(SELECT * FROM {PERSONS} WHERE {IS_CHOSEN})" if is_chosen else PERSONS
        parts = [
            *([chosen(people, self._parameters)] if people is not None else []),
            persons_of(self._audiences, self._parameters, is_chosen=is_chosen),
            members(self._audiences, self._until, self._parameters, source, facts, is_chosen=is_chosen),
            *more,
        ]
        sql = "WITH " + ",\n".join(parts) + f"\n{select}"
        return finished(sql, self._parameters)
