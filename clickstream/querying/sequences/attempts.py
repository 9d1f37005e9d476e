"""The sequence engine: each stream's attempts at the steps, and the one attempt that counts.

An attempt begins with any event of the first step. Each further step is the first event after the step before that
matches it (loose), or the very next event of the stream, if it matches (strict). An attempt ends if there is no such
event, if it comes later than the window allows, or if an excluded event comes before it (loose). Of each stream, the
attempt that gets furthest counts, and of several such attempts the earliest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from clickstream.filters.deeds import ACT
from clickstream.filters.dimensions import quoted
from clickstream.querying.conditions import Parameters, condition
from clickstream.querying.scope import Sequence
from clickstream.querying.sequences.streams import IN_ORDER, ORDERS, Slice, select, streams
from clickstream.sites.funnels import Order

_BY_POSITION = "PARTITION BY stream_key ORDER BY position"
_LATER = f"{_BY_POSITION} ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"


def attempts(
    sequence: Sequence,
    slice_: Slice,
    columns: Mapping[str, str],
    parameters: Parameters,
    *,
    needs_visits: bool = False,
    event_ids: bool = False,
) -> str:
    """Common table expressions, the last of which is `counted`: for each stream with an attempt, the one that counts.

    Its columns: `stream_key`; `taken`, a list of the steps that were reached, each with the `moment` (microseconds
    since 1970) of its event and, with `event_ids`, the `event_id`; `reached`, the length of that list; and `columns`,
    given as name -> SQL about the event of the first step.
    """
    columns_of_first = [quoted(name) for name in columns]
    of_events = {**flags_of(sequence, parameters), **columns}
    if event_ids:
        of_events["event_id"] = "event_id"
    return ",\n".join(
        [
            streams(
                slice_,
                sequence.within,
                of_events,
                parameters,
                needs_visits=needs_visits or sequence.needs_visits,
            ),
            *every_attempt(sequence, columns_of_first, parameters, event_ids=event_ids, order=ORDERS[sequence.within]),
            select(
                "ranked",
                ["*", "row_number() OVER (PARTITION BY stream_key ORDER BY len(taken) DESC, position) AS place"],
                "attempts",
            ),
            select(
                "counted", ["stream_key", *columns_of_first, "taken", "len(taken) AS reached"], "ranked", ["place = 1"]
            ),
        ]
    )


def flags_of(sequence: Sequence, parameters: Parameters) -> Mapping[str, str]:
    """The columns about an event that `every_attempt` needs, as name -> SQL; an event without any plays no part."""
    matchings = [step.matching for step in sequence.steps]
    if sequence.order is Order.LOOSE:
        matchings.extend(exclusion.matching for exclusion in sequence.exclusions)
    flags = [condition(matching, parameters) for matching in matchings]
    return dict(zip(flag_names(sequence), [*flags, ACT], strict=False))


def flag_names(sequence: Sequence) -> list[str]:
    """The names of these columns."""
    steps = [f"step_{number}" for number, _ in enumerate(sequence.steps, 1)]
    if sequence.order is Order.STRICT:
        return [*steps, "is_act"]
    return [*steps, *(f"exclusion_{number}" for number, _ in enumerate(sequence.exclusions, 1))]


def every_attempt(
    sequence: Sequence,
    columns: Iterable[str],
    parameters: Parameters,
    *,
    event_ids: bool = False,
    order: Iterable[str] = IN_ORDER,
    prefix: str = "",
) -> Iterator[str]:
    """Common table expressions, the last of which is `attempts`, after the prefix that all their names have: every
    attempt of each stream, with `stream_key`, `position`, these columns of the first event, and `taken` as in
    `attempts`.

    They read `streams`, after the same prefix: events with `stream_key`, `moment`, the columns of `order`, the flags.
    """
    numbered = ["*", f"row_number() OVER (PARTITION BY stream_key ORDER BY {', '.join(order)}) AS position"]
    yield select(f"{prefix}numbered", numbered, f"{prefix}streams", [" OR ".join(flag_names(sequence))])
    yield from _ways(sequence, prefix, event_ids=event_ids)
    taken = f"{_within_window(sequence, parameters)} AS taken"
    yield select(f"{prefix}attempts", ["stream_key", "position", *columns, taken], f"{prefix}ways_1", ["step_1"])


def _ways(sequence: Sequence, prefix: str, *, event_ids: bool) -> Iterator[str]:
    """Common table expressions from the last step back to the first: for each event of a step, the list of steps from
    there on, regardless of the window.
    """
    last = len(sequence.steps)
    strict = sequence.order is Order.STRICT
    this = "struct_pack(moment := moment, event_id := event_id)" if event_ids else "struct_pack(moment := moment)"
    where = [" OR ".join(f"step_{number}" for number in range(1, last + 1))] if strict else []
    way = f"CASE WHEN step_{last} THEN [{this}] END AS way"
    yield select(f"{prefix}ways_{last}", ["*", way], f"{prefix}numbered", where)
    for step in range(last - 1, 0, -1):
        onward = _very_next(step) if strict else _first_later(step, sequence)
        way = f"CASE WHEN step_{step} THEN list_concat([{this}], coalesce({onward}, [])) END"
        yield select(f"{prefix}ways_{step}", [f"* REPLACE ({way} AS way)"], f"{prefix}ways_{step + 1}")


def _very_next(step: int) -> str:
    following = f"lead(CASE WHEN step_{step + 1} THEN way END) OVER ({_BY_POSITION})"
    return f"CASE WHEN lead(position) OVER ({_BY_POSITION}) = position + 1 THEN {following} END"


def _first_later(step: int, sequence: Sequence) -> str:
    excluded = [
        f"exclusion_{number}"
        for number, exclusion in enumerate(sequence.exclusions, 1)
        if exclusion.after in (None, step)
    ]
    ends = f" WHEN {' OR '.join(excluded)} THEN []" if excluded else ""
    return f"first_value(CASE WHEN step_{step + 1} THEN way{ends} END IGNORE NULLS) OVER ({_LATER})"


def _within_window(sequence: Sequence, parameters: Parameters) -> str:
    if sequence.window is None:
        return "way"
    window = parameters.bind(sequence.window // timedelta(microseconds=1))
    return f"list_filter(way, lambda step: step.moment - way[1].moment <= {window})"
