"""Which site a key belongs to, kept fresh from the sites' documents without a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from clickstream.errors import Forbidden, InvalidSite, Unauthorized, Unavailable
from clickstream.sites.document import KeyKind, Site, digest_of, parse_site

log = logging.getLogger(__name__)

READS_AT_ONCE = 16


class SiteDocuments(Protocol):
    """Where the documents are kept."""

    async def versions(self) -> Mapping[str, str]:
        """Path of every document -> a word that changes with its content. Raise Unavailable."""

    async def read(self, path: str) -> bytes:
        """The document's bytes. Raise Unavailable."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for one look at all documents; for a caller before anything is in force; for one afterwards."""

    look: float = 20.0
    first: float = 3.0
    later: float = 0.25


@dataclass(frozen=True, slots=True)
class Access:
    """What a key opens."""

    site: Site
    kind: KeyKind


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One look at all documents. Keys are kept as digests, so that a look-up compares digests, not secrets."""

    versions: Mapping[str, str]
    sites: Mapping[str, Site]
    writers: Mapping[bytes, Access]
    readers: Mapping[bytes, frozenset[str]]
    viewers: Mapping[bytes, frozenset[str]]
    admins: Mapping[bytes, frozenset[str]]


class SiteDirectory:
    """All sites, looked at again every `refresh_seconds`. A broken document keeps its last good version in force."""

    def __init__(
        self,
        documents: SiteDocuments,
        refresh_seconds: float,
        monotonic: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        self._documents = documents
        self._refresh_seconds = refresh_seconds
        self._monotonic = monotonic
        self._patience = patience or Patience()
        self._loaded: _Loaded | None = None
        self._looked_at = 0.0
        self._look: asyncio.Task[_Loaded] | None = None

    async def writer(self, key: str | None) -> Access:
        """The site a write key names. Raise Unauthorized, alike for a missing, an unknown and a revoked key."""
        access = (await self._current()).writers.get(digest_of(key)) if key else None
        if access is None:
            raise Unauthorized("this write key opens no site")
        return access

    async def reader(self, key: str | None, site: str) -> Site:
        """The site, if the read key opens it. Raise Unauthorized for a key that opens nothing, Forbidden otherwise."""
        loaded = await self._current()
        if key and digest_of(key) in loaded.viewers.keys() - loaded.readers.keys():
            raise Forbidden("a share key opens reports alone, and none that tells of single persons")
        return _opened(loaded, loaded.readers, "read", key, site)

    async def viewer(self, key: str | None, site: str) -> Site:
        """As `reader`, for what a share key opens, too."""
        loaded = await self._current()
        return _opened(loaded, loaded.viewers, "read", key, site)

    async def opened(self, key: str | None) -> Sequence[Access]:
        """Every site that the read or share key opens, in order. Raise Unauthorized for one that opens nothing."""
        loaded = await self._current()
        digest = digest_of(key) if key else b""
        names = loaded.viewers.get(digest)
        if names is None:
            raise Unauthorized("this read key opens no site")
        read = loaded.readers.get(digest, frozenset())
        return [Access(loaded.sites[name], KeyKind.READ if name in read else KeyKind.SHARE) for name in sorted(names)]

    async def admin(self, key: str | None, site: str) -> Site:
        """The site, if the admin key opens its jobs. Raise as `reader` does."""
        loaded = await self._current()
        return _opened(loaded, loaded.admins, "admin", key, site)

    async def allows_origin(self, origin: str) -> bool:
        """Whether any site takes events from pages of this origin. Raise Unavailable."""
        return any(site.allows_origin(origin) for site in (await self._current()).sites.values())

    async def framed_by(self, site: str) -> Sequence[str]:
        """The origins whose pages may frame the site's shared dashboard; none of an unknown site. Raise Unavailable."""
        found = (await self._current()).sites.get(site)
        return found.embed_origins if found is not None else ()

    async def names(self) -> Sequence[str]:
        """Every site in force, in order. Raise Unavailable where the documents were never read."""
        return sorted((await self._current()).sites)

    async def _current(self) -> _Loaded:
        """What is in force. Once anything is, a look at storage delays one caller for a moment, and no other at all."""
        loaded = self._loaded
        if loaded is None:
            look = self._look_under_way() or self._start_look()
            done, _ = await asyncio.wait({look}, timeout=self._patience.first)
            if not done:
                raise Unavailable("the sites' documents are still being read")
            return look.result()
        if self._look_under_way() is not None or self._monotonic() - self._looked_at < self._refresh_seconds:
            return loaded
        await asyncio.wait({self._start_look()}, timeout=self._patience.later)
        return self._loaded or loaded

    def _look_under_way(self) -> asyncio.Task[_Loaded] | None:
        return None if self._look is None or self._look.done() else self._look

    def _start_look(self) -> asyncio.Task[_Loaded]:
        self._look = asyncio.create_task(self._look_again(), name="look at the sites' documents")
        # Where nobody waits for it any more, its failure is no news: the next caller looks again.
        self._look.add_done_callback(lambda look: look.cancelled() or look.exception())
        return self._look

    async def _look_again(self) -> _Loaded:
        try:
            async with asyncio.timeout(self._patience.look):
                versions = dict(await self._documents.versions())
                if self._loaded is None or versions != self._loaded.versions:
                    self._loaded = await self._load(versions)
        except (Unavailable, TimeoutError) as error:
            if self._loaded is None:
                raise Unavailable("the sites' documents cannot be read") from error
            log.warning("the sites' documents cannot be read; the last good ones stay in force")
        finally:
            self._looked_at = self._monotonic()
        return self._loaded

    async def _load(self, versions: Mapping[str, str]) -> _Loaded:
        before = self._loaded
        some = asyncio.Semaphore(READS_AT_ONCE)

        async def newest(path: str) -> Site | None:
            name = PurePosixPath(path).stem
            last_good = before.sites.get(name) if before is not None else None
            if before is not None and last_good is not None and before.versions.get(path) == versions[path]:
                return last_good
            async with some:
                text = await self._documents.read(path)
            try:
                # In a thread, so that requests go on while a long document is read and its definitions are compiled.
                return await asyncio.to_thread(parse_site, text, expected=name)
            except InvalidSite as error:
                log.error("%s is not in force: %s", path, error.message)
                return last_good

        sites = [site for site in await asyncio.gather(*map(newest, versions)) if site is not None]
        return _index(versions, {site.site: site for site in sites})


def _index(versions: Mapping[str, str], sites: Mapping[str, Site]) -> _Loaded:
    writers: dict[bytes, Access] = {}
    openers: dict[KeyKind, dict[bytes, frozenset[str]]] = {
        kind: {} for kind in (KeyKind.READ, KeyKind.SHARE, KeyKind.ADMIN)
    }
    for site in sites.values():
        for key in site.keys:
            digest = key.digest
            if (opened := openers.get(key.kind)) is not None:
                opened[digest] = opened.get(digest, frozenset()) | {site.site}
            elif digest in writers:
                log.error(
                    "a write key of site %s is one of site %s too; it names the latter",
                    site.site,
                    writers[digest].site.site,
                )
            else:
                writers[digest] = Access(site, key.kind)
    readers, viewers = openers[KeyKind.READ], openers[KeyKind.SHARE]
    for digest, names in readers.items():
        viewers[digest] = viewers.get(digest, frozenset()) | names
    return _Loaded(versions, sites, writers, readers, viewers, openers[KeyKind.ADMIN])


def _opened(loaded: _Loaded, keys: Mapping[bytes, frozenset[str]], kind: str, key: str | None, site: str) -> Site:
    opened = keys.get(digest_of(key)) if key else None
    if opened is None:
        raise Unauthorized(f"this {kind} key opens no site")
    if site not in opened:
        raise Forbidden(f"this {kind} key does not open the site {site!r}")
    return loaded.sites[site]
