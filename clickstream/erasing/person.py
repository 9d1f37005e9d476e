"""A person by ids, and the rule for which rows are that person's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing.naming import named_in
from clickstream.model.schema import TIMESTAMP
from clickstream.privacy.pseudonyms import PseudonymKeys, all_pseudonyms, normalized

# The columns that the rules below read. No others are needed to find out whether a file holds the person.
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
    """One person on one site, with all ids that rows may have, and only for rows up to the moment `until`."""

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
        """The person with these ids as callers know them, plus each id's pseudonym under every key."""
        return cls(site, _stored(user_ids, keys), _stored(anonymous_ids, keys), until)

    @property
    def ids(self) -> frozenset[str]:
        """All ids, of users and devices."""
        return self.user_ids | self.anonymous_ids

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over events: true for the person's, by user id, anonymous id or an alias's former id."""
        users, devices = pa.array(sorted(self.user_ids), pa.string()), pa.array(sorted(self.anonymous_ids), pa.string())
        either = pa.array(sorted(self.ids), pa.string())
        named = pc.or_(pc.is_in(rows["user_id"], users), pc.is_in(rows["anonymous_id"], devices))
        named = pc.or_(named, pc.is_in(rows["previous_id"], either))
        in_scope = pc.and_(pc.equal(rows["site"], self.site), pc.less_equal(happened_at(rows), _scalar(self.until)))
        return pc.fill_null(pc.and_(named, in_scope), False)

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over failed events: true if the original, or what the server saw of its sender, names the person.

        A failed event without a site may be of any site, so it matches only with `telling_only`.
        """
        here = pc.or_kleene(pc.is_null(rows["site"]), pc.equal(rows["site"], self.site))
        in_scope = pc.fill_null(pc.and_kleene(here, pc.less_equal(rows["received_at"], _scalar(self.until))), False)
        columns = (in_scope, rows["site"], rows["payload"], rows["seen"])
        matches = [
            candidate and named_in(payload, seen).names_any(self.ids, telling_only=site is None)
            for candidate, site, payload, seen in zip(*(column.to_pylist() for column in columns), strict=True)
        ]
        return pa.chunked_array([pa.array(matches, pa.bool_())])


def happened_at(rows: pa.Table) -> pa.ChunkedArray:
    """The earliest moment at which an event can have happened by its clocks, one timestamp per row.

    `occurred_at` of an event that was sent late is clamped close to its receipt. Then the device's clock decides
    whether it happened before an erasure.
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
