"""The table `profiles`: builds the profiles of those sites anew whose people may have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import pyarrow.compute as pc
import pyarrow.dataset as ds

from clickstream.deriving.following import REBUILT
from clickstream.identity.rules import Trust
from clickstream.model.digests import digest_of
from clickstream.model.schema import BATCH_COLUMN
from clickstream.profiles.building import profiles_of
from clickstream.profiles.rules import ProfileRules
from clickstream.table.actions import Action
from clickstream.table.data_files import DataFile
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.rows import all_rows_of, lost_rows_since

# Building all profiles of a site takes as long as its history needs. So new events of a site, and what they say about
# people, wait until builds take no more than this part of the time. No other change waits.
PART_OF_THE_TIME = 20
# Changed people wait only if the last build took longer, so that new users of a small site are listed at once.
SHORT = timedelta(seconds=5)
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


@dataclass(frozen=True, slots=True)
class Sources:
    """The tables that profiles are derived from. Open them after `profiles`: an erasure rewrites them first."""

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

    def run(self, sites: Mapping[str, Basis], has_time: Callable[[], bool]) -> int | None:
        """Build the profiles of the sites that are due, in one commit. Returns their number; None if there was no time
        for all. Rows of other sites stay. Raise Conflict if another writer committed first, Unavailable.
        """
        actions: list[Action] = []
        versions: dict[str, int] = {}
        built = 0
        in_time = True
        for site, basis in sorted(sites.items()):
            state = digest_of(basis.trust.value, basis.rules, basis.people)
            lost = self._has_lost(site)
            due = lost or state != self._version("state", site)
            if not due and self._has_news(site) and not (due := self._may_build(site)):
                self.waiting.append(site)
            if due:
                if in_time := has_time():
                    actions += self._build(site, basis, versions)
                    versions[f"state/{site}"] = state
                    built += 1
                if not in_time:
                    continue
            versions |= {f"{table.spec.name}/version/{site}": table.version for table in self._of_events}
        if built:
            self._profiles.commit_batch(actions, versions, {})
        return built if in_time else None

    @property
    def _of_events(self) -> tuple[Table, Table]:
        return self._sources.activity, self._sources.traits

    def _version(self, name: str, site: str) -> int | None:
        return self._profiles.application_version(f"{name}/{site}")

    def _has_other_people(self, site: str) -> bool:
        return self._people(site) != self._version("people", site)

    def _people(self, site: str) -> int:
        """A number that differs for different rows of `identities`."""
        return digest_of(sorted(file.path for file in self._sources.identities.files() if file.may_hold(site)))

    def _has_lost(self, site: str) -> bool:
        """Whether rows were removed from a source since the last build, or there was no build."""
        versions = [(table, self._version(f"{table.spec.name}/version", site)) for table in self._of_events]
        return any(version is None or self._lost(table, version) for table, version in versions)

    def _has_news(self, site: str) -> bool:
        if self._has_other_people(site):
            return True
        for table in self._of_events:
            batch = self._version(f"{table.spec.name}/batch", site) or 0
            files = [file for file in table.files() if file.may_hold_after(batch) and file.may_hold(site)]
            news = (pc.field(BATCH_COLUMN) > batch) & (pc.field("site") == site)
            if files and all_rows_of(table, files, ["site"], news).num_rows:
                return True
        return False

    def _may_build(self, site: str) -> bool:
        built_at, took = (self._version(name, site) or 0 for name in ("built_at", "took"))
        if took < _milliseconds(SHORT) and self._has_other_people(site):
            return True
        return self._at_once or _milliseconds(self._now() - _EPOCH) >= built_at + PART_OF_THE_TIME * took

    def _build(self, site: str, basis: Basis, versions: dict[str, int]) -> Iterator[Action]:
        """The actions that replace the site's rows. Adds the application versions of their commit."""
        began = self._now()
        activity, traits, identities = (_of_site(table, site) for table in (*self._of_events, self._sources.identities))
        rows = profiles_of(activity, traits, identities, basis.trust, basis.rules, site, began.date(), self._engine)
        yield from map(self._profiles.removal, _files_of(self._profiles, site))
        yield from self._profiles.stage(rows)
        for table in self._of_events:
            versions[f"{table.spec.name}/batch/{site}"] = table.application_version(COMPACTOR) or 0
        ended = self._now()
        versions |= {
            f"built_at/{site}": _milliseconds(ended - _EPOCH),
            f"took/{site}": _milliseconds(ended - began),
            f"people/{site}": self._people(site),
        }


def _of_site(table: Table, site: str) -> ds.Dataset:
    return table.dataset().filter(pc.field("site") == site)


def _files_of(profiles: Table, site: str) -> Iterator[DataFile]:
    """The files with rows of the site. Bounds of long names are shortened, so they do not tell alone."""
    for file in profiles.files():
        if file.may_hold(site) and all_rows_of(profiles, [file], ["site"])["site"][0].as_py() == site:
            yield file


def _milliseconds(duration: timedelta) -> int:
    return duration // _MILLISECOND
