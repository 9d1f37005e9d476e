"""Paths: what comes straight after an event or a page, or straight before it, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from clickstream.querying.conditions import condition
from clickstream.querying.scope import Matching
from clickstream.querying.sequences.streams import IN_ORDER, NO_ACTS, Slice, finished, select, streams
from clickstream.querying.statement import Statement
from clickstream.sites.funnels import Within

MIN_LENGTH, MAX_LENGTH = 2, 10
MAX_BRANCHES = 50


class Direction(StrEnum):
    """Where paths lead from where they begin."""

    FORWARD = "forward"
    BACKWARD = "backward"


# The kind of an event and what it is called there; the kinds `other` and `end` have no name.
_NODE = (
    "CASE WHEN event_type = 'page_view' THEN 'page ' || coalesce(page_path, '(none)') ELSE 'event ' || event_name END"
)
_ORDERS = {
    Direction.FORWARD: IN_ORDER,
    Direction.BACKWARD: "PARTITION BY stream ORDER BY moment DESC, event_id DESC",
}


def paths_statement(
    slice_: Slice,
    start: Matching | None = None,
    *,
    direction: Direction = Direction.FORWARD,
    within: Within = Within.VISIT,
    length: int = 4,
    branches: int = 10,
    fold_repeats: bool = False,
) -> Statement:
    """A row for each path of 1 to `length` events, the shortest first.

    Paths begin with every event that matches `start`; without one, with the first of each stream, or backward with the
    last. From each path the `branches` most frequent ways lead on; the rest are one, `other`, which ends there. With
    `fold_repeats`, events in a row that are alike are one.

    Columns: `step`, how many events the path has; `path`, these as a list of texts such as `page /cart` and
    `event purchase`, of which the last may be `other`, or `end` where the stream ends; `kind` and `label`, the two
    parts of the last; `reached`, the visits, visitors or persons that went it; `times`, how often they did.
    """
    parameters = slice_.parameters()
    order = _ORDERS[direction]
    columns = {"node": _NODE, "is_act": f"event_type NOT IN ({NO_ACTS})"}
    followed, begins = "is_act", "node_before IS NULL"
    if start is not None:
        columns["is_start"] = condition(start, parameters)
        followed, begins = "is_act OR is_start", "is_start"
    nodes = [f"node_{step}" for step in range(1, length + 1)]
    onward = [f"lead(node, {ahead}) OVER ({order}) AS {node}" for ahead, node in enumerate(nodes[1:], 1)]
    most = parameters.bind(branches)
    expressions = [
        streams(slice_, within, columns, parameters, needs_visits=start is not None and start.needs_visits),
        select("followed", ["*", f"lag(node) OVER ({order}) AS node_before"], "streams", [followed]),
        select(
            "walks",
            ["stream", f"{begins} AS begins", "node AS node_1", *onward],
            "followed",
            ["node_before IS DISTINCT FROM node"] if fold_repeats else [],
        ),
        select("paths_0", ["stream", "CAST([] AS VARCHAR[]) AS path", "true AS goes_on", *nodes], "walks", ["begins"]),
        *(expression for step in range(1, length + 1) for expression in _paths(step, nodes[step:], most)),
    ]
    every = "\n    UNION ALL ".join(f"SELECT stream, path FROM paths_{step}" for step in range(1, length + 1))
    expressions.append(f"paths AS (\n    {every}\n)")
    with_ = ",\n".join(expressions)
    sql = f"""
WITH {with_}
SELECT
    len(path) AS step,
    path,
    split_part(path[-1], ' ', 1) AS kind,
    CASE WHEN contains(path[-1], ' ') THEN substr(path[-1], strpos(path[-1], ' ') + 1) END AS label,
    count(DISTINCT stream) AS reached,
    count(*) AS times
FROM paths
GROUP BY path
ORDER BY step, reached DESC, path""".strip()
    return finished(sql, parameters)


def _paths(step: int, later: Sequence[str], most: str) -> Iterator[str]:
    """Those of so many events, out of those with one less."""
    node, before = f"node_{step}", f"paths_{step - 1}"
    place = f"row_number() OVER (PARTITION BY path ORDER BY count(DISTINCT stream) DESC, {node}) AS place"
    yield select(f"ways_{step}", ["path", node, place], before, ["goes_on", f"{node} IS NOT NULL"], ["path", node])
    name = f"CASE WHEN {node} IS NULL THEN 'end' WHEN place <= {most} THEN {node} ELSE 'other' END"
    yield select(
        f"paths_{step}",
        ["stream", f"list_append(path, {name}) AS path", f"coalesce(place <= {most}, false) AS goes_on", *later],
        f"{before} LEFT JOIN ways_{step} USING (path, {node})",
        ["goes_on"],
    )
