"""The reach of a request: the ids that it covers, and the number of rows that each id matches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing.linking import MAX_SUGGESTIONS, Linked
from clickstream.erasing.naming import named_in
from clickstream.erasing.person import EVENT_COLUMNS, FAILED_COLUMNS, Person
from clickstream.errors import InvalidRequest
from clickstream.table.delta import Table
from clickstream.table.erasure import select

# An id in more failed events than this number, and than this part of the site's, is probably a common word.
COMMON_ROWS = 20
COMMON_PART = 0.01
_IDS = ("user_id", "anonymous_id", "previous_id")


@dataclass(slots=True)
class Reach:
    """Numbers of rows that a person's ids match: by id, and in all."""

    events_by_id: Counter[str] = field(default_factory=Counter)
    failed_by_id: Counter[str] = field(default_factory=Counter)
    events: int = 0
    failed_events: int = 0
    failed_events_of_site: int = 0

    @property
    def common(self) -> list[str]:
        """Ids in too many failed events to be one person's, sorted."""
        limit = max(COMMON_ROWS, COMMON_PART * self.failed_events_of_site)
        return sorted(id for id, count in self.failed_by_id.items() if count > limit)

    def count_events(self, table: Table, person: Person) -> None:
        """Count the person's events. Raise Unavailable."""
        for rows in select(table, EVENT_COLUMNS, person.in_events):
            self.events += rows.num_rows
            for name in _IDS:
                matches = rows[name].filter(pc.is_in(rows[name], pa.array(sorted(person.ids), pa.string())))
                self.events_by_id.update(matches.to_pylist())

    def count_failed(self, table: Table, person: Person) -> None:
        """Count the site's failed events, and those that name the person. Raise Unavailable."""
        for rows in select(
            table, FAILED_COLUMNS, lambda rows: pc.fill_null(pc.equal(rows["site"], person.site), False)
        ):
            self.failed_events_of_site += rows.num_rows
            matches = rows.filter(person.in_failed(rows))
            self.failed_events += matches.num_rows
            for payload, seen in zip(matches["payload"].to_pylist(), matches["seen"].to_pylist(), strict=True):
                self.failed_by_id.update(named_in(payload, seen).which_of(person.ids))


def check_reach(failed: Table, person: Person) -> None:
    """Raise InvalidRequest (too_common) if an id is in too many failed events to be one person's, Unavailable."""
    reach = Reach()
    reach.count_failed(failed, person)
    if reach.common:
        named = ", ".join(f"{id!r} ({reach.failed_by_id[id]})" for id in reach.common)
        raise InvalidRequest(
            f"of {reach.failed_events_of_site} failed events of this site too many name {named}: these may be others'. "
            "Look at a dry run, and ask with `force` if they are not",
            code="too_common",
            pointer="/force",
        )


def preview(linked: Linked, given: Person, events: Table, failed: Table) -> Mapping[str, Any]:
    """The answer to a dry run: the ids and their numbers of rows, for somebody to confirm. Raise Unavailable."""
    person, reach = linked.person, Reach()
    reach.count_events(events, person)
    reach.count_failed(failed, person)
    return {
        "dry_run": True,
        "site_id": person.site,
        "user_ids": _listed(person.user_ids, given.user_ids, reach),
        "anonymous_ids": _listed(person.anonymous_ids, given.anonymous_ids, reach),
        "shared_devices_left": sorted(linked.shared)[:MAX_SUGGESTIONS],
        "suggested_ids": sorted(linked.suggested)[:MAX_SUGGESTIONS],
        "too_common": reach.common,
        "counts": {
            "events": reach.events,
            "failed_events": reach.failed_events,
            "failed_events_of_site": reach.failed_events_of_site,
        },
    }


def _listed(ids: frozenset[str], given: frozenset[str], reach: Reach) -> list[Mapping[str, Any]]:
    return [
        {
            "id": id,
            "given": id in given,
            "events": reach.events_by_id[id],
            "failed_events": reach.failed_by_id[id],
        }
        for id in sorted(ids)
    ]
