"""Looks up country, region and city of an address in the MaxMind database that the operator supplies."""

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
    """Looks networks up. Keeps the file open."""

    def __init__(self, database: Path) -> None:
        """Raise Unusable if the file is not a MaxMind database, OSError if there is none."""
        try:
            self._reader = maxminddb.open_database(database)
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            raise Unusable([f"no MaxMind database: {error}"]) from None

    @property
    def version(self) -> str:
        """The database's type and build time, in seconds since 1970: `type@seconds`."""
        metadata = self._reader.metadata()
        return f"{metadata.database_type}@{metadata.build_epoch}"

    def of(self, address: str) -> Place:
        """The place of an address, or of a network by its first address; NOWHERE if it is unknown."""
        try:
            entry: Any = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):  # no address, or a damaged entry
            return NOWHERE
        if not isinstance(entry, Mapping):
            return NOWHERE
        country = _text(entry, "country", "iso_code")
        regions = entry.get("subdivisions")
        region = _text(regions[0], "iso_code") if isinstance(regions, list) and regions else None
        whole = f"{country}-{region}" if country and region else None
        return Place(country, whole, _text(entry, "city", "names", "en"))


def _text(value: Any, *path: str) -> str | None:
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value if isinstance(value, str) and value else None
