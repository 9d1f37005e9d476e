"""What every metric means: each defined once, in SQL over a group of a site's events.

The events come from the relation `of_site` of visits.py; what is `of_visits` needs `visited` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A number about a group of events."""

    name: str
    description: str
    sql: str
    of_visits: bool = False


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "visitors",
            "Distinct visitors. A visitor is the event's `anonymous_id`, else its `user_id`.",
            "count(DISTINCT visitor)",
        ),
        Metric(
            "visits",
            "Distinct visits. A visit is a visitor's `session_id`; where the tracker gives none, a run of the "
            "visitor's events with no more than 30 minutes between one and the next. Of who denied consent no id is "
            "kept: there a page view that no page of the same host led to is a visit.",
            "count(DISTINCT visit)",
            of_visits=True,
        ),
        Metric("pageviews", "Events of type `page_view`.", "count(*) FILTER (event_type = 'page_view')"),
        Metric("events", "Events of every type.", "count(*)"),
    )
}
