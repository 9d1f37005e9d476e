"""Whom an evaluation looks at: everybody, or only the people whose memberships may have changed since the last one.

The last evaluation of the same process leaves an outlook. Without one that fits, everybody is evaluated, as after a
start of the app, a change of the document, and once in a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.audiences.changing import Evaluated
from clickstream.audiences.state import Notes
from clickstream.querying.audiences.news import people_of_activity, people_of_events, rows_of_identities
from clickstream.querying.engine import QueryEngine
from clickstream.querying.period import Period
from clickstream.querying.scope import SiteScope
from clickstream.sites.document import Site
from clickstream.table.specs import ACTIVITY_TABLE, IDENTITIES_TABLE

# How far ahead an outlook says whose memberships are due; everybody is evaluated after that.
FAR = timedelta(days=1) // timedelta(microseconds=1)
# With more people, or more rows of identities, everybody is evaluated.
MOST_PEOPLE, MOST_IDENTITIES = 20_000, 2_000_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is due after an evaluation, in microseconds since 1970, and what it followed from."""

    site: Site
    noted: Mapping[str, int]
    """The notes of its commit."""
    identities: pa.Table
    horizon: int
    dues: Mapping[str, int]
    """When the membership of a person can next change without another event, if that is before the horizon."""
    later: int | None
    """The first such moment after the horizon."""

    def after(self, noted: Mapping[str, int]) -> Outlook | None:
        """The outlook after a commit with these notes; None if there are too many identities to keep."""
        return replace(self, noted=noted) if len(self.identities) <= MOST_IDENTITIES else None

    def fits(self, notes: Notes, site: Site, until: int) -> bool:
        """Whether nothing else happened since to the notes and the document, and the horizon is not reached."""
        return (
            self.site is site
            and until < self.horizon
            and (notes.of("asked") or 0) == (notes.of("answered") or 0)
            and not notes.of("telling")
            and not any(notes.of("hold", audience.slug) for audience in site.audiences)
            and all(notes.table.application_version(name) == number for name, number in self.noted.items())
        )

    @property
    def next_due(self) -> int | None:
        """The first moment at which the membership of anybody can change without another event."""
        return min((*self.dues.values(), *([] if self.later is None else [self.later])), default=None)


@dataclass(frozen=True, slots=True)
class Basis:
    """What the people of one evaluation follow from; `batches` are those up to which the last one had seen a table."""

    engine: QueryEngine
    scope: SiteScope
    until: int
    since: int | None
    period: Period
    batches: Mapping[str, int]
    identities: pa.Table

    @classmethod
    def read(
        cls,
        engine: QueryEngine,
        scope: SiteScope,
        until: int,
        since: int | None,
        period: Period,
        batches: Mapping[str, int],
    ) -> Basis:
        """With the site's identities of now. Raise as the engine does."""
        identities = engine.run_over_all(rows_of_identities(scope), scope, IDENTITIES_TABLE)
        return cls(engine, scope, until, since, period, batches, identities)

    def touched(self, outlook: Outlook | None, *, of_all_past: bool) -> frozenset[str] | None:
        """The people with news, those whose ids changed, and those who are due; None: everybody.

        `of_all_past` is whether any condition is about `activity` or `traits`.
        """
        if outlook is None or self.since is None:
            return None
        due = {person for person, at in outlook.dues.items() if at <= self.until}
        found = due | self._with_other_ids(outlook.identities) | self._with_events()
        if of_all_past:
            found |= self._with_activity()
        return frozenset(found) if len(found) <= MOST_PEOPLE else None

    def _with_events(self) -> set[str]:
        """Of events that were added, or whose moment has come."""
        assert self.since is not None
        statement = people_of_events(self.scope, self.batches["events"], self.since, self.until)
        return _people(self.engine.run(statement, self.scope, self.period))

    def _with_activity(self) -> set[str]:
        statement = people_of_activity(self.scope, self.batches["activity"])
        return _people(self.engine.run_over_all(statement, self.scope, ACTIVITY_TABLE))

    def _with_other_ids(self, before: pa.Table) -> set[str]:
        """Both sides of every row that is new or gone."""
        if before.equals(self.identities):
            return set()
        keys = before.column_names
        marked = [
            table.append_column("side", pa.array([side] * len(table), pa.int8()))
            for side, table in ((1, before), (2, self.identities))
        ]
        rows = pa.concat_tables(marked).group_by(keys, use_threads=False).aggregate([("side", "sum")])
        return _people(rows.filter(pc.not_equal(rows["side_sum"], 3)))

    def outlook(self, last: Outlook | None, touched: frozenset[str] | None, now: Evaluated, site: Site) -> Outlook:
        """The outlook after an evaluation of these people, before its commit."""
        if last is None or touched is None:
            horizon, dues, later = self.until + FAR, dict[str, int](), list[int]()
        else:
            horizon, later = last.horizon, [] if last.later is None else [last.later]
            dues = {person: at for person, at in last.dues.items() if person not in touched}
        for person, at in now.dues():
            if at < horizon:
                dues[person] = at
            else:
                later.append(at)
        return Outlook(site, {}, self.identities, horizon, dues, min(later, default=None))


def _people(rows: pa.Table) -> set[str]:
    return {person for person in rows["person"].to_pylist() if person is not None}
