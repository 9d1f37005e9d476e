"""Attribution of conversions to the visits, and so the sources, that led to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from enum import StrEnum

from clickstream.filters.dimensions import Dimension
from clickstream.identity.persons import RELATION as PERSONS
from clickstream.identity.persons import looks_at_people, persons
from clickstream.querying.conditions import ask_for_bots, condition, conditions
from clickstream.querying.period import Period
from clickstream.querying.revenue import RELATION, currencies_of, looks_at_money, paid
from clickstream.querying.scope import Goal
from clickstream.querying.sequences.streams import STREAMS, Slice, finished
from clickstream.querying.statement import Statement
from clickstream.querying.stays import FEW, stays_for
from clickstream.querying.visitors import IN_PERIOD
from clickstream.querying.visits import relations
from clickstream.sites.funnels import Within

MAX_WINDOW = timedelta(days=400)


class Model(StrEnum):
    """How a conversion is divided among the visits that led to it."""

    FIRST = "first"
    LAST = "last"
    LINEAR = "linear"
    POSITION = "position"


@dataclass(frozen=True, slots=True)
class _Shares:
    """SQL for the shares of a conversion with `visits` visits: of each, and the extra of the first and last."""

    per_visit: str | None = None
    first: str | None = None
    last: str | None = None


_POSITION_PER_VISIT = "CASE WHEN visits <= 2 THEN 1e0 / visits ELSE 2e-1 / (visits - 2) END"
_POSITION_ENDS = "CASE WHEN visits <= 2 THEN 0e0 ELSE 4e-1 - 2e-1 / (visits - 2) END"
_SHARES = {
    Model.FIRST: _Shares(first="1e0"),
    Model.LAST: _Shares(last="1e0"),
    Model.LINEAR: _Shares(per_visit="1e0 / visits"),
    Model.POSITION: _Shares(_POSITION_PER_VISIT, _POSITION_ENDS, _POSITION_ENDS),
}
# A visit without a known traffic source is direct if no other host led to it.
_DIRECT = (
    "CASE WHEN NOT visit_arrives THEN visit_source = '(direct)' ELSE arrival_channel IS NOT DISTINCT FROM 'Direct' END"
)


def attributed_period(period: Period, window: timedelta) -> Period:
    """The period that a statement about the conversions of `period` reads."""
    return period.since(period.begin.astimezone(UTC) - window)


def attribution_statement(
    slice_: Slice,
    goal: Goal,
    dimensions: Sequence[Dimension],
    *,
    model: Model,
    window: timedelta,
    within: Within = Within.VISITOR,
    limit: int,
    offset: int = 0,
) -> Statement:
    """A row for each group of the dimensions' values, those with most conversions first.

    Conversions are the events of the slice that meet the goal. Each is divided among the visits of its visitor or
    person that began at most `window` before it, and its own visit; direct visits only get a share if there are no
    others. The filters of the slice select conversions, not visits. Run the statement over `attributed_period`.

    Columns: each dimension, of a visit's first event; `conversions`, the sum of shares; `revenue`, the same shares of
    the conversions' revenue, null if it is in several currencies; `currencies`, those of any conversion's revenue. A
    dimension is `(none)` for conversions without any visit.
    """
    wide = replace(slice_, period=attributed_period(slice_.period, window))
    parameters = wide.parameters()
    names = [dimension.column for dimension in dimensions]
    begin = f"CAST({parameters.bind(slice_.period.begin.isoformat())} AS TIMESTAMPTZ)"
    converts = [
        f"occurred_at >= {begin}",
        condition(goal.matching, parameters),
        *conditions(slice_.filters, parameters),
    ]
    columns = [f"{dimension.sql} AS {dimension.column}" for dimension in dimensions]
    window_us = parameters.bind(window // timedelta(microseconds=1))
    groups = ",\n    ".join(f"coalesce({name}, '(none)') AS {name}" for name in names)
    thanked = "\n    UNION ALL ".join(_thanked(_SHARES[model], window_us))
    with_bots = ask_for_bots(slice_.filters, slice_.site)
    expressions = [relations(of_visits=True, with_bots=with_bots, split_at_midnight=slice_.site.split_at_midnight)]
    of_event = _OF_EVENT.format(stream=STREAMS[within], direct=_DIRECT)
    of_stays = (
        within is Within.VISITOR
        and all(dimension.of_visits for dimension in dimensions)
        and not looks_at_people(*converts)
        and not looks_at_money(*converts)
        and not any("FROM visited" in part for part in converts)  # what else the visit has done
    )
    if of_stays:
        begun = _STAYS_BEGUN.format(of_event=of_event, columns=", ".join(columns))
        expressions += [stays_for(begun), begun]
    source = "visited"
    if within is Within.PERSON or looks_at_people(*converts, *columns):
        expressions.append(persons(source, slice_.site.trust))
        source = PERSONS
    converting = " AND ".join([IN_PERIOD, *converts])
    if looks_at_money(*converts, *columns):
        expressions.append(paid(source, parameters, with_bots=with_bots, goal=goal, begin=begin))
        source, where = RELATION, converting
    else:
        expressions.append(_CONVERTING.format(source=source, where=converting))
        expressions.append(paid(FEW, parameters, with_bots=with_bots, goal=goal, begin=begin, of_relation=True))
        where = "true"
    expressions += [_CONVERSIONS.format(of_event=of_event, where=where), currencies_of("conversions")]
    if of_stays:
        expressions.append(_BEGUN_OF_STAYS)
    else:
        in_visits = _IN_VISITS.format(of_event=of_event, columns=", ".join(columns), source=source, period=IN_PERIOD)
        expressions += [in_visits, _BEGUN]
    expressions.append(_LED.format(window_us=window_us))
    worth = "round(coalesce(sum(revenue), 0), 6)"
    if not slice_.site.currencies.rates:
        worth = f"CASE WHEN len(any_value(currencies)) > 1 THEN NULL ELSE {worth} END"
    with_ = ",\n".join(expressions)
    sql = f"""
WITH {with_},
thanked (stream, place, share, revenue) AS (
    {thanked}
)
SELECT
    {groups},
    round(sum(share), 6) AS conversions,
    {worth} AS revenue,
    any_value(currencies) AS currencies
FROM thanked LEFT JOIN begun USING (stream, place) CROSS JOIN currencies
WHERE share > 0
GROUP BY ALL
ORDER BY conversions DESC, {", ".join(names)}
LIMIT {parameters.bind(limit)} OFFSET {parameters.bind(offset)}""".strip()
    return finished(sql, parameters)


_CONVERTING = f"""
{FEW} AS NOT MATERIALIZED (
    SELECT *
    FROM {{source}}
    WHERE {{where}}
)""".strip()

# Each visit that is in no stream is a stream of its own.
_OF_EVENT = """
        coalesce({stream}, visit, 0) AS stream,
        visit,
        epoch_us(occurred_at) AS moment,
        {direct} AS direct""".strip()

_CONVERSIONS = f"""
conversions AS MATERIALIZED (
    SELECT {{of_event}}, revenue AS worth, revenue_currency, counts
    FROM {RELATION}
    WHERE {{where}}
)""".strip()

_IN_VISITS = """
in_visits AS NOT MATERIALIZED (
    SELECT {of_event}, received_at, event_id, {columns}
    FROM {source}
    WHERE {period} AND visit IS NOT NULL
)""".strip()

# `begun` has one row for each visit of a stream with conversions: that of its first event. `place` numbers the visits
# of a stream.
_BEGUN = """
visits_of_streams AS (
    SELECT stream, visit, min(moment) AS moment
    FROM in_visits
    GROUP BY stream, visit
),
firsts AS (
    SELECT visit, min(moment) AS moment
    FROM visits_of_streams
    WHERE stream IN (SELECT stream FROM conversions)
    GROUP BY visit
),
begun AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY stream ORDER BY moment, received_at, event_id) AS place
    FROM (
        SELECT *, row_number() OVER (PARTITION BY visit ORDER BY received_at, event_id) AS number
        FROM in_visits JOIN firsts USING (visit, moment)
        WHERE stream IN (SELECT stream FROM conversions)
    )
    WHERE number = 1
)""".strip()

# The same of stays, which have all that dimensions of visits need.
_STAYS_BEGUN = """
stays_begun AS NOT MATERIALIZED (
    SELECT {of_event}, moment_place, {columns}
    FROM stays
    WHERE visit IS NOT NULL
)""".strip()
_BEGUN_OF_STAYS = """
begun AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY stream ORDER BY moment, moment_place) AS place
    FROM stays_begun
    WHERE stream IN (SELECT stream FROM conversions)
)""".strip()

# The statement never makes a row for each pair of a conversion and a visit: their number can be the square of a
# visitor's events. Instead, each conversion gets the number of visits that led to it and the first and last of them;
# each visit sums the shares of the conversions after it. A conversion's own visit led to it even if it began before the
# window; then it is the first of all (`takes_own`).
_ENDS = """
{name} AS MATERIALIZED (
    SELECT stream, moment, min(place) AS first_place, max(place) AS last_place,
        min(number) AS first_number, max(number) AS last_number
    FROM (
        SELECT stream, moment, place, row_number() OVER (PARTITION BY stream ORDER BY place) AS number
        FROM begun
        WHERE {which}
    )
    GROUP BY stream, moment
)""".strip()
_LED = f"""
{_ENDS.format(name="every_visit", which="true")},
{_ENDS.format(name="indirect_visit", which="NOT direct")},
converted AS (
    SELECT stream, conversions.moment, conversions.moment - {{window_us}} AS since, conversions.direct, worth,
        place AS own_place, coalesce(begun.moment < conversions.moment - {{window_us}}, false) AS is_longer
    FROM conversions LEFT JOIN begun USING (stream, visit)
),
led AS (
    SELECT converted.*,
        CASE WHEN last.moment >= since THEN last.last_number - first.first_number + 1 ELSE 0 END AS any_visits,
        CASE WHEN last.moment >= since THEN first.first_place END AS first_any,
        CASE WHEN last.moment >= since THEN last.last_place END AS last_any,
        CASE WHEN indirect.moment >= since THEN indirect.last_number - first_indirect.first_number + 1 ELSE 0 END
            AS indirect_visits,
        CASE WHEN indirect.moment >= since THEN first_indirect.first_place END AS first_indirect,
        CASE WHEN indirect.moment >= since THEN indirect.last_place END AS last_indirect
    FROM converted
        ASOF LEFT JOIN every_visit AS last ON converted.stream = last.stream AND converted.moment >= last.moment
        ASOF LEFT JOIN every_visit AS first ON converted.stream = first.stream AND since <= first.moment
        ASOF LEFT JOIN indirect_visit AS indirect
            ON converted.stream = indirect.stream AND converted.moment >= indirect.moment
        ASOF LEFT JOIN indirect_visit AS first_indirect
            ON converted.stream = first_indirect.stream AND since <= first_indirect.moment
),
chosen AS MATERIALIZED (
    SELECT *,
        indirect_visits = 0 AND (direct OR NOT is_longer) AS takes_direct,
        is_longer AND (takes_direct OR NOT direct) AS takes_own,
        CASE WHEN takes_direct THEN any_visits ELSE indirect_visits END + CAST(takes_own AS BIGINT) AS visits,
        CASE WHEN takes_own THEN own_place WHEN takes_direct THEN first_any ELSE first_indirect END AS first_place,
        coalesce(CASE WHEN takes_direct THEN last_any ELSE last_indirect END, own_place) AS last_place
    FROM led
)""".strip()


def _thanked(shares: _Shares, window_us: str) -> Iterator[str]:
    """Queries whose union assigns shares of conversions to the first events of visits: `stream`, `place`, the share,
    and the same share of the revenue.
    """
    yield "SELECT stream, NULL, 1e0, CAST(worth AS DOUBLE) FROM chosen WHERE visits = 0"
    for end, share in (("first", shares.first), ("last", shares.last)):
        if share is not None:
            yield f"SELECT stream, {end}_place, {share}, {share} * worth FROM chosen WHERE visits > 0"
    if (share := shares.per_visit) is not None:
        yield f"SELECT stream, own_place, {share}, {share} * worth FROM chosen WHERE takes_own"
        yield _PER_VISIT_SHARES.format(window_us=window_us, share=share)


_PER_VISIT_SHARES = """
SELECT stream, own_place,
        CASE WHEN direct THEN of_direct ELSE of_all END,
        CASE WHEN direct THEN worth_direct ELSE worth_all END
    FROM (
        SELECT *,
            sum(share) OVER after AS of_all,
            sum(share * worth) OVER after AS worth_all,
            sum(share) FILTER (takes_direct) OVER after AS of_direct,
            sum(share * worth) FILTER (takes_direct) OVER after AS worth_direct
        FROM (
            SELECT stream, moment, direct, place AS own_place, NULL AS takes_direct, NULL AS share, NULL AS worth
            FROM begun
            UNION ALL
            SELECT stream, moment, NULL, NULL, takes_direct, {share}, worth
            FROM chosen
            WHERE visits > 0
        )
        WINDOW after AS (PARTITION BY stream ORDER BY moment RANGE BETWEEN CURRENT ROW AND {window_us} FOLLOWING)
    )
    WHERE direct IS NOT NULL""".strip()
