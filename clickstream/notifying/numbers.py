"""The numbers of a period beside those of the period before, asked as `POST /api/questions` asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from clickstream.querying.engine import QueryEngine
from clickstream.querying.reports.questions import answer_questions, parse_questions
from clickstream.querying.scope import SiteScope

HEADLINE = ("visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration")
LISTS = {"sources": "visit:source_name", "pages": "event:page", "goals": "event:goal"}
LONGEST_LIST = 5
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Days of a site's time zone, both included."""

    first: date
    last: date

    @property
    def texts(self) -> list[str]:
        """As a query has it."""
        return [self.first.isoformat(), self.last.isoformat()]

    def end(self, zone: ZoneInfo) -> datetime:
        """The moment after the last day."""
        return datetime.combine(self.last + DAY, datetime.min.time(), zone)


@dataclass(frozen=True, slots=True)
class Compared:
    """One number, what it was before, and its change in percent."""

    now: float | None
    before: float | None
    change: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """The headline by metric, and visitors by value of each list, the most first."""

    headline: Mapping[str, Compared]
    lists: Mapping[str, Sequence[tuple[str, Compared]]]


def last_whole(period: str, moment: datetime, zone: ZoneInfo) -> tuple[Span, Span]:
    """The last week or month that has ended at a moment by the zone's clock, and the one before it."""
    today = moment.astimezone(zone).date()
    if period == "week":
        monday = today - timedelta(days=today.weekday())
        return Span(monday - 7 * DAY, monday - DAY), Span(monday - 14 * DAY, monday - 8 * DAY)
    first = today.replace(day=1)
    last = first - DAY
    begin = last.replace(day=1)
    return Span(begin, last), Span((begin - DAY).replace(day=1), begin - DAY)


def read_numbers(
    engine: QueryEngine, now: Callable[[], datetime], site: SiteScope, span: Span, before: Span
) -> Numbers:
    """Ask for all of them at once. Raise LimitExceeded, Unavailable."""
    common = {
        "date_range": span.texts,
        "include": {"comparisons": {"mode": "custom", "date_range": before.texts}},
    }
    lists = [name for name in LISTS if name != "goals" or site.goals]
    queries: list[Mapping[str, Any]] = [
        {"metrics": list(HEADLINE), **common},
        *(
            {
                "metrics": ["visitors"],
                "dimensions": [LISTS[name]],
                "pagination": {"limit": LONGEST_LIST},
                **common,
            }
            for name in lists
        ),
    ]
    body = orjson.dumps({"site_id": site.site_id, "questions": [{"query": query} for query in queries]})
    futures = answer_questions(engine, now, parse_questions(body), site)
    (total,), *groups = (orjson.loads(future.result().body)["results"] for future in futures)
    return Numbers(
        dict(zip(HEADLINE, _compared(total), strict=True)),
        {
            name: [(group["dimensions"][0], _compared(group)[0]) for group in rows]
            for name, rows in zip(lists, groups, strict=True)
        },
    )


def _compared(group: Mapping[str, Any]) -> Sequence[Compared]:
    other = group["comparison"]
    return [Compared(*values) for values in zip(group["metrics"], other["metrics"], other["change"], strict=True)]
