"""What operators supply for enrichment, in the config container: lists, places, the sites' documents."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
import pyarrow as pa
import pyarrow.compute as pc
from obstore.exceptions import BaseError

from clickstream.enriching.places import Places
from clickstream.enriching.sources import SourceList, read_sources
from clickstream.enriching.steps import STEPS, Knowledge, Step, enrich
from clickstream.enriching.unusable import Unusable
from clickstream.errors import InvalidSite, Unavailable
from clickstream.lake.site_documents import PREFIX, SUFFIX, EditableBlobSiteDocuments
from clickstream.sites.document import Site, parse_site

if TYPE_CHECKING:
    from obstore.store import AzureStore

log = logging.getLogger(__name__)
FOLDER = "enrichment/"
# Whoever still reads a database that is older keeps it open, so its file can go.
KEPT_SECONDS = 7 * 86_400
SOURCES, PLACES = f"{FOLDER}sources.yaml", f"{FOLDER}city.mmdb"


class Enrichment:
    """Enriches rows by what lies in the container when it is first asked; made anew for each run.

    What an operator supplied and cannot be used is told in the log and left out, so that events never wait for it.
    """

    def __init__(self, config: AzureStore, steps: tuple[Step, ...] = STEPS, cache: Path | None = None) -> None:
        """The database of places is kept in the folder `cache`, by version."""
        self._steps = steps
        self._config = config
        self._documents = EditableBlobSiteDocuments(config)
        self._cache = cache or Path(tempfile.gettempdir()) / "clickstream-places"
        self._lists: tuple[SourceList, Places | None] | None = None
        self._documented: frozenset[str] = frozenset()
        self._sites: dict[str, Site | None] = {}

    def enrich(self, rows: pa.Table) -> pa.Table:
        """The rows with the derived columns. Raise Unavailable."""
        return enrich(rows, self.knowledge(pc.unique(rows["site"]).to_pylist()), self._steps)

    def knowledge(self, sites: list[str]) -> Knowledge:
        """The lists, and the rules of these sites. Raise Unavailable."""
        if self._lists is None:
            versions = self._listed(FOLDER)
            self._documented = frozenset(self._listed(PREFIX))
            self._lists = self._source_list(versions), self._places(versions)
        sources, places = self._lists
        found = {name: self._site(name) for name in sites}
        return Knowledge(sources, {name: site for name, site in found.items() if site is not None}, places)

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
        if SOURCES not in versions:
            return read_sources()
        try:
            return read_sources(self._read(SOURCES))
        except Unusable as problem:
            log.error("%s cannot be used and is left out: %s", SOURCES, problem)
            return read_sources()

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
            with tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as beside:
                beside.write(data)
            Path(beside.name).replace(file)
            for old in self._cache.glob("*"):
                if old.stat().st_mtime < file.stat().st_mtime - KEPT_SECONDS:
                    old.unlink()
        except FileNotFoundError:  # another process cleared up at this moment
            pass
        except OSError as error:
            raise Unavailable(f"{PLACES} cannot be kept: {error}") from error

    def _listed(self, prefix: str) -> Mapping[str, str]:
        """Path and ETag of every blob under a prefix."""
        try:
            return {blob["path"]: blob["e_tag"] or "" for blob in obstore.list(self._config, prefix).collect()}
        except (BaseError, OSError) as error:
            if "ContainerNotFound" in str(error):  # nobody has supplied anything yet
                return {}
            raise Unavailable(f"what enrichment needs cannot be listed: {error}") from error

    def _read(self, path: str) -> bytes:
        try:
            return bytes(obstore.get(self._config, path).bytes())
        except (BaseError, OSError) as error:
            raise Unavailable(f"{path} cannot be read: {error}") from error
