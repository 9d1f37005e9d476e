"""Definition of every metric, in SQL.

The events of a group are first aggregated per visitor and visit, to the columns that its metrics name in `parts`:
aggregates over events of the relations of visitors.py and visits.py. A metric's `sql` is an aggregate over these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Need(StrEnum):
    """What a metric reads besides the events themselves."""

    VISITOR = "visitor_key"  # the column of this name
    VISIT = "visit"  # the column of this name, and the others of `visited`
    VIEW = "view"  # the columns of `viewed`
    HISTORY = "history"  # `first_seen_at`: when the visitor was first seen
    REVENUE = "revenue"  # the columns of `paid`
    PERSON = "person"  # the columns of `persons`
    ALL = "all"  # `all_visitors`: the visitors of all groups together
    GOAL = "goal"  # `everyone`: the visitors of all groups, whether or not they met the goal of the filters
    GOAL_OF_GROUP = "goal of group"  # `group_visitors`: those of the group, whether or not they met the goal


@dataclass(frozen=True, slots=True)
class Metric:
    """A number about a group of events. Without events, a metric that `counts` is 0, and any other is null."""

    name: str
    description: str
    sql: str
    parts: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[Need] = frozenset()
    counts: bool = False
    sql_of_events: str | None = None
    """`sql` over rows that are single events, with the columns OF_EVENT; None if that is the same."""


def _total(part: str) -> str:
    return f"CAST(coalesce(sum({part}), 0) AS BIGINT)"


def _people(part: str) -> str:
    """How many different people lists of them name."""
    return f"coalesce(len(list_distinct(flatten(list({part}) FILTER ({part} IS NOT NULL)))), 0)"


def _percent(part: str, whole: str) -> str:
    return f"100e0 * {part} / nullif({whole}, 0)"


VISITORS, VISITS = "count(DISTINCT visitor_key)", "count(visit)"
_VIEWS = {"views": "count_if(event_type = 'page_view')"}
# These columns as a single event has them, for metrics that need no groups by visitor and visit.
OF_EVENT: Mapping[str, str] = {
    "views": "CAST(event_type = 'page_view' AS INTEGER)",
    "events": "1",
    "people": "CASE WHEN person IS NOT NULL THEN hash(person) END",
    "known_people": "CASE WHEN is_known THEN hash(person) END",
}
_BOUNCED = {"bounced": "bool_or(visit_bounced)"}
_BOUNCES = "count(visit) FILTER (bounced)"
_ENTRIES = {"entries": "count_if(event_type = 'page_view' AND views_so_far = 1 AND visit IS NOT NULL)"}
_EXITS = {"exits": "count_if(event_type = 'page_view' AND views_so_far = visit_views AND visit IS NOT NULL)"}
_REVENUE = {"revenue_sum": "sum(revenue)", "sales": "count(revenue) FILTER (sells)"}
# For an event without a visit, the event's own time decides whether its visitor is new.
_FIRST = {"is_first": "bool_or(coalesce(coalesce(visit_begun, occurred_at) <= first_seen_at, true))"}

_OF_PEOPLE = frozenset({Need.PERSON})
_OF_VISITORS = frozenset({Need.VISITOR})
_OF_VISITS = frozenset({Need.VISIT})
_OF_VIEWS = frozenset({Need.VISIT, Need.VIEW})
_OF_REVENUE = frozenset({Need.REVENUE})
_OF_HISTORY = frozenset({Need.VISITOR, Need.VISIT, Need.HISTORY})

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "visitors",
            "Distinct visitors: see [visits.md](visits.md#visitors). A visitor is the event's `anonymous_id`; for an "
            "event with only a `user_id`, the device of that user, else the `user_id`.",
            VISITORS,
            needs=_OF_VISITORS,
            counts=True,
        ),
        Metric(
            "visits",
            "Distinct visits: see [visits.md](visits.md). A visit is a visitor's `session_id`; if the tracker gives "
            "none, a run of the visitor's events with no more than 30 minutes between one and the next. Events that "
            "happen by themselves, or that report reading time or a visitor's identity, begin no visit.",
            VISITS,
            needs=_OF_VISITS,
            counts=True,
        ),
        Metric("pageviews", "Events of type `page_view`.", _total("views"), _VIEWS, counts=True),
        Metric("events", "Events of every type.", _total("events"), {"events": "count(*)"}, counts=True),
        Metric(
            "bounces",
            "Visits in which the visitor did one thing; events that happen by themselves, or that report reading time "
            "or a visitor's identity, do not end a bounce.",
            _BOUNCES,
            _BOUNCED,
            _OF_VISITS,
            counts=True,
        ),
        Metric("bounce_rate", "Bounces, in percent of visits.", _percent(_BOUNCES, VISITS), _BOUNCED, _OF_VISITS),
        Metric(
            "visit_duration",
            "Mean seconds from the first thing that the visitor did in a visit to the last, or to the last page ping "
            "within four hours after that.",
            "avg(visit_us) FILTER (visit IS NOT NULL) / 1e6",
            {"visit_us": "max(epoch_us(visit_ended) - epoch_us(visit_begun))"},
            _OF_VISITS,
        ),
        Metric(
            "views_per_visit",
            "Page views for each visit.",
            f"1e0 * {_total('views')} / nullif({VISITS}, 0)",
            _VIEWS,
            _OF_VISITS,
        ),
        Metric(
            "time_on_page",
            "Mean seconds for which a page was seen, over the page views that report it: the sum of `engagement_ms` of "
            "the page pings between the view and the visit's next view of the same page.",
            "sum(engaged_ms) / nullif(sum(engaged_views), 0) / 1000",
            {"engaged_ms": "sum(view_engaged_ms)", "engaged_views": "count(view_engaged_ms)"},
            _OF_VIEWS,
        ),
        Metric(
            "scroll_depth",
            "Mean percent of the page that was seen, over the page views that report it: the greatest `scroll_depth` "
            "of the same page pings.",
            "sum(depth) / nullif(sum(deep_views), 0)",
            {"depth": "sum(view_depth)", "deep_views": "count(view_depth)"},
            _OF_VIEWS,
        ),
        Metric(
            "entries",
            "Page views that are the first of their visit.",
            _total("entries"),
            _ENTRIES,
            _OF_VISITS,
            counts=True,
        ),
        Metric(
            "exits", "Page views that are the last of their visit.", _total("exits"), _EXITS, _OF_VISITS, counts=True
        ),
        Metric(
            "exit_rate",
            "Exits, in percent of page views.",
            _percent(_total("exits"), _total("views")),
            {**_EXITS, **_VIEWS},
            _OF_VISITS,
        ),
        Metric(
            "new_visitors",
            "Visitors whose first visit is one of these: they were not seen in the 30 days before the range.",
            f"{VISITORS} FILTER (is_first)",
            _FIRST,
            _OF_HISTORY,
            counts=True,
        ),
        Metric(
            "returning_visitors",
            "Visitors with a later visit among these. A new visitor who comes back counts as both.",
            f"{VISITORS} FILTER (NOT is_first)",
            _FIRST,
            _OF_HISTORY,
            counts=True,
        ),
        Metric(
            "people",
            "Distinct people: see [identity.md](identity.md). Events before a login are the user's, on every device; "
            "without any login a person is a device.",
            _people("people"),
            # As a key of the groups, a person would count the visits of two people twice.
            {"people": "list(DISTINCT hash(person)) FILTER (person IS NOT NULL)"},
            _OF_PEOPLE,
            counts=True,
            sql_of_events="count(DISTINCT people)",
        ),
        Metric(
            "known_people",
            "Those of them who are users: they logged in, on any device, before the event or after it.",
            _people("known_people"),
            {"known_people": "list(DISTINCT hash(person)) FILTER (is_known)"},
            _OF_PEOPLE,
            counts=True,
            sql_of_events="count(DISTINCT known_people)",
        ),
        Metric(
            "percentage",
            "Visitors, in percent of the visitors of all groups together.",
            _percent(VISITORS, "any_value(all_visitors)"),
            needs=_OF_VISITORS | {Need.ALL},
        ),
        Metric(
            "conversion_rate",
            "Visitors who met the goal, in percent of the visitors of all groups together. Needs a filter or the "
            "dimension `event:goal`; the percentage is of the visitors that meet the other filters.",
            _percent(VISITORS, "any_value(everyone)"),
            needs=_OF_VISITORS | {Need.GOAL},
        ),
        Metric(
            "group_conversion_rate",
            "Visitors who met the goal, in percent of the group's own visitors; otherwise as `conversion_rate`.",
            _percent(VISITORS, "any_value(group_visitors)"),
            needs=_OF_VISITORS | {Need.GOAL_OF_GROUP},
        ),
        Metric(
            "total_revenue",
            "Sum of the events' [revenue](revenue.md): each order once, less refunds; null if it would mix several "
            "currencies.",
            "CAST(coalesce(sum(revenue_sum), 0) AS DOUBLE)",
            _REVENUE,
            _OF_REVENUE,
            counts=True,
        ),
        Metric(
            "average_revenue",
            "Total revenue divided by the number of sales: events that count for revenue and are no refund.",
            "CAST(sum(revenue_sum) AS DOUBLE) / nullif(sum(sales), 0)",
            _REVENUE,
            _OF_REVENUE,
        ),
    )
}
