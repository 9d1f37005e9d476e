"""Funnels: how many reached each step of a sequence, how long it took, and the visits behind these numbers."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Listed

from clickstream.filters.dimensions import Dimension
from clickstream.querying.scope import Sequence
from clickstream.querying.sequences.attempts import attempts
from clickstream.querying.sequences.streams import Slice, finished
from clickstream.querying.statement import Statement

MAX_GROUPS = 100

_SECONDS = "(taken[step].moment - taken[step - 1].moment) / 1e6"
_CAME = "count(stream_key) FILTER (WHERE reached >= step)"


def funnel_statement(
    sequence: Sequence, slice_: Slice, dimensions: Listed[Dimension] = (), groups: int = MAX_GROUPS
) -> Statement:
    """A row for each step, in order; with dimensions, one for each step of each of the `groups` largest groups.

    Columns: each dimension (of the event that the attempt began with); `step`, from 1; `name`; `reached`: visits,
    visitors or persons that reached the step; `dropped`: those of them that did not reach the next;
    `percent_of_first` and `percent_of_previous`: of those at the first step and at the one before, null if there are
    none; `median_seconds` and `mean_seconds`: since the step before.
    """
    parameters = slice_.parameters()
    names = [dimension.column for dimension in dimensions]
    relation = attempts(
        sequence,
        slice_,
        {dimension.name: dimension.sql for dimension in dimensions},
        parameters,
        needs_visits=any(dimension.of_visits for dimension in dimensions),
    )
    steps = ", ".join(f"({number}, {parameters.bind(step.name)})" for number, step in enumerate(sequence.steps, 1))
    columns = [
        *names,
        "step",
        "name",
        f"{_CAME} AS reached",
        f"count(stream_key) FILTER (WHERE reached = step AND step < {len(sequence.steps)}) AS dropped",
        f"100.0 * {_CAME} / nullif(count(stream_key), 0) AS percent_of_first",
        f"100.0 * {_CAME} / nullif(count(stream_key) FILTER (WHERE reached >= step - 1), 0) AS percent_of_previous",
        f"median({_SECONDS}) FILTER (WHERE reached >= step) AS median_seconds",
        f"avg({_SECONDS}) FILTER (WHERE reached >= step) AS mean_seconds",
    ]
    # Without dimensions, every step has a row, even if nobody reached the first.
    joined = "CROSS JOIN counted" if dimensions else "LEFT JOIN counted ON true"
    rows = parameters.bind(groups * len(sequence.steps))
    sql = "\n".join(
        [
            f"WITH {relation},",
            f"steps (step, name) AS (VALUES {steps})",
            "SELECT\n    " + ",\n    ".join(columns),
            f"FROM steps {joined}",
            f"GROUP BY {', '.join([*names, 'step', 'name'])}",
            f"ORDER BY {', '.join(['count(stream_key) DESC', *names, 'step'])}",
            f"LIMIT {rows}",
        ]
    )
    return finished(sql, parameters)


def funnel_visits_statement(
    sequence: Sequence,
    slice_: Slice,
    step: int,
    *,
    dropped: bool = False,
    group: Mapping[Dimension, str] | None = None,
    limit: int,
    offset: int = 0,
) -> Statement:
    """The visits, visitors or persons behind a number of the funnel, the latest first: a row for each that reached the
    step; with `dropped`, only for those that did not reach the next. `group` gives the values of the number's
    dimensions, which must be texts.

    Columns: `visitor`, or `person`; `started_at`, the moment of the first step; `reached`, the number of the last step
    that was reached; `seconds`, from the first step to that one; `event_ids`, the event of each step.
    """
    parameters = slice_.parameters()
    chosen = dict(group or {})
    subject = "person" if sequence.within == "person" else "visitor"
    relation = attempts(
        sequence,
        slice_,
        {subject: subject, **{dimension.name: dimension.sql for dimension in chosen}},
        parameters,
        needs_visits=any(dimension.of_visits for dimension in chosen),
        event_ids=True,
    )
    where = [f"reached {'=' if dropped else '>='} {parameters.bind(step)}"]
    where.extend(f"{dimension.column} = {parameters.bind(value)}" for dimension, value in chosen.items())
    columns = [
        subject,
        "make_timestamptz(taken[1].moment) AS started_at",
        "reached",
        "(taken[-1].moment - taken[1].moment) / 1e6 AS seconds",
        "list_transform(taken, lambda step: step.event_id) AS event_ids",
    ]
    sql = "\n".join(
        [
            f"WITH {relation}",
            "SELECT\n    " + ",\n    ".join(columns),
            "FROM counted",
            "WHERE " + "\n    AND ".join(where),
            "ORDER BY taken[1].moment DESC, taken[1].event_id DESC",
            f"LIMIT {parameters.bind(limit)} OFFSET {parameters.bind(offset)}",
        ]
    )
    return finished(sql, parameters)
