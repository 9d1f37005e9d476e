"""Tables that gather what the rows of `events` say: each run adds what new batches say, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.schema import BATCH_COLUMN
from clickstream.table.actions import Action
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.rows import lost_rows_since, rows_of
from clickstream.table.specs import EVENTS_TABLE

# The batch and the version of `events` up to which its rows are read, as application versions.
READ_BATCH, READ_VERSION = f"{EVENTS_TABLE.name}/batch", f"{EVENTS_TABLE.name}/version"
# The count of a commit that replaced all rows.
REBUILT = "rebuilt"


@dataclass(frozen=True, slots=True)
class News:
    """The rows of `events` of batches that the table has not read, or all rows, if the table is to be built anew."""

    table: Table
    events: Table
    after: int | None

    @classmethod
    def of(cls, table: Table, events: Table, *, anew: bool) -> News | None:
        """None if there are no new batches. Raise Unavailable.

        Open `table` before `events`: an erasure rewrites `events` first, so a commit of rows from before it fails. The
        table is also built anew if it was never built, or if an erasure changed rows of `events`.
        """
        done, version = (table.application_version(name) for name in (READ_BATCH, READ_VERSION))
        if anew or done is None or version is None or lost_rows_since(events, version, ("erased",)):
            return cls(table, events, None)
        return cls(table, events, done) if done != (events.application_version(COMPACTOR) or 0) else None

    def rows(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """These columns of the rows, in tables of a bounded number of rows. Raise Unavailable."""
        files = [file for file in self.events.files() if self.after is None or file.may_hold_after(self.after)]
        condition = None if self.after is None else pc.field(BATCH_COLUMN) > self.after
        return rows_of(self.events, files, columns, condition)

    def commit(self, added: Sequence[Action], versions: Mapping[str, int]) -> None:
        """Add staged files; if the table is built anew, in place of all others. Raise Conflict, Unavailable."""
        anew = self.after is None
        removals = [self.table.removal(file) for file in self.table.files()] if anew else []
        newest = self.events.application_version(COMPACTOR) or 0
        self.table.commit_batch(
            [*removals, *added],
            {READ_BATCH: newest, READ_VERSION: self.events.version, **versions},
            {REBUILT: True} if anew else {},
        )


def add_rows(
    table: Table,
    events: Table,
    columns: Sequence[str],
    extract: Callable[[pa.Table], pa.Table],
    has_time: Callable[[], bool],
    *,
    anew: bool = False,
) -> int | None:
    """Add what `extract` reads from new rows of `events`, all in one commit. Returns the number of rows that were
    added; None if there was no time for all. Open `table` before `events`. Raise Conflict, Unavailable.
    """
    news = News.of(table, events, anew=anew)
    if news is None:
        return 0
    staged: list[Action] = []
    count = 0
    for rows in news.rows(columns):
        if not has_time():
            return None
        found = extract(rows)
        count += found.num_rows
        staged += table.stage(found)
    news.commit(staged, {})
    return count
