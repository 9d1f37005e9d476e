"""The deriver: after a compaction, brings each derived table up to date, in the order in which they depend on others.

Every table notes in its own commits up to which version of its source it is. A crash between two commits leaves a table
behind, and the next run continues there. Evidence that is added twice has the same meaning as once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clickstream.deriving.edit_log import EditLog
from clickstream.deriving.evidence import add_evidence
from clickstream.deriving.following import add_rows
from clickstream.deriving.people import Basis, resolve_people
from clickstream.deriving.profiles import Basis as ProfileBasis
from clickstream.deriving.profiles import ProfileBuilder, Sources
from clickstream.deriving.site_rules import SiteRules
from clickstream.identity.edits import EditsInForce
from clickstream.identity.rules import Rules
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.profiles.activity import EVENT_COLUMNS as ACTIVITY_READ
from clickstream.profiles.activity import activity_of
from clickstream.profiles.traits import EVENT_COLUMNS as TRAITS_READ
from clickstream.profiles.traits import traits_of
from clickstream.retrying import retry_on_conflict
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.storage.site_documents import EditableBlobSiteDocuments
from clickstream.table.delta import Table
from clickstream.table.specs import (
    ACTIVITY_TABLE,
    EVENTS_TABLE,
    IDENTITIES_TABLE,
    IDENTITY_EDGES_TABLE,
    PROFILES_TABLE,
    TRAITS_TABLE,
    TableSpec,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one run: rows of evidence added, sites whose people changed, rows of activity and of traits added,
    sites whose profiles were built, and whether all is up to date. Profiles may wait, see docs/profiles.md.
    """

    edges: int = 0
    sites: int = 0
    activity: int = 0
    traits: int = 0
    profiles: int = 0
    finished: bool = field(default=True, kw_only=True)


class Deriver:
    """Keeps the derived tables. Several may run at once: one commit wins, the others read again."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._account = account
        self._container = settings.lake_container
        self._now = now
        documents = EditableBlobSiteDocuments(account.container(settings.config_container))
        keys = PseudonymKeys.parse(settings.pseudonym_keys, settings.visitor_id_key)
        self._rules = SiteRules(documents, keys)
        self._log = EditLog(account, settings.lake_container)

    def run(self, deadline: datetime | None = None, *, at_once: bool = False) -> Report:
        """Bring all tables up to date. Changes nothing if there is no time for all of a table. Raise Unavailable.

        With `at_once`, profiles do not wait.
        """
        return self._run(deadline, anew=False, at_once=at_once)

    def rebuild(self) -> Report:
        """Derive all tables from `events` anew, with the same result as `run`. Raise Unavailable."""
        return self._run(None, anew=True, at_once=True)

    def basis(self, site: str) -> Basis:
        """What the people of a site follow from now; the usual rules if it has no valid document. Raise Unavailable."""
        return self._bases(self._rules.read()).get(site, Basis(Rules()))

    def _bases(self, rules: Mapping[str, Rules]) -> Mapping[str, Basis]:
        logs = self._log.read()
        return {
            site: Basis(each, EditsInForce.of([line.edit for line in logs.get(site, ())]))
            for site, each in rules.items()
        }

    def _run(self, deadline: datetime | None, *, anew: bool, at_once: bool) -> Report:
        def has_time() -> bool:
            return deadline is None or self._now() < deadline

        def follow(spec: TableSpec, add: Callable[[Table, Table], int | None]) -> int | None:
            def attempt() -> int | None:
                table = self._open(spec)
                events = Table.open(EVENTS_TABLE, self._account, self._container)
                return 0 if events is None else add(table, events)

            return retry_on_conflict(attempt, spec.name)

        def resolve() -> int:
            identities = self._open(IDENTITIES_TABLE)
            edges = self._open(IDENTITY_EDGES_TABLE)
            return resolve_people(identities, edges, self._bases(rules), self._now().date())

        def build() -> int | None:
            profiles = self._open(PROFILES_TABLE)
            sources = Sources(*map(self._open, (ACTIVITY_TABLE, TRAITS_TABLE, IDENTITIES_TABLE)))
            sites = {site: ProfileBasis(each.trust, self._rules.of_profiles(site)) for site, each in rules.items()}
            return ProfileBuilder(profiles, sources, self._now, at_once=at_once).run(sites, has_time)

        rules = self._rules.read()
        steps: Mapping[str, Callable[[], int | None]] = {
            "edges": lambda: follow(
                IDENTITY_EDGES_TABLE, lambda table, events: add_evidence(table, events, rules, has_time, anew=anew)
            ),
            "sites": lambda: retry_on_conflict(resolve, IDENTITIES_TABLE.name),
            "activity": lambda: follow(
                ACTIVITY_TABLE,
                lambda table, events: add_rows(table, events, ACTIVITY_READ, activity_of, has_time, anew=anew),
            ),
            "traits": lambda: follow(
                TRAITS_TABLE,
                lambda table, events: add_rows(table, events, TRAITS_READ, traits_of, has_time, anew=anew),
            ),
            "profiles": lambda: retry_on_conflict(build, PROFILES_TABLE.name),
        }
        counts: list[int] = []
        for name, step in steps.items():
            if (count := step()) is None:
                log.warning("no time to bring %s up to date: run `python -m clickstream.identity run`", name)
                return Report(*counts, finished=False)
            counts.append(count)
        return Report(*counts)

    def _open(self, spec: TableSpec) -> Table:
        return Table.open_or_create(spec, self._account, self._container)
