"""Which site a key belongs to, kept fresh from the sites' documents without a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Protocol

from clickstream.errors import Forbidden, InvalidSite, Unauthorized, Unavailable
from clickstream.sites.document import KeyKind, Site, parse_site

log = logging.getLogger(__name__)


class SiteDocuments(Protocol):
    """Where the documents are kept."""

    async def versions(self) -> Mapping[str, str]:
        """Path of every document -> a word that changes with its content. Raise Unavailable."""

    async def read(self, path: str) -> bytes:
        """The document's bytes. Raise Unavailable."""


@dataclass(frozen=True, slots=True)
class WriteAccess:
    """What a write key opens."""

    site: Site
    kind: KeyKind


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One look at all documents. Keys are kept as digests, so that a look-up compares digests, not secrets."""

    versions: Mapping[str, str]
    sites: Mapping[str, Site]
    writers: Mapping[bytes, WriteAccess]
    readers: Mapping[bytes, frozenset[str]]


class SiteDirectory:
    """All sites, looked at again every `refresh_seconds`. A broken document keeps its last good version in force."""

    def __init__(self, documents: SiteDocuments, refresh_seconds: float, monotonic: Callable[[], float]) -> None:
        self._documents = documents
        self._refresh_seconds = refresh_seconds
        self._monotonic = monotonic
        self._loaded: _Loaded | None = None
        self._looked_at = 0.0
        self._looking = asyncio.Lock()

    async def writer(self, key: str | None) -> WriteAccess:
        """The site a write key names. Raise Unauthorized, alike for a missing, an unknown and a revoked key."""
        access = (await self._current()).writers.get(_digest(key)) if key else None
        if access is None:
            raise Unauthorized("this write key opens no site")
        return access

    async def reader(self, key: str | None, site: str) -> Site:
        """The site, if the read key opens it. Raise Unauthorized for a key that opens nothing, Forbidden otherwise."""
        loaded = await self._current()
        readable = loaded.readers.get(_digest(key)) if key else None
        if readable is None:
            raise Unauthorized("this read key opens no site")
        if site not in readable:
            raise Forbidden(f"this read key does not open the site {site!r}")
        return loaded.sites[site]

    async def allows_origin(self, origin: str) -> bool:
        """Whether any site takes events from pages of this origin. Raise Unavailable."""
        return any(site.allows_origin(origin) for site in (await self._current()).sites.values())

    async def names(self) -> Sequence[str]:
        """Every site in force, in order. Raise Unavailable where the documents were never read."""
        return sorted((await self._current()).sites)

    async def _current(self) -> _Loaded:
        fresh = self._monotonic() - self._looked_at < self._refresh_seconds
        if self._loaded is not None and (fresh or self._looking.locked()):
            return self._loaded
        async with self._looking:
            if self._loaded is None or self._monotonic() - self._looked_at >= self._refresh_seconds:
                await self._look()
        assert self._loaded is not None, "_look loads or raises"
        return self._loaded

    async def _look(self) -> None:
        try:
            versions = dict(await self._documents.versions())
            if self._loaded is None or versions != self._loaded.versions:
                self._loaded = await self._load(versions)
        except Unavailable:
            if self._loaded is None:
                raise
            log.warning("the sites' documents cannot be read; the last good ones stay in force")
        self._looked_at = self._monotonic()

    async def _load(self, versions: Mapping[str, str]) -> _Loaded:
        before = self._loaded
        sites: dict[str, Site] = {}
        for path in versions:
            name = PurePosixPath(path).stem
            if before is not None and name in before.sites and before.versions.get(path) == versions[path]:
                sites[name] = before.sites[name]
                continue
            try:
                sites[name] = parse_site(await self._documents.read(path), expected=name)
            except InvalidSite as error:
                log.error("%s is not in force: %s", path, error.message)
                if before is not None and name in before.sites:
                    sites[name] = before.sites[name]
        return _index(versions, sites)


def _index(versions: Mapping[str, str], sites: Mapping[str, Site]) -> _Loaded:
    writers: dict[bytes, WriteAccess] = {}
    readers: dict[bytes, frozenset[str]] = {}
    for site in sites.values():
        for key in site.keys:
            digest = _digest(key.key)
            if key.kind is KeyKind.READ:
                readers[digest] = readers.get(digest, frozenset()) | {site.site}
            elif digest in writers:
                log.error(
                    "a write key of site %s is one of site %s too; it names the latter",
                    site.site,
                    writers[digest].site.site,
                )
            else:
                writers[digest] = WriteAccess(site, key.kind)
    return _Loaded(versions, sites, writers, readers)


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()
