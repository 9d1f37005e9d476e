"""Who is meant by ids, and which rows are that person's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing.naming import named_in
from clickstream.lake.schema import TIMESTAMP
from clickstream.privacy.pseudonyms import PseudonymKeys, all_pseudonyms, normalized

# What the rules below look at; the rest of a file need not be read to know whether it holds the person.
EVENT_COLUMNS = (
    "site",
    "user_id",
    "anonymous_id",
    "previous_id",
    "received_at",
    "occurred_at",
    "created_at",
    "sent_at",
    "clock_clamped",
)
FAILED_COLUMNS = ("site", "received_at", "payload", "seen")


@dataclass(frozen=True, slots=True)
class Person:
    """One person on one site, by all names under which rows may tell of them, up to the moment `until`."""

    site: str
    user_ids: frozenset[str]
    anonymous_ids: frozenset[str]
    until: datetime

    @classmethod
    def of(
        cls,
        site: str,
        user_ids: Iterable[str],
        anonymous_ids: Iterable[str],
        until: datetime,
        keys: PseudonymKeys,
    ) -> Self:
        """The person of ids as callers know them: as stored plainly, and as pseudonyms of every key."""
        return cls(site, _stored(user_ids, keys), _stored(anonymous_ids, keys), until)

    @property
    def ids(self) -> frozenset[str]:
        """Every id."""
        return self.user_ids | self.anonymous_ids

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each event, true where it is the person's: by its ids, or, of an alias, by its other id."""
        users, devices = pa.array(sorted(self.user_ids), pa.string()), pa.array(sorted(self.anonymous_ids), pa.string())
        either = pa.array(sorted(self.ids), pa.string())
        named = pc.or_(pc.is_in(rows["user_id"], users), pc.is_in(rows["anonymous_id"], devices))
        named = pc.or_(named, pc.is_in(rows["previous_id"], either))
        meant = pc.and_(pc.equal(rows["site"], self.site), pc.less_equal(happened_at(rows), _scalar(self.until)))
        return pc.fill_null(pc.and_(named, meant), False)

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each failed event, true where its original, or what was seen of its sender, names the person."""
        here = pc.or_kleene(pc.is_null(rows["site"]), pc.equal(rows["site"], self.site))
        meant = pc.fill_null(pc.and_kleene(here, pc.less_equal(rows["received_at"], _scalar(self.until))), False)
        found = [
            candidate and named_in(payload, seen).names_any(self.ids)
            for candidate, payload, seen in zip(
                meant.to_pylist(), rows["payload"].to_pylist(), rows["seen"].to_pylist(), strict=True
            )
        ]
        return pa.chunked_array([pa.array(found, pa.bool_())])


def happened_at(rows: pa.Table) -> pa.ChunkedArray:
    """When an event happened at the earliest that its clocks tell.

    `occurred_at` of one that was sent late is moved close to its receipt; whether a person was erased before it
    happened is told by its device then.
    """
    corrected = pc.subtract(rows["received_at"], pc.subtract(rows["sent_at"], rows["created_at"]))
    by_device = pc.coalesce(corrected, rows["created_at"])
    moved = pc.if_else(rows["clock_clamped"], by_device, pa.scalar(None, TIMESTAMP))
    earliest = pc.min_element_wise(
        *(clock.cast(pa.int64()) for clock in (rows["occurred_at"], rows["received_at"], moved))
    )
    return earliest.cast(TIMESTAMP)


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, TIMESTAMP)


def _stored(ids: Iterable[str], keys: PseudonymKeys) -> frozenset[str]:
    stored = set()
    for id in ids:
        stored |= {id, id.strip(), normalized(id), *all_pseudonyms(id, keys)}
    return frozenset(filter(None, stored))
