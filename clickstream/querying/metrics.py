"""What every metric means: each defined once, in SQL.

A group's events are first summed up per visitor and visit, to the columns that its metrics name in `parts`: aggregates
over the events, which come from the relations of visits.py. A metric's `sql` is an aggregate over these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Need(StrEnum):
    """What a metric looks at, beside the events themselves."""

    VISITOR = "visitor"  # the column of this name
    VISIT = "visit"  # the column of this name, and the others of `visited`
    VIEW = "view"  # the columns of `viewed`
    HISTORY = "history"  # `first_seen_at`: when the visitor was first seen
    REVENUE = "revenue"  # the column `revenue`
    ALL = "all"  # `asked_visitors`: the visitors of all groups together
    GOAL = "goal"  # `everyone`: the visitors of all groups, whether or not they met the goal that is filtered by
    GOAL_OF_GROUP = "goal of group"  # `group_visitors`: those of the group, whether or not they met the goal


@dataclass(frozen=True, slots=True)
class Metric:
    """A number about a group of events. Where there is none, what `counts` is 0, and anything else null."""

    name: str
    description: str
    sql: str
    parts: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[Need] = frozenset()
    counts: bool = False


def _total(part: str) -> str:
    return f"CAST(coalesce(sum({part}), 0) AS BIGINT)"


def _percent(part: str, whole: str) -> str:
    return f"100e0 * {part} / nullif({whole}, 0)"


VISITORS, VISITS = "count(DISTINCT visitor)", "count(visit)"
_VIEWS = {"views": "count_if(event_type = 'page_view')"}
_BOUNCED = {"bounced": "bool_or(visit_bounced)"}
_BOUNCES = "count(visit) FILTER (bounced)"
_ENTRIES = {"entries": "count_if(event_type = 'page_view' AND views_so_far = 1 AND visit IS NOT NULL)"}
_EXITS = {"exits": "count_if(event_type = 'page_view' AND views_so_far = visit_views AND visit IS NOT NULL)"}
_REVENUE = {"revenue_sum": "sum(revenue)", "revenue_events": "count(revenue)"}
_FIRST = {"is_first": "bool_or(visit_begun = first_seen_at)"}

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
            "Distinct visitors. A visitor is the event's `anonymous_id`, else its `user_id`.",
            VISITORS,
            needs=_OF_VISITORS,
            counts=True,
        ),
        Metric(
            "visits",
            "Distinct visits. A visit is a visitor's `session_id`; where the tracker gives none, a run of the "
            "visitor's events with no more than 30 minutes between one and the next. Of who denied consent no id is "
            "kept: there a page view that no page of the same host led to is a visit.",
            VISITS,
            needs=_OF_VISITS,
            counts=True,
        ),
        Metric("pageviews", "Events of type `page_view`.", _total("views"), _VIEWS, counts=True),
        Metric("events", "Events of every type.", _total("events"), {"events": "count(*)"}, counts=True),
        Metric(
            "bounces",
            "Visits in which no more than one thing happened; page pings, `identify`, `alias` and `group` are nothing "
            "that happened.",
            _BOUNCES,
            _BOUNCED,
            _OF_VISITS,
            counts=True,
        ),
        Metric("bounce_rate", "Bounces, in percent of visits.", _percent(_BOUNCES, VISITS), _BOUNCED, _OF_VISITS),
        Metric(
            "visit_duration",
            "Seconds from the first event of a visit to its last, the mean of the visits.",
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
            "Seconds for which a page was seen, the mean of the page views that tell: the sum of `engagement_ms` of "
            "the page pings between the view and the visit's next view of the same page.",
            "sum(engaged_ms) / nullif(sum(engaged_views), 0) / 1000",
            {"engaged_ms": "sum(view_engaged_ms)", "engaged_views": "count(view_engaged_ms)"},
            _OF_VIEWS,
        ),
        Metric(
            "scroll_depth",
            "Percent of the page that was seen, the mean of the page views that tell: the greatest `scroll_depth` of "
            "the same page pings.",
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
            "Visitors of whom a later visit is one of these. Who is new and comes back is counted as both.",
            f"{VISITORS} FILTER (NOT is_first)",
            _FIRST,
            _OF_HISTORY,
            counts=True,
        ),
        Metric(
            "percentage",
            "Visitors, in percent of the visitors of all groups together.",
            _percent(VISITORS, "any_value(asked_visitors)"),
            needs=_OF_VISITORS | {Need.ALL},
        ),
        Metric(
            "conversion_rate",
            "Visitors who met the goal, in percent of the visitors of all groups together. Needs a filter or the "
            "dimension `event:goal`; the percentage is of those of whom the other filters hold.",
            _percent(VISITORS, "any_value(everyone)"),
            needs=_OF_VISITORS | {Need.GOAL},
        ),
        Metric(
            "group_conversion_rate",
            "Visitors who met the goal, in percent of the group's own visitors; else as `conversion_rate`.",
            _percent(VISITORS, "any_value(group_visitors)"),
            needs=_OF_VISITORS | {Need.GOAL_OF_GROUP},
        ),
        Metric(
            "total_revenue",
            "Sum of the events' revenue, whatever its currency: the property that the event's goal names, else "
            "`revenue`, where it is a number.",
            "CAST(coalesce(sum(revenue_sum), 0) AS DOUBLE)",
            _REVENUE,
            _OF_REVENUE,
            counts=True,
        ),
        Metric(
            "average_revenue",
            "Total revenue for each event that has any.",
            "CAST(sum(revenue_sum) AS DOUBLE) / nullif(sum(revenue_events), 0)",
            _REVENUE,
            _OF_REVENUE,
        ),
    )
}
