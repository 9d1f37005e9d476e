"""Country, region and city of an address, by the MaxMind database that the operator supplies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb

from clickstream.enriching.unusable import Unusable


class Place(NamedTuple):
    """Where a network is: ISO 3166-1 country, ISO 3166-2 region, the city's English name."""

    country: str | None = None
    region: str | None = None
    city: str | None = None


NOWHERE = Place()


class Places:
    """Looks networks up. Opens the file for as long as it lives."""

    def __init__(self, database: Path) -> None:
        """Raise Unusable for a file that is no such database, OSError for none at all."""
        try:
            self._reader = maxminddb.open_database(database)
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            raise Unusable([f"no MaxMind database: {error}"]) from None

    @property
    def version(self) -> str:
        """The database's kind and when it was made, in seconds since 1970."""
        metadata = self._reader.metadata()
        return f"{metadata.database_type}@{metadata.build_epoch}"

    def of(self, address: str) -> Place:
        """The place of an address, or of a network by its first address; empty where nothing is known."""
        try:
            found: Any = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):  # no address, or a damaged entry
            return NOWHERE
        if not isinstance(found, Mapping):
            return NOWHERE
        country = _text(found, "country", "iso_code")
        regions = found.get("subdivisions")
        region = _text(regions[0], "iso_code") if isinstance(regions, list) and regions else None
        whole = f"{country}-{region}" if country and region else None
        return Place(country, whole, _text(found, "city", "names", "en"))


def _text(found: Any, *path: str) -> str | None:
    for step in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found if isinstance(found, str) and found else None
