"""Visits, bounces and visitors from what trackers send, as a report tells them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from clickstream.capture.body_columns import parse_events
from clickstream.enriching.steps import Knowledge, enrich
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying.period import Period
from clickstream.querying.request import parse_query
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import compile_groups
from clickstream.sites.document import parse_site
from tests.functional.border import SITE, Border, ga4, matomo, plain, plausible, posthog, segment, umami
from tests.functional.sequences.asking import Events
from tests.integration.querying.lake import event

BEGIN = datetime(2026, 10, 28, 10, tzinfo=UTC)
PERIOD = Period(datetime(2026, 10, 28, tzinfo=UTC), datetime(2026, 10, 29, tzinfo=UTC))
SCHEMA = arrow_schema(EVENT_COLUMNS)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1"
Sent = tuple[str, object]


class Site:
    """What is sent to a site, and the reports about it."""

    def __init__(self, document: str = "") -> None:
        self._border = Border(SITE + document)
        self._knowledge = Knowledge(sites={"shop": parse_site((SITE + document).encode(), expected="shop")})

    def send(self, minute: float, *sent: Sent, **more: Any) -> None:
        """Requests that arrive at a minute after the beginning."""
        self._border.now = BEGIN + timedelta(minutes=minute)
        for path, body in sent:
            asyncio.run(self._border.send(path, body, **more))

    def ask(self, *metrics: str, by: str | None = None, filters: Any = ()) -> Any:
        """The numbers; with a dimension those of each value."""
        bodies = [message.body for message in self._border.events.messages]
        parsed = parse_events(pa.chunked_array([bodies], pa.binary())).events.to_pylist()
        rows = [{**event(row["event_id"], "shop", row["occurred_at"]), **row} for row in parsed]
        known = [{name: value for name, value in row.items() if name in SCHEMA.names} for row in rows]
        events = Events()
        events.hold(enrich(pa.Table.from_pylist(known, schema=SCHEMA), self._knowledge).to_pylist())
        query = {"site_id": "shop", "metrics": metrics, "date_range": "day", "filters": list(filters)}
        request = parse_query(json.dumps({**query, "dimensions": [by] if by else []}).encode())
        answer = events.ask(compile_groups(request, PERIOD, SiteScope("shop", "UTC")))
        if by is None:
            return list(answer[0].values())
        return {values[0]: values[1:] for values in sorted(list(row.values()) for row in answer)}


@pytest.fixture
def site() -> Site:
    return Site()


def posthog_web(name: str, device: str, session: str | None = None, **properties: Any) -> Sent:
    told = {
        "distinct_id": device,
        "$device_id": device,
        "$session_id": session,
        "$current_url": "https://shop.example/a",
    }
    return posthog(name, {**told, **properties})


def test_a_site_that_comes_from_posthog_keeps_its_bounce_rate(site: Site) -> None:
    by_itself = {
        "d1": ["$pageleave"],
        "d2": ["$web_vitals", "$pageleave"],
        "d3": ["$feature_flag_called"],
        "d4": ["$opt_in", "$exception", "$dead_click"],
    }
    for device, names in by_itself.items():
        site.send(0, posthog_web("$pageview", device, f"s-{device}"))
        site.send(1, *(posthog_web(name, device, f"s-{device}") for name in names))
    site.send(0, posthog_web("$pageview", "d5", "s-d5"))
    site.send(1, posthog_web("$autocapture", "d5", "s-d5", **{"$event_type": "click"}))
    assert site.ask("visits", "bounces", "bounce_rate") == [5, 4, 80.0]


def test_what_plausible_is_told_not_to_count_ends_no_bounce_and_begins_no_visit(site: Site) -> None:
    banner = plausible("Banner shown", i=False)
    site.send(0, plausible("pageview"), banner)
    site.send(0, banner, plausible("pageview"), agent=PHONE)
    site.send(60, banner, agent=PHONE.replace("17_5", "18_0"))
    assert site.ask("visits", "bounces", "bounce_rate", "visitors") == [2, 2, 100.0, 3]


def test_agreeing_to_a_banner_or_meeting_a_missing_page_ends_no_bounce(site: Site) -> None:
    for visitor, name in (("v1", "consent"), ("v2", "not_found"), ("v3", "404")):
        ids = {"anonymous_id": visitor, "session_id": f"s{visitor}", "page_url": "https://shop.example/gone"}
        site.send(0, plain("page_view", **ids), plain(name, **ids))
    assert site.ask("visits", "bounces") == [3, 3]


def test_matomos_late_ping_makes_no_visit_and_no_returning_visitor(site: Site) -> None:
    site.send(0, matomo())
    site.send(45, matomo(ping="1"))
    assert site.ask("visits", "bounces", "returning_visitors", "new_visitors", "visit_duration") == [1, 1, 0, 1, 2700]


def test_who_reads_for_longer_than_half_an_hour_makes_one_visit_with_all_of_the_reading(site: Site) -> None:
    site.send(0, plausible("pageview"))
    site.send(31, plausible("engagement", e=1_860_000, sd=90))
    site.send(0, plausible("pageview"), agent=PHONE)
    site.send(90, plausible("engagement", e=5_400_000, sd=100), agent=PHONE)
    site.send(91, plausible("pageview", u="https://shop.example/next"), agent=PHONE)
    told = site.ask("visits", "returning_visitors", "time_on_page", "scroll_depth", "bounces", "visit_duration")
    assert told == [2, 0, (1860 + 5400) / 2, 95, 1, (31 + 91) * 60 / 2]


def test_a_tab_that_is_looked_at_again_the_next_morning_is_no_visit_of_a_night(site: Site) -> None:
    site.send(-600, plausible("pageview"))  # at midnight, of one day's id
    site.send(-60, plausible("engagement", e=60_000))
    site.send(-59, plausible("pageview", u="https://shop.example/next"))
    assert site.ask("visits", "visit_duration") == [2, 0]


@pytest.mark.parametrize("minute", [2, 29])
def test_a_purchase_that_a_server_tells_google_belongs_to_the_visit_that_goes_on(site: Site, minute: float) -> None:
    for at, page in ((0, "?gclid=abc"), (1, "checkout")):
        parameters = {"session_id": "1700000001", "page_location": f"https://shop.example/{page}"}
        site.send(at, ga4("page_view", parameters), key="shop-server")
    paid = {"currency": "EUR", "value": 99.5, "transaction_id": "T1"}
    site.send(1 + minute, ga4("purchase", paid), key="shop-server", agent="Guzzle/7")
    assert site.ask("visits", "bounces", "returning_visitors") == [1, 0, 0]
    assert site.ask("visits", "total_revenue", by="visit:channel") == {"Paid Search": [1, 99.5, ["EUR"]]}
    for dimension in ("visit:browser", "visit:os", "visit:device", "visit:country", "visit:language"):
        assert len(site.ask("visits", by=dimension)) == 1, "the visits of all values are all visits"


def test_a_purchase_that_a_server_tells_rudderstack_belongs_to_the_visit_that_goes_on(site: Site) -> None:
    page = {"url": "https://shop.example/?gclid=abc"}
    for minute in (0, 10):
        site.send(minute, ("/v1/page", {"anonymousId": "d1", "context": {"sessionId": 1700000001, "page": page}}))
    bought = segment("Order Completed", {"revenue": 99.5, "currency": "EUR", "order_id": "T1"})
    site.send(39, bought, key="shop-server", agent="axios/1.7")
    assert site.ask("visits", "bounces") == [1, 0]
    assert site.ask("visits", "total_revenue", by="visit:channel") == {"Paid Search": [1, 99.5, ["EUR"]]}


def test_a_purchase_that_comes_too_late_is_a_visit_of_its_own(site: Site) -> None:
    site.send(0, ga4("page_view", {"session_id": "17"}), key="shop-server")
    site.send(31, ga4("purchase", {"value": 9}), key="shop-server")
    assert site.ask("visits", "returning_visitors") == [2, 1]


def test_a_person_with_a_browser_and_a_server_event_is_one_visitor(site: Site) -> None:
    site.send(0, posthog_web("$pageview", "d1", "s1"))
    site.send(1, posthog_web("$identify", "d1", "s1", distinct_id="user-1", **{"$anon_distinct_id": "d1"}))
    site.send(2, posthog("invoice_paid", {"distinct_id": "user-1"}), key="shop-server", agent="posthog-node/5.70.0")
    assert site.ask("visitors", "visits", "new_visitors", "returning_visitors") == [1, 1, 1, 0]


def test_a_server_event_before_the_user_signs_in_is_the_devices_too(site: Site) -> None:
    site.send(0, ("/v1/track", {"event": "Invited", "userId": "u1"}), key="shop-server", agent="axios/1.7")
    site.send(10, ("/v1/page", {"anonymousId": "d1", "userId": "u1"}))
    site.send(20, ("/v1/page", {"anonymousId": "d2", "userId": "u1"}))
    site.send(25, ("/v1/track", {"event": "Paid", "userId": "u1"}), key="shop-server", agent="axios/1.7")
    site.send(26, ("/v1/track", {"event": "Paid", "userId": "u2"}), key="shop-server", agent="axios/1.7")
    assert site.ask("visitors", "visits") == [3, 3]


def test_signing_in_before_the_first_page_of_a_day_leaves_yesterdays_visit_alone(site: Site) -> None:
    who = {"anonymousId": "d1", "userId": "u1"}
    site.send(-660, ("/v1/page", who))  # at eleven in the evening before
    site.send(0, ("/v1/identify", who), ("/v1/page", who))
    assert site.ask("visits", "bounces", "events") == [1, 1, 2]


def test_whoever_sends_only_what_happens_by_itself_is_a_visitor_without_a_visit(site: Site) -> None:
    site.send(0, segment("Application Installed"))
    told = site.ask("visitors", "visits", "bounces", "new_visitors", "returning_visitors", "events", "bounce_rate")
    assert told == [1, 0, 0, 1, 0, 1, None]


def test_what_umami_measures_makes_no_visit(site: Site) -> None:
    view = {"type": "event", "payload": {"website": "shop-web", "url": "/", "hostname": "shop.example"}}
    vitals = {"type": "performance", "payload": {"website": "shop-web", "url": "/", "lcp": 3}}
    site.send(0, ("/api/send", view), ("/api/send", vitals))
    site.send(45, ("/api/send", vitals))
    assert site.ask("visits", "bounces", "events") == [1, 1, 3]
    site.send(50, umami("signup"))
    assert site.ask("visits", "bounces") == [2, 2]


def land(site: Site, minute: float, view: str, consent: str) -> None:
    page = {"page_url": "https://shop.example/", "referrer": "https://www.google.com/"}
    site.send(minute, plain("page_view", event_id=view, consent=consent, **page))


def agree(site: Site, minute: float, view: str, visitor: str = "v1") -> None:
    """Agree to the banner, then look at a second page, as the tracking script tells both."""
    known = {"anonymous_id": visitor, "session_id": f"s-{visitor}", "consent": "full"}
    site.send(minute, plain("consent", {"page_view_id": view}, page_url="https://shop.example/", **known))
    site.send(minute + 1, plain("page_view", page_url="https://shop.example/next", **known))


CONSENT = ("visitors", "visits", "pageviews", "bounces", "new_visitors", "returning_visitors")


@pytest.mark.parametrize("before", ["anonymous", "denied"])
@pytest.mark.parametrize("minute", [0.1, 29])
def test_who_agrees_on_the_first_page_is_one_visitor_in_one_visit(site: Site, before: str, minute: float) -> None:
    land(site, 0, "landing", before)
    agree(site, minute, "landing")
    assert site.ask(*CONSENT) == [1, 1, 2, 0, 1, 0]
    assert site.ask("visits", by="visit:source") == {"www.google.com": [1]}
    assert site.ask("visits", by="visit:entry_page") == {"/": [1]}


def test_people_behind_one_address_who_agree_one_after_the_other_are_as_many(site: Site) -> None:
    for minute, visitor in ((0, "v1"), (100, "v2")):
        land(site, minute, f"landing-{visitor}", "anonymous")
        agree(site, minute + 1, f"landing-{visitor}", visitor)
    assert site.ask(*CONSENT) == [2, 2, 4, 0, 2, 0]


def test_who_comes_to_one_address_after_another_agreed_is_somebody_else(site: Site) -> None:
    land(site, 0, "landing", "anonymous")
    agree(site, 1, "landing")
    land(site, 100, "other", "anonymous")
    assert site.ask(*CONSENT) == [2, 2, 3, 1, 2, 0]


@pytest.mark.parametrize("name", ["consented", "page_view", "identify"])
def test_no_other_event_takes_over_what_came_before(site: Site, name: str) -> None:
    land(site, 0, "landing", "anonymous")
    known = {"anonymous_id": "v1", "session_id": "s1", "consent": "full"}
    site.send(1, plain(name, {"page_view_id": "landing"}, **known), plain("page_view", **known))
    assert site.ask("visitors") == [2]


def test_who_opts_in_with_posthog_is_one_visitor(site: Site) -> None:
    cookieless = {"$process_person_profile": False, "$cookieless_mode": True, "consent": "anonymous"}
    site.send(
        0,
        posthog(
            "$pageview", {"$current_url": "https://shop.example/", **cookieless}, distinct_id="$posthog_cookieless"
        ),
    )
    before = site.ask("visitors", "visits")
    site.send(
        1, posthog_web("$opt_in", "d1", "s1", consent="full"), posthog_web("$pageview", "d1", "s1", consent="full")
    )
    assert (before, site.ask("visitors", "visits")) == ([1, 1], [1, 1])


def test_pages_of_the_sites_own_hosts_are_no_source_in_any_dimension() -> None:
    site = Site('internal_hosts: ["blog.shop.example"]\n')
    for number, referrer in enumerate(["https://www.shop.example/", "https://blog.shop.example/post"]):
        view = {"anonymous_id": f"v{number}", "page_url": "https://shop.example/", "referrer": referrer}
        site.send(0, plain("page_view", **view))
    for dimension, value in (
        ("visit:source", "(direct)"),
        ("visit:source_name", "(direct)"),
        ("visit:medium", "(none)"),
        ("visit:channel", "Direct"),
        ("visit:referrer", "(none)"),
    ):
        assert site.ask("visits", by=dimension) == {value: [2]}, dimension


def test_pages_of_one_second_are_in_the_order_they_were_sent_in(site: Site) -> None:
    at = {"created_at": BEGIN.isoformat(), "sent_at": BEGIN.isoformat(), "anonymous_id": "v1"}
    pages = [(f"{'zyxwv'[n]}-id", f"https://shop.example/{n}") for n in range(5)]
    site.send(0, ("/api/events", [{"name": "page_view", "event_id": i, "page_url": url, **at} for i, url in pages]))
    assert site.ask("visits", by="visit:entry_page") == {"/0": [1]}
    assert site.ask("visits", by="visit:exit_page") == {"/4": [1]}
