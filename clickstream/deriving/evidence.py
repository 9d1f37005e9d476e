"""The table `identity_edges`: adds the evidence of rows that are new in `events`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.identity.edges import EVENT_COLUMNS, USES, combined, edges_of, without_known_uses
from clickstream.identity.rules import Rules
from clickstream.model.digests import digest_of
from clickstream.model.identity_tables import EDGE_PARTITION
from clickstream.model.schema import BATCH_COLUMN
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.rows import all_rows_of, lost_rows_since, rows_of
from clickstream.table.specs import EVENTS_TABLE

# The batch and the version of `events` up to which its rows are read, as application versions.
READ_BATCH, READ_VERSION = f"{EVENTS_TABLE.name}/batch", f"{EVENTS_TABLE.name}/version"
# The count of a commit that replaced all rows.
REBUILT = "rebuilt"
_USED = ("site", "kind", "left_id", EDGE_PARTITION)


def add_evidence(
    edges: Table,
    events: Table,
    rules: Mapping[str, Rules],
    has_time: Callable[[], bool],
    *,
    anew: bool = False,
) -> int | None:
    """Add the evidence of rows that commits of `events` added since the last call, all in one commit. Returns the
    number of rows that were added; None if there was no time for all.

    Open `edges` before `events`: an erasure rewrites `events` first, so the commit of rows from before it fails.

    The whole table is built `anew` if it was never built, if an erasure changed rows of `events`, or if the names of a
    site's logout events changed. Raise Conflict if another writer committed first, Unavailable.
    """
    done = edges.application_version(READ_BATCH)
    newest = events.application_version(COMPACTOR) or 0
    logouts = {f"logout/{site}": digest_of(*sorted(each.logout_events)) for site, each in rules.items()}
    changed = {
        name: digest for name, digest in logouts.items() if digest != (edges.application_version(name) or digest_of())
    }
    version = edges.application_version(READ_VERSION)
    anew = anew or done is None or bool(changed) or version is None or lost_rows_since(events, version, ("erased",))
    if not anew and newest == done:
        return 0
    found = _evidence(events, rules, None if anew else done, has_time)
    if found is None:
        return None
    if not anew:
        found = without_known_uses(found, _stored_uses(edges, found))
    removals = [edges.removal(file) for file in edges.files()] if anew else []
    edges.commit_batch(
        [*removals, *edges.stage(found)],
        {READ_BATCH: newest, READ_VERSION: events.version, **changed},
        {REBUILT: True} if anew else {},
    )
    return int(found.num_rows)


def _evidence(
    events: Table, rules: Mapping[str, Rules], after: int | None, has_time: Callable[[], bool]
) -> pa.Table | None:
    """The evidence of the rows of batches `after` that, or of all; None if there was no time."""
    logout_events = {site: each.logout_events for site, each in rules.items()}
    files = [file for file in events.files() if after is None or file.may_hold_after(after)]
    condition = None if after is None else pc.field(BATCH_COLUMN) > after
    found: Sequence[pa.Table] = []
    for rows in rows_of(events, files, EVENT_COLUMNS, condition):
        if not has_time():
            return None
        found = [*found, edges_of(rows, logout_events)]
    return combined(found)


def _stored_uses(edges: Table, found: pa.Table) -> pa.Table:
    """Which ids the table has already under the dates of these rows, and as what."""
    uses = found.filter(pc.is_in(found["kind"], pa.array(USES)))
    days = set(pc.unique(uses[EDGE_PARTITION]).to_pylist())
    files = [file for file in edges.files() if file.day in days]
    return all_rows_of(edges, files, _USED, pc.field("kind").isin(pa.array(USES)))
