"""The erasures' documents in the lake: the suppression list (digests), erasures in progress, receipts. Never an id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from clickstream.erasing.erased import Erased, ErasureKeys
from clickstream.erasing.person import Person
from clickstream.erasing.progress import UnderWay
from clickstream.erasing.receipt import canonical
from clickstream.errors import NotFound
from clickstream.retrying import retry_on_conflict
from clickstream.storage.blobs import Blob, Container

ERASED = "state/erased.json"
UNDER_WAY = "state/erasing/"
RECEIPTS = "receipts/"

_UNDER_WAY = TypeAdapter(UnderWay)


class ErasureState:
    """Reads and writes these documents in the lake's container."""

    def __init__(self, lake: Container, keys: ErasureKeys) -> None:
        self._lake = lake
        self._keys = keys

    def erased(self) -> Erased:
        """The suppression list. Raise Unavailable."""
        return self._erased_in(self._lake.read(ERASED))

    def _erased_in(self, blob: Blob | None) -> Erased:
        return Erased(self._keys) if blob is None else Erased.from_json(json.loads(blob.data), self._keys)

    def note(self, person: Person) -> None:
        """Add the person to the suppression list; from now on the person's late events are left out.

        Raise Unavailable.
        """

        def add() -> None:
            blob = self._lake.read(ERASED)
            after = canonical(self._erased_in(blob).with_person(person).to_json())
            self._lake.write_if(ERASED, after, None if blob is None else blob.version)

        retry_on_conflict(add, ERASED)

    def under_way(self, name: str) -> UnderWay | None:
        """The saved progress of an interrupted erasure; None if there is none. Raise Unavailable."""
        blob = self._lake.read(f"{UNDER_WAY}{name}.json")
        return None if blob is None else _UNDER_WAY.validate_json(blob.data)

    def keep_under_way(self, name: str, erasure: UnderWay) -> None:
        """Save the progress of an erasure. Raise Unavailable."""
        self._lake.write(f"{UNDER_WAY}{name}.json", canonical(asdict(erasure)))

    def end(self, name: str, receipt: Mapping[str, Any]) -> str:
        """Store the receipt and delete the saved progress. Returns the receipt's path. Raise Unavailable."""
        path = f"{RECEIPTS}{receipt['site']}/{receipt['erasure_id']}.json"
        self._lake.write(path, canonical(receipt))
        self._lake.delete(f"{UNDER_WAY}{name}.json")
        return path

    def receipt(self, path: str) -> Mapping[str, Any]:
        """A receipt by its path in the lake. Raise NotFound, Unavailable."""
        blob = self._lake.read(path)
        if blob is None:
            raise NotFound(f"there is no receipt {path!r}")
        document: Mapping[str, Any] = json.loads(blob.data)
        return document


def erasures_in(lake: Container) -> str:
    """A text that differs after each beginning and each end of an erasure. Raise Unavailable."""
    noted = lake.head(ERASED)
    under_way = [blob.path for blob in lake.list(UNDER_WAY)]
    return " ".join(["" if noted is None else noted.version, *under_way])
