"""Who is a member of what, by the rows of `audience_changes`, and what its commits note."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.audience_tables import EXIT, LAST_CHANGE
from clickstream.table.delta import Table
from clickstream.table.rows import all_rows_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ("seq", "audience", "person", "is_known", "kind", "entered_at", "message_id")
# Notes of the whole table: the number of the last row, of the last one with a message, and of the one up to which all
# messages are sent.
LAST, QUEUED, SENT = LAST_CHANGE, "queued", "sent"
# The values of the note `hold` of an audience.
HELD, RELEASED = 1, 2


@dataclass(frozen=True, slots=True)
class Membership:
    """A membership that has not ended. `reported` is the number of the last row that a message reports; 0: none."""

    entered_at: datetime
    is_known: bool
    reported: int


Memberships = Mapping[str, Mapping[str, Membership]]
"""By audience and person."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What the commits note about a site, as application versions of the table."""

    table: Table
    site: str

    def of(self, name: str, *more: str) -> int | None:
        """A note's value; None if there is none."""
        return self.table.application_version(self.key(name, *more))

    def key(self, name: str, *more: str) -> str:
        """The application id of a note."""
        return "/".join((name, self.site, *more))

    @property
    def until(self) -> datetime | None:
        """The moment of the last evaluation."""
        at = self.of("until")
        return None if at is None else moment_of(at)


def memberships_of(table: Table, site: str) -> Memberships:
    """Every membership of the site that has not ended. Raise Unavailable."""
    return memberships_among(table, site, None)[0]


def memberships_among(table: Table, site: str, people: Collection[str] | None) -> tuple[Memberships, Mapping[str, int]]:
    """The memberships of these people, None for everybody, that have not ended; and the number of members by audience.

    Raise Unavailable.
    """
    files = [file for file in table.files() if file.may_hold(site)]
    rows = all_rows_of(table, files, _COLUMNS, pc.field("site") == site).sort_by("seq")
    reported = pc.if_else(pc.is_valid(rows["message_id"]), rows["seq"], 0)
    rows = rows.drop_columns(["message_id"]).append_column("reported", reported)
    latest = pa.TableGroupBy(rows, ["audience", "person"], use_threads=False).aggregate(
        [("kind", "last"), ("entered_at", "last"), ("is_known", "last"), ("reported", "max")]
    )
    members = latest.filter(pc.not_equal(latest["kind_last"], EXIT))
    sizes = {row["values"].as_py(): row["counts"].as_py() for row in pc.value_counts(members["audience"])}
    if people is not None:
        members = members.filter(pc.is_in(members["person"], pa.array(people, pa.string())))
    found: defaultdict[str, dict[str, Membership]] = defaultdict(dict)
    for audience, person, entered_at, is_known, seq in zip(
        *(
            members[name].to_pylist()
            for name in ("audience", "person", "entered_at_last", "is_known_last", "reported_max")
        ),
        strict=True,
    ):
        found[audience][person] = Membership(entered_at, is_known, seq)
    return found, sizes


def moment_of(microseconds: int) -> datetime:
    """The moment so long after 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)
