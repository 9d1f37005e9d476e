"""The table `identities`: resolves people anew whom new evidence, rules or edits may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.deriving.following import REBUILT
from clickstream.deriving.site_rules import digest_of_rules
from clickstream.identity.edges import after
from clickstream.identity.edits import EditsInForce
from clickstream.identity.parts import Evidence, Part, joined_columns
from clickstream.identity.resolving import lone_rows, resolve
from clickstream.identity.rules import Rules
from clickstream.model.digests import digest_of
from clickstream.model.identity_tables import EDGE_PARTITION, IDENTITY_PARTITION, IDENTITY_SCHEMA, NOBODY
from clickstream.model.schema import BATCH_COLUMN
from clickstream.table.actions import Action
from clickstream.table.data_files import DataFile
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.rows import all_rows_of, lost_rows_since, rows_of_file
from clickstream.table.specs import IDENTITY_EDGES_TABLE

# The batch and the version of `identity_edges` up to which people are resolved, as application versions.
READ_BATCH, READ_VERSION = f"{IDENTITY_EDGES_TABLE.name}/batch", f"{IDENTITY_EDGES_TABLE.name}/version"
COLUMNS_READ = tuple(name for name in IDENTITY_EDGES_TABLE.schema.names if name != EDGE_PARTITION)
_ORDER = [("kind", "ascending"), ("id", "ascending"), ("valid_from", "ascending")]


@dataclass(frozen=True, slots=True)
class Basis:
    """What the people of a site follow from, besides evidence."""

    rules: Rules
    edits: EditsInForce = EditsInForce(())

    @property
    def digest(self) -> int:
        """A number that differs for different values."""
        return digest_of(digest_of_rules(self.rules), self.edits.edits)


def resolve_people(
    identities: Table,
    edges: Table,
    bases: Mapping[str, Basis],
    today: date,
    rows_of: Callable[[Table, str], pa.Table] | None = None,
) -> int:
    """Resolve what changed since the last call, all in one commit. Returns the number of sites whose rows changed.

    Open `identities` before `edges`: an erasure rewrites `identity_edges` first. Rows of sites without a basis stay.
    Everybody of a site is resolved if rows of `identity_edges` were removed, or if its basis changed; else those who
    share ids with new evidence. `rows_of` reads a site's rows, as `rows_of_site` does. Raise Conflict if another writer
    committed first, Unavailable.
    """
    done, version = (identities.application_version(name) for name in (READ_BATCH, READ_VERSION))
    newest = edges.application_version(COMPACTOR) or 0
    whole = done is None or version is None or lost_rows_since(edges, version, ("erased", "expired", REBUILT))
    changed = {
        site: basis.digest
        for site, basis in bases.items()
        if basis.digest != identities.application_version(f"basis/{site}")
    }
    if not whole and newest == done and not changed:
        return 0
    since = 0 if whole or done is None else done
    with_news = bases.keys() if whole else _sites_after(edges, since)
    actions: list[Action] = []
    sites = 0
    for site in sorted(bases.keys() & (with_news | changed.keys())):
        rows = (rows_of or rows_of_site)(edges, site)
        replaced = list(
            _replaced(identities, rows, site, bases[site], today, None if whole or site in changed else since)
        )
        actions += replaced
        sites += bool(replaced)
    identities.commit_batch(
        actions,
        {READ_BATCH: newest, READ_VERSION: edges.version, **{f"basis/{site}": each for site, each in changed.items()}},
        {},
    )
    return sites


def _sites_after(edges: Table, batch: int) -> set[str]:
    files = [file for file in edges.files() if file.may_hold_after(batch)]
    return set(pc.unique(all_rows_of(edges, files, ["site"], pc.field(BATCH_COLUMN) > batch)["site"]).to_pylist())


def _replaced(
    identities: Table, edges: pa.Table, site: str, basis: Basis, today: date, since: int | None
) -> Iterator[Action]:
    """The actions that replace the rows of a site; none if they stay the same."""
    old = dict(_files_of(identities, site))
    before = pa.concat_tables([IDENTITY_SCHEMA.empty_table(), *old.values()])
    now = people_of(edges, basis, site, today, since, before)
    if _plain(now).equals(_plain(before)):
        return
    yield from (identities.removal(file) for file in old)
    yield from identities.stage(now)


def _files_of(identities: Table, site: str) -> Iterator[tuple[DataFile, pa.Table]]:
    """The files with rows of the site, and these. Bounds of long names are shortened, so they do not tell alone."""
    for file in identities.files():
        if file.may_hold(site):
            rows = rows_of_file(identities, file, IDENTITY_SCHEMA.names)
            if rows["site"][0].as_py() == site:
                yield file, rows


def rows_of_site(edges: Table, site: str) -> pa.Table:
    """The site's rows of `identity_edges`, without the partition's column. Raise Unavailable."""
    files = [file for file in edges.files() if file.may_hold(site)]
    return all_rows_of(edges, files, COLUMNS_READ, pc.field("site") == site)


def people_of(
    edges: pa.Table, basis: Basis, site: str, today: date, since: int | None = None, before: pa.Table | None = None
) -> pa.Table:
    """The rows of `identities` of a site, in order.

    `edges` are all its rows of `identity_edges`. With `since`, `before` are the rows as of that batch, and only people
    whom later batches may change are resolved.
    """
    rules, edits = basis.rules, basis.edits
    evidence = Evidence.of(edges, edits, rules)
    changed = None
    if since is not None:
        new = after(edges.select(["left_id", "right_id", BATCH_COLUMN]), since)
        changed = pc.unique(joined_columns(new["left_id"], new["right_id"]))
    parts: Iterable[Part] = evidence.parts(changed)
    if changed is not None:
        parts = list(parts)
        evidence = evidence.about(joined_columns(changed, *(part.ids for part in parts)))
    presence = evidence.presence()
    nobody = evidence.nobody(changed)
    found = []
    resolved = [pa.array(sorted(nobody), pa.string())]
    for part in parts:
        rows = resolve(part.edges, edits, presence, rules).table(site, today)
        # Edits and names of aliases concern all parts.
        found.append(rows.filter(pc.and_(pc.is_in(rows["id"], part.ids), pc.not_equal(rows["kind"], NOBODY))))
        resolved.append(part.ids)
    found.append(lone_rows(evidence.lone(presence), nobody, site, today))
    resolved.append(found[-1]["id"].combine_chunks())
    if before is not None and since is not None:
        kept = before.filter(pc.invert(pc.is_in(before["id"], joined_columns(*resolved))))
        at = kept.schema.get_field_index(IDENTITY_PARTITION)
        found.append(kept.set_column(at, IDENTITY_SCHEMA.field(at), pa.repeat(pa.scalar(today), kept.num_rows)))
    return pa.concat_tables(found).sort_by(_ORDER)


def _plain(rows: pa.Table) -> pa.Table:
    return rows.drop_columns([IDENTITY_PARTITION]).sort_by(_ORDER).combine_chunks()
