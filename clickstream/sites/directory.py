"""Looks sites up by key, and reloads their documents without a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Protocol, Self

from clickstream.errors import Forbidden, InvalidSite, Unauthorized, Unavailable
from clickstream.model.event import DEFAULT_STREAM
from clickstream.sites.document import KeyKind, Site, digest_of, parse_site
from clickstream.sites.keys import MIN_SECRET_CHARACTERS, key_problems, short_key_problems

log = logging.getLogger(__name__)

READS_AT_ONCE = 16
PARSED_AT_ONCE = 4
MAX_LOGGED_CHARACTERS = 2_000


class SiteDocuments(Protocol):
    """The store of the sites' documents, for the event loop that serves requests."""

    async def versions(self) -> Mapping[str, str]:
        """Path of every document -> a version that changes with its content. Raise Unavailable."""

    async def read(self, path: str) -> bytes:
        """The document's bytes. Raise Unavailable; InvalidSite for more than MAX_DOCUMENT_BYTES."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts in seconds.

    `look` is for the list of documents, `document` for one document; `first` and `later` for a caller that waits before
    and after anything is in force.
    """

    look: float = 20.0
    document: float = 5.0
    first: float = 3.0
    later: float = 0.25


@dataclass(frozen=True, slots=True)
class Access:
    """The site that a key opens, the key's kind, and the stream of its events."""

    site: Site
    kind: KeyKind
    stream: str = DEFAULT_STREAM


@dataclass(frozen=True, slots=True)
class _Document:
    """One document: its last good version if there was one, and the problems of the newest.

    `version` is empty if the document could not be read, so that it is read again at the next reload.
    """

    version: str
    site: Site | None
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Keyring:
    """What each key opens, by the key's digest, so that a look-up compares digests, not secrets."""

    writers: Mapping[bytes, Access]
    readers: Mapping[bytes, frozenset[str]]
    viewers: Mapping[bytes, frozenset[str]]
    admins: Mapping[bytes, frozenset[str]]

    @classmethod
    def of(cls, sites: Iterable[Site]) -> Self:
        """The keys of all sites. If two sites have the same write key, the first site wins."""
        writers: dict[bytes, Access] = {}
        openers: dict[KeyKind, dict[bytes, frozenset[str]]] = {
            kind: {} for kind in (KeyKind.READ, KeyKind.SHARE, KeyKind.ADMIN)
        }
        for site in sites:
            for key in site.keys:
                digest = key.digest
                if (opened := openers.get(key.kind)) is not None:
                    opened[digest] = opened.get(digest, frozenset()) | {site.site}
                else:
                    writers.setdefault(digest, Access(site, key.kind, key.stream or DEFAULT_STREAM))
        readers, viewers = openers[KeyKind.READ], openers[KeyKind.SHARE]
        for digest, names in readers.items():
            viewers[digest] = viewers.get(digest, frozenset()) | names
        return cls(writers, readers, viewers, openers[KeyKind.ADMIN])


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The result of one reload of all documents."""

    documents: Mapping[str, _Document]
    problems: Mapping[str, Sequence[str]]
    sites: Mapping[str, Site]
    keys: _Keyring

    @property
    def lacks_a_site(self) -> bool:
        """Whether a document has no version in force."""
        return any(document.site is None for document in self.documents.values())


class SiteDirectory:
    """All sites, reloaded every `refresh_seconds`. A broken document keeps its last good version in force."""

    def __init__(
        self,
        documents: SiteDocuments,
        refresh_seconds: float,
        monotonic: Callable[[], float],
        patience: Patience | None = None,
        *,
        allow_short_keys: bool = False,
    ) -> None:
        self._documents = documents
        self._refresh_seconds = refresh_seconds
        self._monotonic = monotonic
        self._patience = patience or Patience()
        self._allow_short_keys = allow_short_keys
        self._loaded: _Loaded | None = None
        self._looked_at = 0.0
        self._look: asyncio.Task[_Loaded] | None = None
        self._threads = ThreadPoolExecutor(PARSED_AT_ONCE, thread_name_prefix="sites")

    async def writer(self, key: str | None) -> Access:
        """The site that a write key opens. Raise Unauthorized, the same for a missing, an unknown and a revoked key.

        While any site is not in force, raise Unavailable instead: the key may be that site's, and its events must be
        sent again.
        """
        return (await self.first_writer([key] if key else []))[1]

    async def first_writer(self, keys: Iterable[str]) -> tuple[str, Access]:
        """The first of these keys that opens a site, and what it opens. Raise as `writer` if none does."""
        loaded = await self._current()
        unknown = False
        for key in keys:
            access = loaded.keys.writers.get(digest_of(key))
            if access is not None and (access.kind is KeyKind.PUBLIC or not self._is_short(key)):
                return key, access
            unknown |= access is None
        if unknown and loaded.lacks_a_site:
            raise Unavailable("this write key opens no site that is in force; the documents of some are not")
        raise Unauthorized("this write key opens no site")

    async def reader(self, key: str | None, site: str) -> Site:
        """The site, if the read key opens it. Raise Unauthorized for a key that opens nothing, Forbidden otherwise."""
        loaded = await self._current()
        digest = self._digest(key, "read")
        if digest in loaded.keys.viewers and digest not in loaded.keys.readers:
            raise Forbidden("a share key opens reports alone, and none that tells of single persons")
        return _opened(loaded, loaded.keys.readers, "read", digest, site)

    async def viewer(self, key: str | None, site: str) -> Access:
        """As `reader`, but also for a share key; `kind` says which of the two it is."""
        loaded = await self._current()
        digest = self._digest(key, "read")
        opened = _opened(loaded, loaded.keys.viewers, "read", digest, site)
        return Access(opened, KeyKind.READ if site in loaded.keys.readers.get(digest, ()) else KeyKind.SHARE)

    async def opened(self, key: str | None) -> Sequence[Access]:
        """Every site that the read or share key opens, sorted. Raise Unauthorized for a key that opens nothing."""
        loaded = await self._current()
        digest = self._digest(key, "read")
        names = loaded.keys.viewers.get(digest)
        if names is None:
            raise Unauthorized("this read key opens no site")
        read = loaded.keys.readers.get(digest, frozenset())
        return [Access(loaded.sites[name], KeyKind.READ if name in read else KeyKind.SHARE) for name in sorted(names)]

    async def admin(self, key: str | None, site: str) -> Site:
        """The site, if the admin key opens it. Raise as `reader` does."""
        loaded = await self._current()
        return _opened(loaded, loaded.keys.admins, "admin", self._digest(key, "admin"), site)

    async def allows_origin(self, origin: str) -> bool:
        """Whether any site accepts events from pages of this origin. Raise Unavailable."""
        return any(site.allows_origin(origin) for site in (await self._current()).sites.values())

    async def origins(self) -> Mapping[str, Sequence[str]]:
        """By site, the origins that its document names. Raise Unavailable."""
        return {name: site.origins for name, site in (await self._current()).sites.items()}

    async def framed_by(self, site: str) -> Sequence[str]:
        """The origins whose pages may frame the site's shared dashboard; none of an unknown site. Raise Unavailable."""
        document = (await self._current()).sites.get(site)
        return document.embed_origins if document is not None else ()

    async def names(self) -> Sequence[str]:
        """Every site in force, sorted. Raise Unavailable if the documents were never read."""
        return sorted((await self._current()).sites)

    async def in_force(self) -> Mapping[str, Site]:
        """Every site in force, by name. Raise Unavailable if the documents were never read."""
        return (await self._current()).sites

    async def administered(self, key: str | None) -> Mapping[str, Sequence[str]]:
        """Every site that the admin key opens -> the problems of its document. Raise Unauthorized for a key that opens
        none.
        """
        loaded = await self._current()
        names = loaded.keys.admins.get(self._digest(key, "admin"))
        if names is None:
            raise Unauthorized("this admin key opens no site")
        problems = {PurePosixPath(path).stem: lines for path, lines in loaded.problems.items()}
        return {name: problems.get(name, ()) for name in sorted(names)}

    async def problems(self) -> Mapping[str, Sequence[str]]:
        """Problems that an operator must fix, by the document's path. Raise Unavailable if none was ever read."""
        return (await self._current()).problems

    async def _current(self) -> _Loaded:
        """What is in force. Once anything is, a reload delays one caller by `patience.later` at most, and no other."""
        loaded = self._loaded
        if loaded is None:
            look = self._look_under_way() or self._start_look()
            finished, _ = await asyncio.wait({look}, timeout=self._patience.first)
            if not finished:
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
        # If no caller waits for it any more, its exception is ignored: the next caller reloads again.
        self._look.add_done_callback(lambda look: look.cancelled() or look.exception())
        return self._look

    async def _look_again(self) -> _Loaded:
        try:
            async with asyncio.timeout(self._patience.look):
                versions = dict(await self._documents.versions())
            before = self._loaded.documents if self._loaded is not None else {}
            if self._loaded is None or versions != {path: document.version for path, document in before.items()}:
                self._loaded = self._indexed(await self._load(versions, before))
        except (Unavailable, TimeoutError) as error:
            if self._loaded is None:
                raise Unavailable("the sites' documents cannot be read") from error
            log.warning("the sites' documents cannot be read; the last good ones stay in force")
        finally:
            self._looked_at = self._monotonic()
        return self._loaded

    async def _load(self, versions: Mapping[str, str], before: Mapping[str, _Document]) -> Mapping[str, _Document]:
        """Read every new document, each on its own, so that a broken or slow one delays no other."""
        slots = asyncio.Semaphore(READS_AT_ONCE)

        async def newest(path: str) -> _Document:
            previous = before.get(path)
            if previous is not None and previous.version == versions[path]:
                return previous
            async with slots:
                return await self._read(path, versions[path], previous.site if previous is not None else None)

        documents = dict(zip(versions, await asyncio.gather(*map(newest, versions)), strict=True))
        if not before and documents and not any(document.version for document in documents.values()):
            raise Unavailable("none of the sites' documents can be read")
        return documents

    async def _read(self, path: str, version: str, last_good: Site | None) -> _Document:
        try:
            async with asyncio.timeout(self._patience.document):
                text = await self._documents.read(path)
                # In a separate thread pool, so that requests go on while a long document is parsed and its definitions
                # are compiled, and so that parsing does not queue behind other work of the process.
                work = partial(parse_site, text, expected=PurePosixPath(path).stem)
                site = await asyncio.get_running_loop().run_in_executor(self._threads, work)
                return _Document(version, site)
        except InvalidSite as error:
            log.error("%s is not in force: %s", path, error.message[:MAX_LOGGED_CHARACTERS])
            return _Document(version, last_good, error.problems)
        except TimeoutError:
            problem = f"cannot be read within {self._patience.document:g} s"
        except Unavailable as error:
            problem = error.message
        log.error("%s is not in force: %s; it is read again at the next look", path, problem)
        return _Document("", last_good, (problem,))

    def _indexed(self, documents: Mapping[str, _Document]) -> _Loaded:
        sites = {document.site.site: document.site for document in documents.values() if document.site is not None}
        problems = {path: list(document.problems) for path, document in documents.items() if document.problems}
        paths = {document.site.site: path for path, document in documents.items() if document.site is not None}
        among = key_problems(sites.values())
        if not self._allow_short_keys:
            among += short_key_problems(sites.values())
        for site, problem in among:
            log.error("%s: %s", paths[site], problem)
            problems.setdefault(paths[site], []).append(problem)
        return _Loaded(documents, problems, sites, _Keyring.of(sites.values()))

    def _digest(self, key: str | None, kind: str) -> bytes:
        """The digest of a secret key that a caller sent. Raise Unauthorized for none, and for one that is too short."""
        if not key:
            raise Unauthorized(f"this {kind} key opens no site")
        if self._is_short(key):
            raise Unauthorized(f"a key of kind {kind} has at least {MIN_SECRET_CHARACTERS} characters")
        return digest_of(key)

    def _is_short(self, key: str) -> bool:
        """Whether a key that a caller sent is too short for a secret; a stored digest does not show the length."""
        return len(key) < MIN_SECRET_CHARACTERS and not self._allow_short_keys


def _opened(loaded: _Loaded, keys: Mapping[bytes, frozenset[str]], kind: str, digest: bytes, site: str) -> Site:
    opened = keys.get(digest)
    if opened is None:
        raise Unauthorized(f"this {kind} key opens no site")
    if site not in opened:
        raise Forbidden(f"this {kind} key does not open the site {site!r}")
    return loaded.sites[site]
