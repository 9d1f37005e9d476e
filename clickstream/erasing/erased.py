"""The suppression list: erased ids as digests that only the operator's key can compute, so that late events of erased
persons are left out.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.capture.marks import Marks
from clickstream.erasing.naming import named_in
from clickstream.erasing.person import Person, happened_at
from clickstream.model.schema import TIMESTAMP

Kind = Literal["user_id", "anonymous_id"]
# The kinds of ids that a column may hold; the former id of an alias may be of either kind.
_COLUMNS: Mapping[str, tuple[Kind, ...]] = {
    "user_id": ("user_id",),
    "anonymous_id": ("anonymous_id",),
    "previous_id": ("user_id", "anonymous_id"),
}
_LABEL = b"clickstream/erasure/v1/"


@dataclass(frozen=True, slots=True)
class ErasureKeys:
    """Keys derived from the operator's secret: for digests of ids, signatures of receipts, and marks."""

    digests: bytes = field(repr=False)
    receipts: bytes = field(repr=False)
    marks: Marks

    @classmethod
    def derive(cls, secret: str) -> ErasureKeys:
        """Derive all keys from the secret."""
        digests, receipts, marks = (
            hmac.digest(secret.encode(), _LABEL + use, sha256) for use in (b"digests", b"receipts", b"marks")
        )
        return cls(digests, receipts, Marks(marks))

    def digest(self, site: str, kind: str, id: str) -> str:
        """128 bits in hex, the same for the same site, kind and id."""
        content = b"\0".join(text.encode("utf-8", "surrogatepass") for text in (site, kind, id))
        return hmac.digest(self.digests, content, sha256).hex()[:32]

    def digests_of(self, person: Person) -> Sequence[str]:
        """The digests of all ids of a person, as `digest` writes them, sorted."""
        kinds: dict[Kind, frozenset[str]] = {"user_id": person.user_ids, "anonymous_id": person.anonymous_ids}
        return sorted(self.digest(person.site, kind, id) for kind, ids in kinds.items() for id in ids)


@dataclass(frozen=True, slots=True)
class Erased:
    """The suppression list: `sites` maps a site to digests of erased ids, and each to the moment of its erasure."""

    keys: ErasureKeys = field(repr=False)
    sites: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Mapping[str, Any], keys: ErasureKeys) -> Erased:
        """The inverse of `to_json`."""
        sites = {
            site: {digest: datetime.fromisoformat(at) for digest, at in digests.items()}
            for site, digests in document["sites"].items()
        }
        return cls(keys, sites)

    def to_json(self) -> Mapping[str, Any]:
        """The document that stores the list."""
        return {
            "sites": {
                site: {digest: at.isoformat() for digest, at in digests.items()} for site, digests in self.sites.items()
            }
        }

    def with_person(self, person: Person) -> Erased:
        """The list with one more person. An id that is listed already gets the later of the two moments."""
        erased_before = self.sites.get(person.site, {})
        digests = self.keys.digests_of(person)
        added = {digest: max(person.until, erased_before.get(digest, person.until)) for digest in digests}
        return Erased(self.keys, {**self.sites, person.site: {**erased_before, **added}})

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over events: true for an erased person's event from before the erasure."""
        mask = _nowhere(rows)
        for site, digests in self.sites.items():
            early = pc.less_equal(happened_at(rows), pa.scalar(max(digests.values()), TIMESTAMP))
            suspects = rows.filter(pc.fill_null(pc.and_(pc.equal(rows["site"], site), early), False))
            if not suspects.num_rows:
                continue
            ids = (
                (kind, id)
                for column, kinds in _COLUMNS.items()
                for id in pc.unique(suspects[column]).drop_null().to_pylist()
                for kind in kinds
            )
            for person in _persons(site, digests, ids, self.keys):
                mask = pc.or_(mask, person.in_events(rows))
        return mask

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over failed events: true for one that names an erased person and is from before the erasure."""
        mask = _nowhere(rows)
        for site, digests in self.sites.items():
            early = pc.less_equal(rows["received_at"], pa.scalar(max(digests.values()), TIMESTAMP))
            here = pc.or_kleene(pc.is_null(rows["site"]), pc.equal(rows["site"], site))
            suspects = rows.filter(pc.fill_null(pc.and_kleene(here, early), False))
            pairs = zip(suspects["payload"].to_pylist(), suspects["seen"].to_pylist(), strict=True)
            candidates = {id for payload, seen in pairs for id in named_in(payload, seen).candidates()}
            ids = ((kind, id) for id in candidates for kind in _COLUMNS["previous_id"])
            for person in _persons(site, digests, ids, self.keys):
                mask = pc.or_(mask, person.in_failed(rows))
        return mask


def _persons(
    site: str, digests: Mapping[str, datetime], candidates: Iterable[tuple[Kind, str]], keys: ErasureKeys
) -> Sequence[Person]:
    """The erased ones of these ids, as persons; ids that were erased at the same moment form one person."""
    by_moment: dict[datetime, dict[Kind, set[str]]] = {}
    for kind, id in candidates:
        if (at := digests.get(keys.digest(site, kind, id))) is not None:
            by_moment.setdefault(at, {"user_id": set(), "anonymous_id": set()})[kind].add(id)
    return [
        Person(site, frozenset(ids["user_id"]), frozenset(ids["anonymous_id"]), at) for at, ids in by_moment.items()
    ]


def _nowhere(rows: pa.Table) -> pa.ChunkedArray:
    return pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
