"""Statements about whom rows that were added to tables are about. Moments are in microseconds since 1970."""

from __future__ import annotations

from clickstream.identity.persons import persons
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement


def people_of_events(site: SiteScope, batch: int, since: int, until: int) -> Statement:
    """The persons of events that were added after a batch, or whose moment came since, and the ids of these events: one
    that was a person may be one no longer.
    """
    # Two scans, each of which skips files by their statistics. One with both conditions would read all files.
    until_now = "SELECT * FROM events WHERE site = $site AND occurred_at <= make_timestamptz($until)"
    source = (
        f"({until_now} AND batch > $batch UNION ALL BY NAME {until_now} AND occurred_at > make_timestamptz($since))"
    )
    selected = "SELECT DISTINCT unnest([person, user_id, anonymous_id]) AS person FROM persons"
    sql = f"WITH {persons(source, site.trust)}\n{selected}"
    return Statement(sql, {"site": site.site_id, "batch": batch, "since": since, "until": until})


def people_of_activity(site: SiteScope, batch: int) -> Statement:
    """The persons of rows of `activity` that were added after a batch."""
    source = "(SELECT *, half_hour AS occurred_at FROM activity WHERE site = $site AND batch > $batch)"
    sql = f"WITH {persons(source, site.trust)}\nSELECT DISTINCT person FROM persons"
    return Statement(sql, {"site": site.site_id, "batch": batch})


def rows_of_identities(site: SiteScope) -> Statement:
    """Whose every id is, and when."""
    sql = "SELECT kind, id, person, valid_from, valid_to FROM identities WHERE site = $site"
    return Statement(sql, {"site": site.site_id})
