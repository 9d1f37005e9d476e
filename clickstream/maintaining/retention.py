"""Reads from the sites' documents how long each site keeps its rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import PurePosixPath

from clickstream.errors import InvalidSite
from clickstream.sites.document import parse_site
from clickstream.storage.site_documents import EditableBlobSiteDocuments

log = logging.getLogger(__name__)


def retention_days(documents: EditableBlobSiteDocuments) -> Mapping[str, int]:
    """Days of retention by site, without sites that set no limit or whose document is invalid. Raise Unavailable."""
    days: dict[str, int] = {}
    for path in documents.versions():
        try:
            site = parse_site(documents.fetch(path).text, expected=PurePosixPath(path).stem)
        except InvalidSite as problem:
            log.warning("%s cannot be read, so its site keeps all its rows: %s", path, problem.message)
            continue
        if site.retention_days is not None:
            days[site.site] = site.retention_days
    return days
