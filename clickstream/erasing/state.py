"""What erasures keep in the lake: who was erased (as digests), an erasure under way, receipts. Never an id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clickstream.erasing.erased import Erased, ErasureKeys
from clickstream.erasing.person import Person
from clickstream.erasing.receipt import canonical
from clickstream.errors import Conflict, NotFound, Unavailable
from clickstream.lake.blobs import Blobs

ERASED = "state/erased.json"
UNDER_WAY = "state/erasing/"
RECEIPTS = "receipts/"
TRIES_AFTER_CONFLICT = 20


class ErasureState:
    """Documents in the lake's container."""

    def __init__(self, lake: Blobs, keys: ErasureKeys) -> None:
        self._lake = lake
        self._keys = keys

    def erased(self) -> Erased:
        """Who was erased so far. Raise Unavailable."""
        blob = self._lake.read(ERASED)
        return Erased(self._keys) if blob is None else Erased.from_json(json.loads(blob.data), self._keys)

    def note(self, person: Person) -> None:
        """From now on what arrives late of the person is not taken in. Raise Unavailable."""
        for _ in range(TRIES_AFTER_CONFLICT):
            blob = self._lake.read(ERASED)
            before = Erased(self._keys) if blob is None else Erased.from_json(json.loads(blob.data), self._keys)
            after = canonical(before.with_person(person).to_json())
            try:
                if blob is None:
                    self._lake.create(ERASED, after)
                else:
                    self._lake.replace(blob, after)
                return
            except Conflict:
                continue
        raise Unavailable(f"others changed {ERASED} {TRIES_AFTER_CONFLICT} times")

    def under_way(self, name: str) -> Mapping[str, Any] | None:
        """What an erasure that did not come to its end has kept. Raise Unavailable."""
        blob = self._lake.read(f"{UNDER_WAY}{name}.json")
        document: Mapping[str, Any] | None = None if blob is None else json.loads(blob.data)
        return document

    def keep_under_way(self, name: str, document: Mapping[str, Any]) -> None:
        """Keep how far an erasure is. Raise Unavailable."""
        self._lake.write(f"{UNDER_WAY}{name}.json", canonical(document))

    def end(self, name: str, receipt: Mapping[str, Any]) -> str:
        """Keep the receipt and forget how far the erasure was. Returns the receipt's path. Raise Unavailable."""
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
