"""Parts of a site's evidence that share no id, so that each can be resolved by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.identity.edges import USES, Presence
from clickstream.identity.edits import EditKind, EditsInForce
from clickstream.identity.linking import Numbers, labels
from clickstream.identity.rules import Rules
from clickstream.model.identity_tables import ALIAS, AS_NAME, AS_USER
from clickstream.privacy.nobody import NO_PERSON

# About so many rows are resolved at once, because each becomes an object of Python.
ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Part:
    """Ids, and all evidence that names any of them; no other part has evidence of these ids."""

    ids: pa.Array
    edges: pa.Table


@dataclass(frozen=True, slots=True)
class Evidence:
    """One site's rows of `identity_edges`: links and logouts whose ids all mean somebody, and the uses of ids."""

    links: pa.Table
    uses: pa.Table
    """Kind and id of all rows: uses are most of them, so these are not copied from the others."""
    edits: EditsInForce
    rules: Rules

    @classmethod
    def of(cls, edges: pa.Table, edits: EditsInForce, rules: Rules) -> Evidence:
        """Split the rows by their kind. Links of ids that mean nobody are left out, so that these connect no parts."""
        is_use = pc.is_in(edges["kind"], pa.array(USES))
        links = edges.filter(pc.invert(is_use))
        every = pc.unique(joined_columns(links["left_id"], links["right_id"]))
        nobody = pa.array(_nobody(every, edits.blocked(), rules), pa.string())
        if len(nobody):
            named = pc.or_(*(pc.is_in(links[name], nobody) for name in ("left_id", "right_id")))
            links = links.filter(pc.invert(named))
        return cls(links.combine_chunks(), edges.select(["kind", "left_id"]), edits, rules)

    def parts(self, changed: pa.Array | None, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[Part]:
        """The parts of about `rows_at_once` rows that together have all ids, or those that depend on `changed` ids."""
        links = self.links
        joined = [(ids[0], other) for ids in self._joined() for other in ids]
        left, right = (pa.array([pair[side] for pair in joined], pa.string()) for side in (0, 1))
        lefts = joined_columns(links["left_id"], left)
        rights = joined_columns(pc.coalesce(links["right_id"], links["left_id"]), right)
        ids = pc.unique(joined_columns(lefts, rights))
        if not len(ids):
            return
        of_left, of_right = (pc.index_in(side, ids).to_numpy().astype(np.int64) for side in (lefts, rights))
        label = labels(of_left, of_right, len(ids))
        wanted = np.ones(len(ids), bool)
        if changed is not None:
            wanted = np.isin(label, label[pc.is_in(ids, changed).to_numpy(zero_copy_only=False)])
        row_labels = label[of_left[: links.num_rows]]
        for group in _groups(label[wanted], row_labels, rows_at_once):
            rows = np.flatnonzero(np.isin(row_labels, group))
            yield Part(ids.filter(pa.array(np.isin(label, group))), links.take(pa.array(rows)))

    def about(self, ids: pa.ChunkedArray) -> Evidence:
        """The same evidence with the uses of these ids and of edited ones, for what concerns only these ids."""
        asked = joined_columns(ids, self._edited())
        return replace(self, uses=self.uses.filter(pc.is_in(self.uses["left_id"], pc.unique(asked))))

    def presence(self) -> Presence:
        """What the rules ask about ids: the uses of those in aliases and edits, and of users of aliases or bots."""
        aliases = self.links.filter(pc.equal(self.links["kind"], ALIAS))
        names = self.uses.filter(pc.equal(self.uses["kind"], AS_NAME))["left_id"]
        asked = joined_columns(aliases["left_id"], aliases["right_id"], names, self._edited())
        return Presence.of(self.uses.filter(pc.is_in(self.uses["left_id"], pc.unique(asked))))

    def nobody(self, changed: pa.Array | None) -> Sequence[str]:
        """The user ids, with `changed` only of these, that mean nobody."""
        uses = self.uses if changed is None else self.uses.filter(pc.is_in(self.uses["left_id"], changed))
        ids = pc.unique(uses["left_id"].filter(pc.is_in(uses["kind"], pa.array([AS_USER, AS_NAME]))))
        return _nobody(ids, self.edits.blocked(), self.rules)

    def lone(self, presence: Presence) -> Sequence[str]:
        """The user ids of aliases or bots that are a device's, and in no part."""
        misplaced = pa.array([id for id in presence.named if presence.is_device(id)], pa.string())
        joined = pa.array([id for ids in self._joined() for id in ids], pa.string())
        linked = joined_columns(self.links["left_id"], self.links["right_id"], joined)
        lone = misplaced.filter(pc.invert(pc.is_in(misplaced, pc.unique(linked))))
        nobody = set(_nobody(lone, self.edits.blocked(), self.rules))
        return [id for id in lone.to_pylist() if id not in nobody]

    def _edited(self) -> pa.Array:
        return pa.array([id for edit in self.edits.edits for id in edit.ids], pa.string())

    def _joined(self) -> Iterator[Sequence[str]]:
        """The ids of each edit that may join them, without those that mean nobody."""
        blocked = self.edits.blocked()
        for edit in self.edits.edits:
            ids = [id for id in edit.ids if id not in blocked and not self.rules.protects(id)]
            if edit.kind in (EditKind.MERGE, EditKind.LINK) and ids:
                yield ids


def joined_columns(*columns: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts of all columns, one after the other."""
    chunks: list[pa.Array] = []
    for column in columns:
        chunks += column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return pa.chunked_array(chunks, pa.string())


def _nobody(ids: pa.Array, blocked: Collection[str], rules: Rules) -> Sequence[str]:
    candidates = ids.filter(_may_mean_nobody(ids, blocked, rules)).drop_null()
    return [id for id in candidates.to_pylist() if id in blocked or rules.protects(id)]


def _may_mean_nobody(ids: pa.Array, blocked: Collection[str], rules: Rules) -> pa.Array:
    """Mask of ids that may be blocked or protected: all that are, and few others, because each costs a call."""
    plain = pc.ascii_lower(pc.ascii_trim_whitespace(ids))
    words = pa.array([*NO_PERSON, *rules.protected_ids], pa.string())
    others = pa.array([*blocked, *rules.pseudonyms_of_nobody], pa.string())
    masks = (
        pc.is_in(plain, words),
        pc.is_in(ids, others),
        pc.equal(pc.ascii_trim(plain, "0-"), ""),
        pc.invert(pc.string_is_ascii(ids)),
        pc.match_substring_regex(ids, r"[\x00-\x1f]"),  # Python strips some of them
    )
    return reduce(pc.or_, masks)


def _groups(wanted: Numbers, row_labels: Numbers, rows_at_once: int) -> Iterator[Numbers]:
    """The wanted labels in groups of about so many rows."""
    distinct = np.unique(wanted)
    rows = np.sort(row_labels)
    sizes = np.searchsorted(rows, distinct, "right") - np.searchsorted(rows, distinct, "left")
    # A label without rows counts as one, so that labels alone fill no group without end.
    number = np.cumsum(np.maximum(sizes, 1)) // rows_at_once
    for each in np.unique(number):
        yield distinct[number == each]
