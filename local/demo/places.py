"""A small database of places, made up: a network of the range for documentation (RFC 3849) for each of some cities."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]


@dataclass(frozen=True, slots=True)
class City:
    """A city with its country (ISO 3166-1), region, and what people there speak and pay with."""

    country: str
    region: str
    name: str
    language: str
    currency: str
    share: int

    @property
    def network(self) -> str:
        """The first 48 bits of its addresses, as many as are stored."""
        return f"2001:db8:{CITIES.index(self) + 1:x}"

    def address(self, random: Random) -> str:
        """Any address in the city."""
        return f"{self.network}::{random.randrange(1, 2**16):x}"


CITIES = (
    City("DE", "BE", "Berlin", "de-DE", "EUR", 18),
    City("DE", "HH", "Hamburg", "de-DE", "EUR", 11),
    City("DE", "BY", "Munich", "de-DE", "EUR", 10),
    City("AT", "9", "Vienna", "de-AT", "EUR", 8),
    City("CH", "ZH", "Zurich", "de-CH", "CHF", 8),
    City("FR", "IDF", "Paris", "fr-FR", "EUR", 8),
    City("NL", "NH", "Amsterdam", "nl-NL", "EUR", 5),
    City("GB", "ENG", "London", "en-GB", "GBP", 9),
    City("IT", "25", "Milan", "it-IT", "EUR", 4),
    City("ES", "MD", "Madrid", "es-ES", "EUR", 4),
    City("US", "NY", "New York", "en-US", "USD", 8),
    City("US", "CA", "San Francisco", "en-US", "USD", 4),
    City("JP", "13", "Tokyo", "ja-JP", "USD", 2),
    City("BR", "SP", "Sao Paulo", "pt-BR", "USD", 1),
)


def database() -> bytes:
    """The database, in MaxMind's format."""
    writer = MMDBWriter(ip_version=6, database_type="Demo-City", languages=["en"])
    for city in CITIES:
        entry = {
            "country": {"iso_code": city.country},
            "subdivisions": [{"iso_code": city.region}],
            "city": {"names": {"en": city.name}},
        }
        writer.insert_network(IPSet([f"{city.network}::/48"]), entry)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "city.mmdb"
        writer.to_db_file(os.fspath(path))
        return path.read_bytes()
