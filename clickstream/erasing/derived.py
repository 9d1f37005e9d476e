"""Finds the rows of derived tables that name a person. They are removed, and the others' are derived anew later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing.erased import ErasureKeys
from clickstream.erasing.person import Person
from clickstream.model.schema import TIMESTAMP

EDGE_COLUMNS = ("site", "left_id", "right_id", "first_at")
IDENTITY_COLUMNS = ("site", "id", "person")
EDIT_COLUMNS = ("site", "ids")
CHANGE_COLUMNS = ("site", "person")
ACTIVITY_COLUMNS = ("site", "anonymous_id", "user_id", "first_at")
PROFILE_COLUMNS = ("site", "person")


@dataclass(frozen=True, slots=True)
class DerivedRows:
    """Rows about a person, and about ids that are known only by their `digests`.

    An id of a person's device is searched among users, too, because aliases mix them.
    """

    person: Person
    digests: frozenset[str] = frozenset()
    keys: ErasureKeys | None = field(default=None, repr=False)

    def in_edges(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over `identity_edges`: true for evidence from before the erasure that names the person."""
        early = pc.less_equal(rows["first_at"], pa.scalar(self.person.until, TIMESTAMP))
        return pc.and_(self._named(rows, ("left_id", "right_id")), early)

    def in_identities(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over `identities`: true for rows of the person's ids, and of others that have one as their name."""
        return self._named(rows, ("id", "person"))

    def in_changes(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over `audience_changes`: true for rows about a person whose name is one of the ids."""
        return self._named(rows, ("person", "person"))

    def in_activity(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over `activity` and `traits`: true for the person's rows that began before the erasure."""
        early = pc.less_equal(rows["first_at"], pa.scalar(self.person.until, TIMESTAMP))
        return pc.and_(self._named(rows, ("anonymous_id", "user_id")), early)

    def in_profiles(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over `profiles`: true for the person under each of the ids."""
        return self._named(rows, ("person", "person"))

    def in_profiles_of_site(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over `profiles`: true for everybody of the site. Sums of others may include the person's events."""
        return pc.equal(rows["site"], self.person.site)

    def in_edits(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over `identity_edits`: true for edits that name the person."""
        here = rows["site"].to_pylist()
        named = [
            site == self.person.site and any(map(self.is_named, orjson.loads(ids)))
            for site, ids in zip(here, rows["ids"].to_pylist(), strict=True)
        ]
        return pa.chunked_array([pa.array(named, pa.bool_())])

    def without_ids(self, rows: pa.Table) -> pa.Table:
        """The edits that replace these: without the person's ids, and without texts that may name the person."""
        left = [
            orjson.dumps([id for id in orjson.loads(ids) if not self.is_named(id)]).decode()
            for ids in rows["ids"].to_pylist()
        ]
        for name, values in (("ids", left), ("why", ["erased"] * len(left)), ("asked_by", ["erased"] * len(left))):
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, rows.schema.field(at), pa.array(values, pa.string()))
        return rows

    def is_named(self, id: str) -> bool:
        """Whether it is one of the ids."""
        return id in self.person.ids or (bool(self.digests) and self._is_erased(id))

    def _named(self, rows: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
        here = pc.equal(rows["site"], self.person.site)
        ids = set(self.person.ids)
        if self.digests and self.keys is not None:
            of_site = rows.filter(here)
            for name in columns:
                ids.update(id for id in pc.unique(of_site[name]).drop_null().to_pylist() if self._is_erased(id))
        wanted = pa.array(sorted(ids), pa.string())
        first, second = (pc.is_in(rows[name], wanted) for name in columns)
        return pc.fill_null(pc.and_(pc.or_(first, second), here), False)

    def _is_erased(self, id: str) -> bool:
        assert self.keys is not None
        return any(self.keys.digest(self.person.site, kind, id) in self.digests for kind in ("user_id", "anonymous_id"))


def nothing(rows: pa.Table) -> pa.Table:
    """The rows that replace rows of a derived table."""
    return rows.slice(0, 0)
