"""What a document would change in audiences, before it is in force."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import pyarrow.compute as pc

from clickstream.audiences.changing import HELD_FROM, are_too_many
from clickstream.audiences.state import Memberships, memberships_of
from clickstream.querying.audiences.formula import with_needed
from clickstream.querying.audiences.question import Question
from clickstream.querying.engine import QueryEngine
from clickstream.querying.goals import scope_of
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, Site
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.specs import AUDIENCE_CHANGES_TABLE


@dataclass(frozen=True, slots=True)
class Preview:
    """How many people would be members of an audience, enter it and leave it."""

    slug: str
    members: int
    enter: int
    leave: int
    waits: bool
    """Whether that is so much that it would wait for a release."""


class Previews:
    """Evaluates documents against the events of now."""

    def __init__(self, account: StorageAccount, settings: Settings, engine: QueryEngine) -> None:
        self._account = account
        self._settings = settings
        self._engine = engine

    def of(self, site: Site) -> Sequence[Preview]:
        """The audiences of the document, then those that it removes. None if nothing is compacted yet.

        Raise LimitExceeded, Unavailable.
        """
        until = self._engine.complete_until()
        if until is None:
            return []
        scope = scope_of(Access(site, KeyKind.READ))
        audiences = with_needed(scope.audiences, scope.audiences)
        before = self._memberships(site.site)
        now: dict[str, frozenset[str]] = {}
        if audiences:
            question = Question(scope, audiences, until)
            names = [question.names(audience.slug).holds for audience in audiences]
            select = f"SELECT person, {', '.join(names)}\nFROM members\nWHERE {' OR '.join(names)}"
            rows = self._engine.run(question.statement(select), scope, question.period)
            for audience, name in zip(audiences, names, strict=True):
                held = rows.filter(pc.fill_null(rows[name], False))
                now[audience.slug] = frozenset(held["person"].to_pylist())
        removed = [slug for slug, members in before.items() if members and slug not in now]
        return [
            self._preview(slug, now.get(slug, frozenset()), before.get(slug, {}).keys())
            for slug in [*scope.audiences, *removed]
        ]

    def _preview(self, slug: str, now: frozenset[str], before: Set[str]) -> Preview:
        enter, leave = len(now - before), len(before - now)
        too_many = are_too_many(enter + leave, len(before), self._settings.audience_max_change, HELD_FROM)
        return Preview(slug, len(now), enter, leave, bool(before) and too_many)

    def _memberships(self, site: str) -> Memberships:
        table = Table.open(AUDIENCE_CHANGES_TABLE, self._account, self._settings.lake_container)
        return {} if table is None else memberships_of(table, site)
