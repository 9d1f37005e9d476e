"""The table `profiles`: builds the profiles of people who did or said anything, or whose ids changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from clickstream.deriving.following import REBUILT
from clickstream.deriving.profile_files import PERSON_COLUMNS, replacement
from clickstream.errors import Unavailable
from clickstream.identity.parts import joined_columns
from clickstream.identity.rules import Trust
from clickstream.model.digests import digest_of
from clickstream.model.identity_tables import IDENTITIES, IDENTITY_SCHEMA, NOBODY
from clickstream.model.profile_tables import ACTIVITY_SCHEMA, TRAIT_SCHEMA
from clickstream.profiles.building import profiles_of
from clickstream.profiles.changes import Changes
from clickstream.profiles.rules import ProfileRules
from clickstream.table.actions import Action
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.kept_rows import KeptRows
from clickstream.table.rows import lost_rows_since, rows_of_file

# A build takes longer with a longer history, above all one of all people. So new events of a site, and what they say
# about people, wait until builds take no more than this part of the time. No other change waits.
PART_OF_THE_TIME = 20
# Changed people wait only if the last build took longer, so that new users of a small site are listed at once.
SHORT = timedelta(seconds=5)
_DEVICE, _USER = _IDS = ("anonymous_id", "user_id")
# If more ids are concerned, everybody's profiles are built: rows are then streamed, instead of being in memory at once.
MAX_CHANGED_IDS = 100_000
_LOSSES = ("erased", "expired", REBUILT)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Basis:
    """What the profiles of a site follow from, besides rows of tables."""

    trust: Trust
    rules: ProfileRules
    people: int
    """The digest of what people follow from, besides evidence."""


class Kept:
    """What a process keeps of the rows that builds read."""

    def __init__(self) -> None:
        self.activity = KeptRows(_names(ACTIVITY_SCHEMA))
        self.traits = KeptRows(_names(TRAIT_SCHEMA))
        self.identities = KeptRows(_names(IDENTITY_SCHEMA))
        self.persons = KeptRows(PERSON_COLUMNS)


@dataclass(frozen=True, slots=True)
class Sources:
    """The tables that profiles are derived from. Open them after `profiles`: an erasure rewrites them first."""

    kept: Kept
    activity: Table
    traits: Table
    identities: Table


class ProfileBuilder:
    """One run over the sites."""

    def __init__(
        self,
        profiles: Table,
        sources: Sources,
        now: Callable[[], datetime],
        engine: Mapping[str, str],
        *,
        at_once: bool,
    ) -> None:
        """`engine` are options of DuckDB, such as its memory. With `at_once`, new events do not wait."""
        self._profiles = profiles
        self._sources = sources
        self._now = now
        self._engine = engine
        self._at_once = at_once
        self.waiting: list[str] = []
        """The sites whose new events wait for a later run."""
        self._lost = cache(lambda table, version: lost_rows_since(table, version, _LOSSES))
        self._replaced = cache(sources.identities.replaced_since)
        self._rows_before = cache(lambda file: rows_of_file(sources.identities, file, _names(IDENTITY_SCHEMA)))
        self._new_ids = cache(self._read_new_ids)

    def run(self, sites: Mapping[str, Basis], has_time: Callable[[], bool]) -> int | None:
        """Build the profiles of the sites that are due, in one commit. Returns their number; None if there was no time
        for all. Rows of other sites stay. Raise Conflict if another writer committed first, Unavailable.
        """
        actions: list[Action] = []
        versions: dict[str, int] = {}
        built = 0
        in_time = True
        for site, basis in sorted(sites.items()):
            state = {f"state/{site}": digest_of(basis.trust.value, basis.rules), f"edits/{site}": basis.people}
            whole = self._has_lost(site) or state[f"state/{site}"] != self._version("state", site)
            due = whole or basis.people != self._version("edits", site)
            if not due and self._has_news(site) and not (due := self._may_build(site)):
                self.waiting.append(site)
            if due:
                if in_time := has_time():
                    actions += self._build(site, basis, versions, whole=whole)
                    versions |= state
                    built += 1
                if not in_time:
                    continue
            versions |= {f"{table.spec.name}/version/{site}": table.version for table in self._losing}
            if site not in self.waiting:
                versions[f"{IDENTITIES}/version/{site}"] = self._sources.identities.version
        if built:
            self._profiles.commit_batch(actions, versions, {})
        return built if in_time else None

    @property
    def _of_events(self) -> Sequence[tuple[Table, KeptRows]]:
        sources = self._sources
        return (sources.activity, sources.kept.activity), (sources.traits, sources.kept.traits)

    @property
    def _losing(self) -> Sequence[Table]:
        """The tables from which an erasure or retention removes rows."""
        return self._sources.activity, self._sources.traits, self._profiles

    def _version(self, name: str, site: str) -> int | None:
        return self._profiles.application_version(f"{name}/{site}")

    def _has_other_people(self, site: str) -> bool:
        return self._people(site) != self._version("people", site)

    def _people(self, site: str) -> int:
        """A number that differs for different rows of `identities`."""
        return digest_of(sorted(file.path for file in self._sources.identities.files() if file.may_hold(site)))

    def _has_lost(self, site: str) -> bool:
        """Whether rows were removed since the last build, or there was no build."""
        versions = [(table, self._version(f"{table.spec.name}/version", site)) for table in self._losing]
        return any(version is None or self._lost(table, version) for table, version in versions)

    def _has_news(self, site: str) -> bool:
        return self._has_other_people(site) or len(self._new_ids(site)) > 0

    def _read_new_ids(self, site: str) -> pa.Array:
        """The ids of rows that no build has read."""
        columns = []
        for table, kept in self._of_events:
            rows = kept.of_site(table, site, after=self._version(f"{table.spec.name}/batch", site) or 0)
            columns += [rows[name] for name in _IDS]
        return pc.unique(joined_columns(*columns)).drop_null()

    def _may_build(self, site: str) -> bool:
        built_at, took = (self._version(name, site) or 0 for name in ("built_at", "took"))
        if took < _milliseconds(SHORT) and self._has_other_people(site):
            return True
        return self._at_once or _milliseconds(self._now() - _EPOCH) >= built_at + PART_OF_THE_TIME * took

    def _build(self, site: str, basis: Basis, versions: dict[str, int], *, whole: bool) -> Iterator[Action]:
        """The actions that replace rows of the site, all of them or those of changed people. Adds the application
        versions of their commit.
        """
        began = self._now()
        changes = None if whole else self._changes(site)
        rows = self._rows(site, basis, changes, began.date())
        people = None if changes is None else changes.people
        yield from replacement(self._profiles, self._sources.kept.persons, site, rows, people, began.date())
        for table, _ in self._of_events:
            versions[f"{table.spec.name}/batch/{site}"] = table.application_version(COMPACTOR) or 0
        ended = self._now()
        versions |= {
            f"built_at/{site}": _milliseconds(ended - _EPOCH),
            f"took/{site}": _milliseconds(ended - began),
            f"people/{site}": self._people(site),
        }

    def _rows(self, site: str, basis: Basis, changes: Changes | None, today: date) -> pa.Table:
        sources = self._sources
        rules = (basis.trust, basis.rules, site, today, self._engine)
        if changes is None:
            every = [_of_site(table, site) for table in (sources.activity, sources.traits, sources.identities)]
            return profiles_of(every[0], every[1], every[2], *rules)
        named = dict.fromkeys(_IDS, changes.ids)
        activity, traits = (kept.of_site(table, site, named) for table, kept in self._of_events)
        says = {"id": changes.ids, "kind": pa.array([NOBODY])}
        identities = sources.kept.identities.of_site(sources.identities, site, says)
        return profiles_of(activity, traits, identities, *rules, changes.people)

    def _changes(self, site: str) -> Changes | None:
        """Whom news may have changed; None if these are too many, or may be everybody."""
        sources, before = self._sources, None
        if self._has_other_people(site) and (before := self._people_before(site)) is None:
            return None

        def devices_of(users: pa.Array) -> pa.Array:
            rows = [kept.of_site(table, site, {_USER: users}) for table, kept in self._of_events]
            return joined_columns(*(each[_DEVICE] for each in rows))

        now = sources.kept.identities.of_site(sources.identities, site)
        changes = Changes.of(self._new_ids(site), now, before, devices_of)
        return changes if len(changes.ids) <= MAX_CHANGED_IDS else None

    def _people_before(self, site: str) -> pa.Table | None:
        """The site's rows of `identities` as of its last build; None if they are not stored any longer."""
        version = self._version(f"{IDENTITIES}/version", site)
        replaced = None if version is None else self._replaced(version)
        if replaced is None:
            return None
        try:
            rows = [IDENTITY_SCHEMA.empty_table(), *map(self._rows_before, replaced)]
            return pa.concat_tables(rows).filter(pc.field("site") == site)
        except Unavailable:  # if storage does not answer, the build of everybody fails, too
            return None


def _of_site(table: Table, site: str) -> ds.Dataset:
    return table.dataset().filter(pc.field("site") == site)


def _names(schema: pa.Schema) -> Sequence[str]:
    names: Sequence[str] = schema.names
    return names


def _milliseconds(duration: timedelta) -> int:
    return duration // _MILLISECOND
