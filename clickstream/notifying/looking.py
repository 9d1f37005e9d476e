"""Reads the numbers of a condition, as `POST /api/questions` answers them, for the last complete hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from clickstream.notifying import conditions
from clickstream.notifying.conditions import Finding
from clickstream.querying.engine import QueryEngine
from clickstream.querying.reports.questions import answer_questions, parse_questions
from clickstream.querying.scope import SiteScope
from clickstream.sites.alerts import Alert

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
WEEKS = 4
Rows = Sequence[Mapping[str, Any]]


def last_hour_end(complete_until: datetime) -> datetime:
    """The end of the last complete hour, in UTC."""
    return complete_until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def window(job: Alert, hour_end: datetime) -> tuple[datetime, datetime]:
    """What a look is about: from, and to, itself left out."""
    lengths = {"silence": job.hours * HOUR, "reconciliation": DAY, "definition_drift": DAY}
    return hour_end - lengths.get(job.alert, HOUR), hour_end


def look(engine: QueryEngine, now: Callable[[], datetime], site: SiteScope, job: Alert, hour_end: datetime) -> Finding:
    """What the numbers up to the end of an hour show. Raise LimitExceeded, Unavailable."""
    begin, end = window(job, hour_end)

    def ask(report: str, *spans: tuple[datetime, datetime]) -> Sequence[Rows]:
        questions = [{"report": report, "parameters": {"date_range": _range(*span)}} for span in spans]
        body = orjson.dumps({"site_id": site.site_id, "questions": questions})
        futures = answer_questions(engine, now, parse_questions(body), site)
        return [_rows(orjson.loads(future.result().body)) for future in futures]

    if job.alert == "spike":
        events, *before = (
            _sum(rows, "events")
            for rows in ask("overview", (begin, end), *_weeks_before(begin, ZoneInfo(site.time_zone)))
        )
        return conditions.spike(job, events, before)
    if job.alert == "silence":
        events, earlier = (_sum(rows, "events") for rows in ask("overview", (begin, end), (begin - WEEK, begin)))
        return conditions.silence(events, earlier)
    if job.alert == "definition_drift":
        (rows,) = ask("event_definitions", (begin, end))
        return conditions.definition_drift(
            job,
            [
                (row["event"], row["events"], round((row["share"] or 0) * row["events"]))
                for row in rows
                if row["kind"] == "definition"
            ],
        )
    (rows,) = ask("reconciliation", (begin, end))
    if job.alert == "failed_events":
        return conditions.failed_events(job, _sum(rows, "failed"), _sum(rows, "compacted"))
    return conditions.reconciliation(_sum([row for row in rows if row["complete"]], "difference"))


def _weeks_before(begin: datetime, zone: ZoneInfo) -> Sequence[tuple[datetime, datetime]]:
    """The same hour by the site's clock, in each of the weeks before."""
    local = begin.astimezone(zone)
    begins = [(local - week * WEEK).astimezone(UTC) for week in range(1, WEEKS + 1)]
    return [(moment, moment + HOUR) for moment in begins]


def _range(begin: datetime, end: datetime) -> str:
    """Both ends belong to a range, to the second."""
    return f"{begin.isoformat()},{(end - timedelta(seconds=1)).isoformat()}"


def _rows(document: Mapping[str, Any]) -> Rows:
    names = [column["name"] for column in document["columns"]]
    return [dict(zip(names, row, strict=True)) for row in document["rows"]]


def _sum(rows: Rows, column: str) -> int:
    return sum(row[column] for row in rows)
