"""Whom new rows of activity and traits, and other rows of identities, can give another profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.identity.engine import engine
from clickstream.identity.parts import joined_columns
from clickstream.model.identity_tables import NOBODY

_CHANGES = """
WITH changed AS MATERIALIZED (
    SELECT DISTINCT id FROM news WHERE id IS NOT NULL
),
people AS MATERIALIZED (
    SELECT id AS person FROM changed
    UNION SELECT person FROM before SEMI JOIN changed USING (id)
    UNION SELECT person FROM now SEMI JOIN changed USING (id)
)
SELECT person AS id, TRUE AS is_person FROM people WHERE person IS NOT NULL
UNION ALL SELECT DISTINCT id, FALSE FROM now SEMI JOIN people USING (person)
"""
# What a row of identities says; the evidence for it may change alone.
_SAID = "kind, id, person, valid_from, valid_to, rule"
_DIFFERING = f"""
SELECT DISTINCT kind, id FROM (
    (SELECT {_SAID} FROM before EXCEPT SELECT {_SAID} FROM now)
    UNION ALL (SELECT {_SAID} FROM now EXCEPT SELECT {_SAID} FROM before)
)
"""
_NOTHING = pa.table({"kind": pa.array([], pa.string()), "id": pa.array([], pa.string())})


@dataclass(frozen=True, slots=True)
class Changes:
    """People whose profiles may have changed, and all ids whose rows can be theirs: an id is a person's by its row of
    identities, or is the person's name.
    """

    people: pa.Array
    ids: pa.Array

    @classmethod
    def of(
        cls, news: pa.Array, now: pa.Table, before: pa.Table | None, devices_of: Callable[[pa.Array], pa.Array]
    ) -> Changes:
        """The changes by rows with the ids `news`, and by rows of identities; without `before` these are the same.

        `devices_of` returns the devices of all rows with one of these users. A row is its user's or its device's
        person: so whoever has no new row, and no id of which identities say something else, has the same profile.
        """
        differing = _NOTHING if before is None else _differing(before, now)
        # Rows of a user who means nobody are their devices'.
        turned = differing.filter(pc.equal(differing["kind"], NOBODY))["id"].combine_chunks()
        devices = devices_of(turned) if len(turned) else turned
        changed = pa.table({"id": joined_columns(news, differing["id"], devices)})
        with engine(before=now if before is None else before, now=now, news=changed) as connection:
            found = connection.sql(_CHANGES).to_arrow_table()
        return cls(found["id"].filter(found["is_person"]).combine_chunks(), pc.unique(found["id"]))


def _differing(before: pa.Table, now: pa.Table) -> pa.Table:
    with engine(before=before, now=now) as connection:
        return connection.sql(_DIFFERING).to_arrow_table()
