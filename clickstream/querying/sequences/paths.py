"""Paths: the events that directly follow an event or a page, or directly precede it, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from clickstream.querying.conditions import condition
from clickstream.querying.scope import Matching
from clickstream.querying.sequences.streams import ORDERS, Slice, finished, reads_visited, select, streams
from clickstream.querying.statement import Statement
from clickstream.querying.stays import OF_EACH_VISIT
from clickstream.sites.funnels import Within

MIN_LENGTH, MAX_LENGTH = 2, 10
MAX_BRANCHES = 50
MAX_PATHS = 10_000


class Direction(StrEnum):
    """Direction in time of a path from its start."""

    FORWARD = "forward"
    BACKWARD = "backward"


# What an event is on a path: the view of a page, or an event of a name. Walks consist of hashes, and paths of numbers
# in the order of the labels, since the path of a page may have thousands of characters. Any two of n labels share a
# hash with a probability of n^2 / 4e19.
_OF_NODE = {
    "is_page": "event_type = 'page_view'",
    "node_name": "CASE WHEN event_type = 'page_view' THEN coalesce(page_path, '(none)') ELSE event_name END",
}
_NODE = "hash(is_page, node_name)"
# The kind of an event and its label; the kinds `other` and `end` have no label.
_LABEL = "CASE WHEN is_page THEN 'page ' ELSE 'event ' END || node_name"
_END, _OTHER = 0, -1
_TIMES = "CAST(sum(times) AS BIGINT)"


def paths_statement(
    slice_: Slice,
    start: Matching | None = None,
    *,
    direction: Direction = Direction.FORWARD,
    within: Within = Within.VISIT,
    length: int = 4,
    branches: int = 10,
    fold_repeats: bool = False,
    limit: int = MAX_PATHS,
) -> Statement:
    """A row for each path of 1 to `length` events, the shortest first and of these the most frequent; `limit` at most.

    Paths begin with every event that matches `start`; without one, with the first event of each stream, or backward
    with the last. Each path continues with its `branches` most frequent next events; all others are `other`, which ends
    there. With `fold_repeats`, equal events in a row count as one.

    Columns: `step`, the number of events in the path; `path`, these as a list of texts such as `page /cart` and
    `event purchase`, of which the last may be `other`, or `end` if the stream ends; `kind` and `label`, the two parts
    of the last; `reached`, the visits, visitors or persons that took the path; `times`, how often they took it.
    """
    parameters = slice_.parameters()
    descending = " DESC" if direction is Direction.BACKWARD else ""
    order = f"PARTITION BY stream_key ORDER BY {', '.join(f'{name}{descending}' for name in ORDERS[within])}"
    columns = {**_OF_NODE, "is_act": "act"}
    followed, begins = "is_act", "node_before IS NULL"
    stream_columns = ["stream_key", *ORDERS[within]]
    # Without a start, each stream has one walk.
    walker, reached = [], _TIMES
    if start is not None:
        columns["is_start"] = condition(start, parameters)
        followed, begins = "is_act OR is_start", "is_start"
        stream_columns.append("is_start")
        walker, reached = ["stream_key"], "count(DISTINCT stream_key)"
    numbers = [f"node_{step}" for step in range(1, length + 1)]
    onward = [f"lead(node, {ahead}) OVER ({order}) AS {node}" for ahead, node in enumerate(numbers[1:], 1)]
    most = parameters.bind(branches)
    of_streams = streams(slice_, within, columns, parameters, needs_visits=start is not None and start.needs_visits)
    walked = OF_EACH_VISIT if within is Within.VISIT and reads_visited(of_streams) else "walked"
    expressions = [
        of_streams,
        select(
            "followed",
            [*stream_columns, f"{_NODE} AS node", f"lag({_NODE}) OVER ({order}) AS node_before"],
            "streams",
            [followed],
        ),
        select(
            "walks",
            ["stream_key", f"{begins} AS begins", "node AS node_1", *onward],
            "followed",
            ["node_before IS DISTINCT FROM node"] if fold_repeats else [],
        ),
        select(walked, [*walker, *numbers, "count(*) AS times"], "walks", ["begins"], [*walker, *numbers]),
        select("nodes", ["is_page", "node_name"], "streams", [followed], ["is_page", "node_name"]),
        select(
            "labels",
            [f"{_NODE} AS node", f"{_LABEL} AS label", f"row_number() OVER (ORDER BY {_LABEL}) AS number"],
            "nodes",
        ),
        _numbered(walked, walker, numbers),
        *(
            expression
            for step in range(1, length + 1)
            for expression in _paths(step, [*walker, "times", *numbers[step:]], reached, most)
        ),
    ]
    every = "\n    UNION ALL ".join(
        f"SELECT {', '.join([*walker, 'times', 'way'])} FROM paths_{step}" for step in range(1, length + 1)
    )
    expressions += [
        f"ways AS (\n    {every}\n)",
        select("counted", ["way", f"{reached} AS reached", f"{_TIMES} AS times"], "ways", [], ["way"]),
        select("answered", ["*"], "counted ORDER BY len(way), reached DESC, way LIMIT " + parameters.bind(limit)),
        select("stops", ["*", "unnest(way) AS number", "generate_subscripts(way, 1) AS place"], "answered"),
        select(
            "paths",
            ["list(label ORDER BY place) AS path", "reached", "times"],
            f"stops JOIN (SELECT number, label FROM labels UNION ALL VALUES ({_END}, 'end'), ({_OTHER}, 'other'))\n"
            "        USING (number)",
            [],
            ["way", "reached", "times"],
        ),
    ]
    with_ = ",\n".join(expressions)
    sql = f"""
WITH {with_}
SELECT
    len(path) AS step,
    path,
    split_part(path[-1], ' ', 1) AS kind,
    CASE WHEN contains(path[-1], ' ') THEN substr(path[-1], strpos(path[-1], ' ') + 1) END AS label,
    reached,
    times
FROM paths
ORDER BY step, reached DESC, path""".strip()
    return finished(sql, parameters)


def _numbered(walked: str, walker: Sequence[str], nodes: Sequence[str]) -> str:
    """The common table expression for the walks as paths without an event, with numbers of labels."""
    numbers = [f"labels_{step}.number AS {node}" for step, node in enumerate(nodes, 1)]
    joins = [f"LEFT JOIN labels AS labels_{step} ON {node} = labels_{step}.node" for step, node in enumerate(nodes, 1)]
    columns = [*walker, "times", "CAST([] AS BIGINT[]) AS way", "true AS goes_on", *numbers]
    return select("paths_0", columns, "\n        ".join([walked, *joins]))


def _paths(step: int, carried: Sequence[str], reached: str, most: str) -> Iterator[str]:
    """Common table expressions for the paths of `step` events, from those with one event less."""
    node, before = f"node_{step}", f"paths_{step - 1}"
    place = f"row_number() OVER (PARTITION BY way ORDER BY {reached} DESC, {node}) AS place"
    yield select(f"onward_{step}", ["way", node, place], before, ["goes_on", f"{node} IS NOT NULL"], ["way", node])
    number = f"CASE WHEN {node} IS NULL THEN {_END} WHEN place <= {most} THEN {node} ELSE {_OTHER} END"
    yield select(
        f"paths_{step}",
        [*carried, f"list_append(way, {number}) AS way", f"coalesce(place <= {most}, false) AS goes_on"],
        f"{before} LEFT JOIN onward_{step} USING (way, {node})",
        ["goes_on"],
    )
