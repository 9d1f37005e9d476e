"""The deriver: after a compaction, brings each derived table up to date, in the order in which they depend on others.

Every table notes in its own commits up to which version of its source it is. A crash between two commits leaves a table
behind, and the next run continues there. Evidence that is added twice has the same meaning as once.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from clickstream.deriving.edit_log import EditLog
from clickstream.deriving.evidence import add_evidence
from clickstream.deriving.following import add_rows
from clickstream.deriving.people import COLUMNS_READ, Basis, resolve_people
from clickstream.deriving.profiles import Basis as ProfileBasis
from clickstream.deriving.profiles import Kept, ProfileBuilder, Sources
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
from clickstream.table.kept_rows import KeptRows
from clickstream.table.log import DeltaLog
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


# Retention changes derived tables without a change of `events`, so all are looked at after this time at the latest.
LOOKED_AT_ANEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Done:
    """The state in which a run left nothing to do: the version of `events`, and what else people follow from."""

    version: int
    basis: object
    at: datetime


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
        self._engine = {
            "memory_limit": f"{settings.query_memory_mb}MB",
            "max_temp_directory_size": f"{settings.query_spill_mb}MB",
            "temp_directory": str(Path(tempfile.gettempdir()) / f"clickstream-profiles-{os.getpid()}"),
        }
        self._done: _Done | None = None
        # Tables that no run reads now: opening them again costs more than what a small batch adds.
        self._idle: deque[_Tables] = deque(maxlen=1)

    def run(self, deadline: datetime | None = None, *, at_once: bool = False) -> Report:
        """Bring all tables up to date. Changes nothing if there is no time for all of a table. Raise Unavailable.

        With `at_once`, profiles do not wait. Without it, no table is opened if the last run left nothing to do and
        `events` has no later commit.
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

        try:
            tables = self._idle.pop()
        except IndexError:
            tables = _Tables(self._account, self._container)

        def follow(spec: TableSpec, add: Callable[[Table, Table], int | None]) -> int | None:
            def attempt() -> int | None:
                table = tables.newest(spec)
                events = tables.events()
                return 0 if events is None else add(table, events)

            return retry_on_conflict(attempt, spec.name)

        def resolve() -> int:
            identities = tables.newest(IDENTITIES_TABLE)
            edges = tables.newest(IDENTITY_EDGES_TABLE)
            return resolve_people(identities, edges, self._bases(rules), self._now().date(), tables.evidence.of_site)

        def build() -> int | None:
            profiles = tables.newest(PROFILES_TABLE)
            sources = Sources(tables.profiles, *map(tables.newest, (ACTIVITY_TABLE, TRAITS_TABLE, IDENTITIES_TABLE)))
            builder = ProfileBuilder(profiles, sources, self._now, self._engine, at_once=at_once)
            built = builder.run(profile_bases, has_time)
            waiting.extend(builder.waiting)
            return built

        rules, logs = self._rules.read(), self._log.read()
        profile_bases = {
            site: ProfileBasis(each.rules.trust, self._rules.of_profiles(site), each.digest)
            for site, each in self._bases(rules).items()
        }
        basis = (rules, profile_bases, logs)
        if not anew and not at_once and self._is_done(basis):
            return Report()
        waiting, events = list[str](), tables.events()
        version = -1 if events is None else events.version
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
        self._idle.append(tables)
        if not waiting:
            self._done = _Done(version, basis, self._now())
        return Report(*counts)

    def _is_done(self, basis: object) -> bool:
        """Whether nothing has changed since a run of this process that left nothing to do."""
        done = self._done
        return (
            done is not None
            and done.basis == basis
            and self._now() - done.at < LOOKED_AT_ANEW
            and not DeltaLog(self._account.container(self._container), EVENTS_TABLE.name).has(done.version + 1)
        )


class _Tables:
    """Tables of one run at a time: each is opened once, and updated whenever a step begins to read it."""

    def __init__(self, account: StorageAccount, container: str) -> None:
        self._account = account
        self._container = container
        self._opened: dict[str, Table] = {}
        self.evidence = KeptRows(COLUMNS_READ)
        self.profiles = Kept()

    def newest(self, spec: TableSpec) -> Table:
        """The table as it is now; an empty one is created. Raise Unavailable."""
        return self._updated(spec) or self._keep(Table.open_or_create(spec, self._account, self._container))

    def events(self) -> Table | None:
        """The table `events` as it is now; None if there is none yet. Raise Unavailable."""
        if (table := self._updated(EVENTS_TABLE)) is not None:
            return table
        table = Table.open(EVENTS_TABLE, self._account, self._container)
        return table and self._keep(table)

    def _updated(self, spec: TableSpec) -> Table | None:
        if (table := self._opened.get(spec.name)) is not None:
            table.update()
        return table

    def _keep(self, table: Table) -> Table:
        self._opened[table.spec.name] = table
        return table
