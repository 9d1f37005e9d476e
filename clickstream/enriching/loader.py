"""Enrichment by the files in the config container: an operator's lists and places database, the sites' documents."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.enriching.agent_lists import NO_RULES, AgentRules, read_agent_rules
from clickstream.enriching.places import Places
from clickstream.enriching.sources import SourceList, read_sources
from clickstream.enriching.steps import STEPS, Knowledge, Step, enrich
from clickstream.enriching.unusable import Unusable
from clickstream.errors import InvalidSite, Unavailable
from clickstream.sites.document import Site, parse_site
from clickstream.storage.blobs import Container
from clickstream.storage.site_documents import PREFIX, SUFFIX, EditableBlobSiteDocuments

log = logging.getLogger(__name__)
Document = TypeVar("Document")
FOLDER = "enrichment/"
# A cached database this much older than the newest is deleted. Processes that still read it hold the file open.
CACHE_SECONDS = 7 * 86_400
SOURCES, AGENTS, PLACES = f"{FOLDER}sources.yaml", f"{FOLDER}agents.yaml", f"{FOLDER}city.mmdb"


class Enrichment:
    """Enriches rows by the files that are in the container at first use. Make a new instance for each run.

    A file that cannot be used is logged as an error and left out, so that events never wait for it.
    """

    def __init__(self, config: Container, steps: tuple[Step, ...] = STEPS, cache: Path | None = None) -> None:
        """The places database is cached in the folder `cache`, one file per version."""
        self._steps = steps
        self._config = config
        self._documents = EditableBlobSiteDocuments(config)
        self._cache = cache or Path(tempfile.gettempdir()) / "clickstream-places"
        self._lists: tuple[SourceList, AgentRules, Places | None] | None = None
        self._documented: frozenset[str] = frozenset()
        self._sites: dict[str, Site | None] = {}

    def enrich(self, rows: pa.Table) -> pa.Table:
        """The rows with the derived columns. Raise Unavailable."""
        return enrich(rows, self.knowledge(pc.unique(rows["site"]).to_pylist()), self._steps)

    def knowledge(self, sites: list[str]) -> Knowledge:
        """The lists, and the rules of these sites. Raise Unavailable."""
        if self._lists is None:
            versions = {blob.path: blob.version for blob in self._config.list(FOLDER)}
            self._documented = frozenset(blob.path for blob in self._config.list(PREFIX))
            self._lists = self._source_list(versions), self._agent_rules(versions), self._places(versions)
        sources, agents, places = self._lists
        documents = {name: self._site(name) for name in sites}
        return Knowledge(sources, agents, {name: site for name, site in documents.items() if site is not None}, places)

    def _site(self, name: str) -> Site | None:
        path = f"{PREFIX}{name}{SUFFIX}"
        if name not in self._sites and path in self._documented:
            try:
                self._sites[name] = parse_site(self._documents.fetch(path).text, expected=name)
            except InvalidSite as problem:
                log.error("%s cannot be used, so its rules of sources are left out: %s", path, problem.message)
                self._sites[name] = None
        return self._sites.get(name)

    def _source_list(self, versions: Mapping[str, str]) -> SourceList:
        return self._document(SOURCES, versions, read_sources) or read_sources()

    def _agent_rules(self, versions: Mapping[str, str]) -> AgentRules:
        return self._document(AGENTS, versions, read_agent_rules) or NO_RULES

    def _document(self, path: str, versions: Mapping[str, str], read: Callable[[bytes], Document]) -> Document | None:
        if path not in versions:
            return None
        try:
            return read(self._read(path))
        except Unusable as problem:
            log.error("%s cannot be used and is left out: %s", path, problem)
            return None

    def _places(self, versions: Mapping[str, str]) -> Places | None:
        if PLACES not in versions:
            return None
        file = self._cache / f"{sha256(versions[PLACES].encode()).hexdigest()[:32]}.mmdb"
        if not file.exists():
            self._keep(file, self._read(PLACES))
        try:
            return Places(file)
        except Unusable as problem:
            log.error("%s cannot be used and is left out: %s", PLACES, problem)
            return None
        except OSError as error:
            raise Unavailable(f"{PLACES} cannot be opened: {error}") from error

    def _keep(self, file: Path, data: bytes) -> None:
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as temporary:
                temporary.write(data)
            Path(temporary.name).replace(file)
            for stale in self._cache.glob("*"):
                if stale.stat().st_mtime < file.stat().st_mtime - CACHE_SECONDS:
                    stale.unlink()
        except FileNotFoundError:  # another process has just cleaned up
            pass
        except OSError as error:
            raise Unavailable(f"{PLACES} cannot be cached: {error}") from error

    def _read(self, path: str) -> bytes:
        blob = self._config.read(path)
        if blob is None:
            raise Unavailable(f"{path} is no longer there")
        return blob.data
