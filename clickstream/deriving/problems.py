"""The problems of a site's identities, as JSON values for operators."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from clickstream.deriving.people import Basis
from clickstream.identity.problems import REASONS, refusals

# Ids that an answer lists of each kind, those with the largest counts; of further ones, their number.
MAX_OF_A_KIND = 100


def problem_document(edges: pa.Table, basis: Basis) -> dict[str, Any]:
    """What the rules ignore of a site's rows of `identity_edges`, and the number of ids of each kind."""
    found = refusals(edges, basis.edits, basis.rules)
    counts, shown = Counter[str](), list[dict[str, Any]]()
    for each in found:
        counts[each.kind.value] += 1
        if counts[each.kind.value] <= MAX_OF_A_KIND:
            shown.append(
                {
                    "kind": each.kind.value,
                    "id": each.id,
                    "count": each.count,
                    "limit": each.limit,
                    "first_at": each.first_at.isoformat(),
                    "reason": REASONS[each.kind],
                }
            )
    return {"ids": dict(sorted(counts.items())), "problems": shown}
