"""What the rules ignored of a site's evidence, and why: for operators who wonder why ids are not one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.identity.edits import EditsInForce
from clickstream.identity.parts import Evidence, joined_columns
from clickstream.identity.resolving import ProblemKind, resolve
from clickstream.identity.rules import Rules, Trust
from clickstream.model.identity_tables import SEEN

REASONS: Mapping[ProblemKind, str] = {
    ProblemKind.PLACEHOLDER: "the id is an alias of more ids than the limit, so its aliases do not count",
    ProblemKind.TOO_MANY_IDS: "aliases join more ids than the limit, so none of these aliases counts",
    ProblemKind.CROWDED_DEVICE: "more people were on the device than the limit, so its anonymous events are its own",
    ProblemKind.UNPROVEN_ALIAS: "only public keys said that other users are this one, so they are not",
    ProblemKind.UNPROVEN_USER: "the user id came without the proof that the site asks for, so it is not believed",
    ProblemKind.NOBODY: "the user id means nobody, so the events are their devices'",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Evidence about one id that was ignored. `count` is of the other ids: partners, people or devices."""

    kind: ProblemKind
    id: str
    count: int
    limit: int | None
    first_at: datetime
    """The first moment of any evidence about the id."""


def refusals(edges: pa.Table, edits: EditsInForce, rules: Rules) -> list[Refusal]:
    """What is ignored of the rows of `identity_edges` of one site, largest first, each kind and id once."""
    counts = dict(_counts(edges, edits, rules))
    limits = {
        ProblemKind.PLACEHOLDER: rules.limits.partners,
        ProblemKind.TOO_MANY_IDS: rules.limits.ids,
        ProblemKind.CROWDED_DEVICE: rules.limits.people,
    }
    first_at = _first_moments(edges, {id for _, id in counts})
    return sorted(
        (Refusal(kind, id, count, limits.get(kind), first_at[id]) for (kind, id), count in counts.items()),
        key=lambda each: (each.kind, -each.count, each.id),
    )


def _counts(edges: pa.Table, edits: EditsInForce, rules: Rules) -> Iterator[tuple[tuple[ProblemKind, str], int]]:
    evidence = Evidence.of(edges, edits, rules)
    presence = evidence.presence()
    for part in evidence.parts(None):
        for problem in resolve(part.edges, edits, presence, rules).problems:
            if pc.is_in(pa.array([problem.id]), part.ids)[0].as_py():  # edits concern all parts
                yield (problem.kind, problem.id), problem.count
    seen = edges.filter(pc.equal(edges["kind"], SEEN))
    nobody = pc.is_in(seen["right_id"], pa.array(evidence.nobody(None), pa.string()))
    believed = {
        Trust.ANY: pa.scalar(True),
        Trust.SERVER: seen["is_secret"],
        Trust.SIGNED: pc.or_(seen["is_secret"], seen["is_signed"]),
    }[rules.trust]
    unproven = pc.and_(pc.invert(believed), pc.invert(nobody))
    for kind, mask in ((ProblemKind.NOBODY, nobody), (ProblemKind.UNPROVEN_USER, unproven)):
        devices = seen.filter(mask).group_by("right_id").aggregate([("left_id", "count_distinct")])
        for row in devices.to_pylist():
            yield (kind, row["right_id"]), row["left_id_count_distinct"]


def _first_moments(edges: pa.Table, ids: set[str]) -> Mapping[str, datetime]:
    """When each of the ids is first in the evidence."""
    wanted = pa.array(sorted(ids), pa.string())
    both = pa.table(
        {
            "id": joined_columns(edges["left_id"], edges["right_id"]),
            "first_at": pa.chunked_array(
                [*edges["first_at"].chunks, *edges["first_at"].chunks], edges["first_at"].type
            ),
        }
    )
    least = both.filter(pc.is_in(both["id"], wanted)).group_by("id").aggregate([("first_at", "min")])
    return {row["id"]: row["first_at_min"] for row in least.to_pylist()}
