"""Who was erased, as digests that only the operator's key can make: what arrives late of them is not taken in."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing.naming import named_in
from clickstream.erasing.person import Person, happened_at
from clickstream.lake.schema import TIMESTAMP

Kind = Literal["user_id", "anonymous_id"]
# What is left of an erased event in a captured file: its number, so that numbers still show what is missing, and what
# the book-keeping asks for.
_MARK = b'{"erased":true'
_COUNTED = ("site", "received_at", "request_accepted", "request_failed")
# Which ids a column may hold; the other id of an alias is of either kind.
_COLUMNS: Mapping[str, tuple[Kind, ...]] = {
    "user_id": ("user_id",),
    "anonymous_id": ("anonymous_id",),
    "previous_id": ("user_id", "anonymous_id"),
}
_LABEL = b"clickstream/erasure/v1/"


@dataclass(frozen=True, slots=True)
class ErasureKeys:
    """Keys derived from the operator's secret: one for digests of ids, one for signatures of receipts."""

    digests: bytes = field(repr=False)
    receipts: bytes = field(repr=False)

    @classmethod
    def derive(cls, secret: str) -> ErasureKeys:
        """Both keys; another secret gives others."""
        return cls(*(hmac.digest(secret.encode(), _LABEL + use, sha256) for use in (b"digests", b"receipts")))

    def digest(self, site: str, kind: str, id: str) -> str:
        """128 bits in hex: the same for one id of one kind on one site."""
        content = b"\0".join(text.encode("utf-8", "surrogatepass") for text in (site, kind, id))
        return hmac.digest(self.digests, content, sha256).hex()[:32]

    def digests_of(self, person: Person) -> Sequence[str]:
        """The digests of all ids of a person, in order."""
        kinds: dict[Kind, frozenset[str]] = {"user_id": person.user_ids, "anonymous_id": person.anonymous_ids}
        return sorted(self.digest(person.site, kind, id) for kind, ids in kinds.items() for id in ids)


@dataclass(frozen=True, slots=True)
class Erased:
    """By site, the digests of erased ids and when each was erased."""

    keys: ErasureKeys = field(repr=False)
    sites: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Mapping[str, Any], keys: ErasureKeys) -> Erased:
        """Read what `to_json` wrote."""
        sites = {
            site: {digest: datetime.fromisoformat(at) for digest, at in digests.items()}
            for site, digests in document["sites"].items()
        }
        return cls(keys, sites)

    def to_json(self) -> Mapping[str, Any]:
        """The document that keeps it."""
        return {
            "sites": {
                site: {digest: at.isoformat() for digest, at in digests.items()} for site, digests in self.sites.items()
            }
        }

    def with_person(self, person: Person) -> Erased:
        """The same with one more; who was erased before is erased anew."""
        known = self.sites.get(person.site, {})
        added = {digest: max(person.until, known.get(digest, person.until)) for digest in self.keys.digests_of(person)}
        return Erased(self.keys, {**self.sites, person.site: {**known, **added}})

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each event, true where it is an erased person's from before the erasure."""
        mask = _nowhere(rows)
        for site, digests in self.sites.items():
            early = pc.less_equal(happened_at(rows), pa.scalar(max(digests.values()), TIMESTAMP))
            suspects = rows.filter(pc.fill_null(pc.and_(pc.equal(rows["site"], site), early), False))
            if not suspects.num_rows:
                continue
            found = (
                (kind, id)
                for column, kinds in _COLUMNS.items()
                for id in pc.unique(suspects[column]).drop_null().to_pylist()
                for kind in kinds
            )
            for person in _persons(site, digests, found, self.keys):
                mask = pc.or_(mask, person.in_events(rows))
        return mask

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each failed event, true where it names an erased person and is from before the erasure."""
        mask = _nowhere(rows)
        for site, digests in self.sites.items():
            early = pc.less_equal(rows["received_at"], pa.scalar(max(digests.values()), TIMESTAMP))
            here = pc.or_kleene(pc.is_null(rows["site"]), pc.equal(rows["site"], site))
            suspects = rows.filter(pc.fill_null(pc.and_kleene(here, early), False))
            pairs = zip(suspects["payload"].to_pylist(), suspects["seen"].to_pylist(), strict=True)
            ids = {id for payload, seen in pairs for id in named_in(payload, seen).candidates()}
            found = ((kind, id) for id in ids for kind in _COLUMNS["previous_id"])
            for person in _persons(site, digests, found, self.keys):
                mask = pc.or_(mask, person.in_failed(rows))
        return mask


def _persons(
    site: str, digests: Mapping[str, datetime], found: Iterable[tuple[Kind, str]], keys: ErasureKeys
) -> Sequence[Person]:
    """Those of the ids that were erased, as persons; ids that were erased at one moment are one person's."""
    by_moment: dict[datetime, dict[Kind, set[str]]] = {}
    for kind, id in found:
        if (at := digests.get(keys.digest(site, kind, id))) is not None:
            by_moment.setdefault(at, {"user_id": set(), "anonymous_id": set()})[kind].add(id)
    return [
        Person(site, frozenset(ids["user_id"]), frozenset(ids["anonymous_id"]), at) for at, ids in by_moment.items()
    ]


def _nowhere(rows: pa.Table) -> pa.ChunkedArray:
    return pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])


def mark_of(body: bytes) -> bytes:
    """What stays in place of an erased body: that it was one, its site and hour, and what it told of its request."""
    try:
        event = orjson.loads(body)
    except ValueError:
        event = None
    counted = {name: event[name] for name in _COUNTED if name in event} if isinstance(event, dict) else {}
    if "received_at" in counted:
        counted["received_at"] = f"{str(counted['received_at'])[:13]}:00:00Z"
    return orjson.dumps({"erased": True, **counted})


def is_mark(payloads: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of each body that is no event, true where it stands for one that was erased."""
    return pc.starts_with(payloads, _MARK.decode())


def marked(rows: pa.Table) -> pa.Table:
    """What the book-keeping counts of marks, which are told as failed events."""
    fields = ("site", "received_at", "hub_partition", "request_accepted", "request_failed")
    told = []
    for row in rows.select(["payload", "received_at", "hub_partition"]).to_pylist():
        mark = orjson.loads(row.pop("payload"))
        if "received_at" in mark:
            mark["received_at"] = datetime.fromisoformat(mark["received_at"])
        told.append({**row, **mark})
    return pa.Table.from_pylist(told, schema=pa.schema([rows.schema.field(name) for name in fields]))
