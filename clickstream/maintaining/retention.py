"""How long each site keeps its rows, told by its document."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Protocol

from clickstream.errors import InvalidSite
from clickstream.sites.document import parse_site

log = logging.getLogger(__name__)


class Document(Protocol):
    """One document as it was read."""

    @property
    def text(self) -> bytes: ...


class Documents(Protocol):
    """The sites' documents."""

    def versions(self) -> Mapping[str, str]:
        """Path of every document and its version. Raise Unavailable."""

    def fetch(self, path: str) -> Document:
        """Read one. Raise Unavailable."""


def retention_days(documents: Documents) -> Mapping[str, int]:
    """Days that rows are kept, by site; a site that names no limit, or whose document is broken, is not in it.

    Raise Unavailable.
    """
    found: dict[str, int] = {}
    for path in documents.versions():
        try:
            site = parse_site(documents.fetch(path).text, expected=PurePosixPath(path).stem)
        except InvalidSite as problem:
            log.warning("%s cannot be read, so its site keeps all its rows: %s", path, problem.message)
            continue
        if site.retention_days is not None:
            found[site.site] = site.retention_days
    return found
