"""The table `identity_edges`: adds the evidence of rows that are new in `events`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.deriving.following import News
from clickstream.identity.edges import EVENT_COLUMNS, USES, combined, edges_of, without_known_uses
from clickstream.identity.rules import Rules
from clickstream.model.digests import digest_of
from clickstream.model.identity_tables import EDGE_PARTITION
from clickstream.table.delta import Table
from clickstream.table.rows import all_rows_of

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

    The whole table is also built anew if the names of a site's logout events changed. Open `edges` before `events`.
    Raise Conflict if another writer committed first, Unavailable.
    """
    logouts = {f"logout/{site}": digest_of(*sorted(each.logout_events)) for site, each in rules.items()}
    changed = {
        name: digest for name, digest in logouts.items() if digest != (edges.application_version(name) or digest_of())
    }
    news = News.of(edges, events, anew=anew or bool(changed))
    if news is None:
        return 0
    logout_events = {site: each.logout_events for site, each in rules.items()}
    parts: Sequence[pa.Table] = []
    for rows in news.rows(EVENT_COLUMNS):
        if not has_time():
            return None
        parts = [*parts, edges_of(rows, logout_events)]
    found = combined(parts)
    if news.after is not None:
        found = without_known_uses(found, _stored_uses(edges, found))
    news.commit(edges.stage(found), changed)
    return int(found.num_rows)


def _stored_uses(edges: Table, found: pa.Table) -> pa.Table:
    """Which ids the table has already under the dates of these rows, and as what."""
    uses = found.filter(pc.is_in(found["kind"], pa.array(USES)))
    days = set(pc.unique(uses[EDGE_PARTITION]).to_pylist())
    files = [file for file in edges.files() if file.day in days]
    return all_rows_of(edges, files, _USED, pc.field("kind").isin(pa.array(USES)))
