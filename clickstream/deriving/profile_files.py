"""Files of `profiles`: each has rows of one site, and those of people who are active are in small ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.profile_tables import PROFILE_PARTITION, PROFILE_SCHEMA
from clickstream.table.actions import Action
from clickstream.table.delta import Table
from clickstream.table.kept_rows import KeptRows
from clickstream.table.rows import rows_of_file

PERSON_COLUMNS = ("site", "person")
# A file with up to so many rows for each new one is written into the same file as these.
ROWS_FOR_A_NEW_ONE = 2


def replacement(
    profiles: Table, persons: KeptRows, site: str, rows: pa.Table, people: pa.Array | None, today: date
) -> Iterator[Action]:
    """The actions that put `rows` in place of the site's rows of these people; without `people`, of everybody.

    A file without any of them stays. Others of a large file are written to a file of their own, because whoever is
    active now is likely to be so in the next batch: that one then finds nobody of its people in the large file. Small
    files become one with the new rows. `persons` keeps PERSON_COLUMNS. Raise Unavailable.
    """
    together = [rows]
    for file, names in sorted(persons.by_file(profiles, site), key=lambda each: each[1].num_rows):
        if people is None:
            yield profiles.removal(file)
            continue
        stay = pc.invert(pc.is_in(names["person"], people))
        is_small = names.num_rows <= ROWS_FOR_A_NEW_ONE * sum(each.num_rows for each in together)
        if is_small or not pc.all(stay).as_py():
            yield profiles.removal(file)
            others = _written(rows_of_file(profiles, file, PROFILE_SCHEMA.names).filter(stay), today)
            if is_small:
                together.append(others)
            else:
                yield from profiles.stage(others)
    yield from profiles.stage(pa.concat_tables(together))


def _written(rows: pa.Table, today: date) -> pa.Table:
    at = PROFILE_SCHEMA.get_field_index(PROFILE_PARTITION)
    return rows.set_column(at, PROFILE_SCHEMA.field(at), pa.repeat(pa.scalar(today), rows.num_rows))
