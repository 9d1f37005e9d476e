"""All reports, by name."""

from __future__ import annotations

from collections.abc import Mapping

from clickstream.querying.reports.audiences import (
    AUDIENCE_CHANGES,
    AUDIENCE_HISTORY,
    AUDIENCE_MEMBERS,
    AUDIENCE_WHY,
    AUDIENCES,
)
from clickstream.querying.reports.breakdowns import BREAKDOWNS
from clickstream.querying.reports.definitions import EVENT_DEFINITIONS
from clickstream.querying.reports.funnels import FUNNEL, FUNNEL_VISITS
from clickstream.querying.reports.inspecting import NEWEST_EVENTS, PROPERTY_NAMES
from clickstream.querying.reports.overview import OVERVIEW, REALTIME
from clickstream.querying.reports.paths import PATHS
from clickstream.querying.reports.people import PEOPLE, PERSON, PERSON_EVENTS, PERSON_IDS, PERSON_SCORES
from clickstream.querying.reports.pipeline import FAILED_EVENT_SAMPLES, FAILED_EVENTS, RECONCILIATION
from clickstream.querying.reports.report import Report
from clickstream.querying.reports.returning import ATTRIBUTION, FREQUENCY, RETENTION
from clickstream.querying.reports.visits import VISIT_EVENTS, VISITS
from clickstream.querying.reports.vitals import WEB_VITALS

REPORTS: Mapping[str, Report] = {
    report.name: report
    for report in (
        OVERVIEW,
        REALTIME,
        *(breakdown.report() for breakdown in BREAKDOWNS),
        FUNNEL,
        FUNNEL_VISITS,
        PATHS,
        RETENTION,
        FREQUENCY,
        ATTRIBUTION,
        AUDIENCES,
        AUDIENCE_MEMBERS,
        AUDIENCE_WHY,
        AUDIENCE_HISTORY,
        AUDIENCE_CHANGES,
        PEOPLE,
        PERSON,
        PERSON_IDS,
        PERSON_EVENTS,
        PERSON_SCORES,
        VISITS,
        VISIT_EVENTS,
        WEB_VITALS,
        NEWEST_EVENTS,
        PROPERTY_NAMES,
        FAILED_EVENTS,
        FAILED_EVENT_SAMPLES,
        EVENT_DEFINITIONS,
        RECONCILIATION,
    )
}
