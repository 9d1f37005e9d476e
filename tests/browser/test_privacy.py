"""What is kept and told of a visitor is what the visitor agreed to, and who is known again is known."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from local.stack import Stack
from tests.browser.visiting import Outcome, Visit, Visitors, add_rows
from tests.e2e.journey import READ

pytestmark = pytest.mark.e2e
PRIVACY = (
    "asked",
    "denied",
    "withdrawn",
    "out",
    "local",
    "gpc",
    "unheeded",
    "dnt",
    "agreed",
    "agreedAfterDenial",
    "wavering",
)
IDENTITY = ("returning", "tabs", "subdomains", "linked")


@pytest.fixture(scope="module")
def visits(visitors: Visitors, stack: Stack) -> Mapping[str, Outcome]:
    asked = [Visit(f"privacy.{name}") for name in PRIVACY] + [Visit(f"identity.{name}") for name in IDENTITY]
    made = visitors.make(stack.base_url, asked)
    add_rows(stack, made)
    return {name.partition(".")[2]: outcome for name, outcome in made.items()}


def test_nothing_is_thrown_into_a_page(visits: Mapping[str, Outcome]) -> None:
    assert [error for outcome in visits.values() for error in outcome.errors] == []


def test_a_visit_goes_on_when_the_visitor_agrees(visits: Mapping[str, Outcome]) -> None:
    visit = visits["asked"]
    assert visit.told == {"before": [[], ""]}
    rows = visit.told_rows()
    assert visit.names() == ["page_view", "page_view", "consent", "agreed", "page_view"]
    assert [row["consent"] for row in rows] == ["anonymous", "anonymous", "full", "full", "full"]
    assert {(row["session_id"], row["session_index"]) for row in rows[:2]} == {(None, None)}
    consent, agreed, following = rows[2:]
    assert len({row["session_id"] for row in rows[2:]}) == len({row["anonymous_id"] for row in rows[2:]}) == 1
    assert (consent["utm_source"], consent["utm_campaign"], agreed["utm_source"]) == ("mail", "spring", None)
    assert following["context"]["source"] == {"utm_source": "mail", "utm_campaign": "spring"}
    assert [row["context"]["sequence"] for row in visit.rows if row["consent"] == "full"][:2] == [1, 2]


@pytest.mark.parametrize(("name", "before"), [("agreed", "anonymous"), ("agreedAfterDenial", "denied")])
def test_who_agrees_on_the_landing_page_says_which_view_was_theirs(
    visits: Mapping[str, Outcome], name: str, before: str
) -> None:
    visit = visits[name]
    assert visit.told == [["cs-consent"] if before == "denied" else [], ""]
    landing, agreed, second = visit.told_rows()
    assert visit.names() == ["page_view", "consent", "page_view"]
    assert [row["consent"] for row in visit.told_rows()] == [before, "full", "full"]
    assert (landing["session_id"], landing["session_index"]) == (None, None)
    assert agreed["properties"] == {"page_view_id": landing["event_id"]}
    assert agreed["previous_id"] not in (None, agreed["anonymous_id"])
    # Of who denied nothing is stored by which a view could be found, but for the page's own.
    assert landing["anonymous_id"] == (agreed["previous_id"] if before == "anonymous" else None)
    assert (second["anonymous_id"], second["session_id"]) == (agreed["anonymous_id"], agreed["session_id"])
    assert (second["session_index"], second["previous_id"]) == (1, None)


@pytest.mark.parametrize("name", ["agreed", "agreedAfterDenial"])
def test_who_agrees_on_the_landing_page_is_one_visitor_in_one_visit(
    visits: Mapping[str, Outcome], client: httpx.Client, name: str
) -> None:
    asked = {
        "site_id": "demo",
        "metrics": ["visitors", "visits", "pageviews", "bounce_rate"],
        "date_range": "all",
        "filters": [["contains", "event:page", [f"{visits[name].prefix}/"]]],
    }
    answer = client.post("/api/query", json=asked, headers=READ)
    assert [row["metrics"] for row in answer.json()["results"]] == [[1, 1, 2, 0]], answer.text


def test_consent_that_is_taken_back_joins_no_visitors(visits: Mapping[str, Outcome]) -> None:
    [view] = visits["wavering"].of("page_view")
    # Both are of one moment.
    first, second = sorted(visits["wavering"].of("consent"), key=lambda row: row["properties"]["page_view_id"] is None)
    assert first["properties"] == {"page_view_id": view["event_id"]}
    assert (second["properties"], second["previous_id"]) == ({"page_view_id": None}, None)
    assert first["anonymous_id"] != second["anonymous_id"] and first["session_id"] != second["session_id"]


@pytest.mark.parametrize(("name", "consent"), [("denied", "denied"), ("gpc", "anonymous"), ("dnt", "denied")])
def test_nothing_is_kept_on_the_device_without_full_consent(
    visits: Mapping[str, Outcome], name: str, consent: str
) -> None:
    visit = visits[name]
    assert visit.told == [[], ""]
    assert visit.names()[0] == "page_view"
    assert {row["consent"] for row in visit.rows} == {consent}
    assert {row["session_id"] for row in visit.rows} == {None}
    identifying = {"anonymous_id", "session_id", "user_id"}
    assert [event for event in visit.sent_events() if identifying & {key for key in event if event[key]}] == []
    if consent == "denied":
        assert [event for event in visit.sent_events() if event.get("screen_width") or event.get("page_title")] == []


def test_a_site_may_leave_signals_to_the_collector(visits: Mapping[str, Outcome]) -> None:
    visit = visits["unheeded"]
    assert "cs-visitor" in visit.told[0]
    assert visit.rows[0]["context"]["sequence"] == 1


def test_consent_that_is_withdrawn_takes_the_visitor_off_the_device(visits: Mapping[str, Outcome]) -> None:
    visit = visits["withdrawn"]
    assert visit.told == [["cs-consent"], ""]
    known = {row["event_name"]: row["consent"] for row in visit.rows}
    assert (known["identify"], known["unknown"]) == ("full", "denied")
    [later] = [row for row in visit.of("page_view") if row["page_url"].endswith("/later")]
    assert (later["consent"], later["anonymous_id"], later["user_id"]) == ("denied", None, None)


def test_who_opted_out_is_not_measured_whatever_a_banner_says(visits: Mapping[str, Outcome]) -> None:
    visit = visits["out"]
    assert visit.names() == ["page_view", "back"]
    assert visit.told == [["cs-consent"], ""]


def test_pages_of_this_machine_are_left_out_unless_asked_for(visits: Mapping[str, Outcome]) -> None:
    names = [(event["page_url"].rpartition("/")[2], event["name"]) for event in visits["local"].sent_events()]
    sent = [(page, name) for page, name in names if name != "page_ping"]
    acts = ("page_view", "identify", "tried")
    assert sent == [(page, act) for page in ("counted", "asked-for") for act in acts]


def test_a_later_visit_is_the_same_visitors_and_keeps_the_campaign(visits: Mapping[str, Outcome]) -> None:
    rows = visits["returning"].told_rows()
    assert [row["session_index"] for row in rows] == [1, 1, 2, 2]
    assert len({row["anonymous_id"] for row in rows}) == 1 and len({row["session_id"] for row in rows}) == 2
    assert (rows[2]["utm_source"], rows[2]["referrer"]) == (None, None)
    assert {row["context"]["source"]["utm_source"] for row in rows} == {"mail"}
    assert {row["context"]["source"]["referrer"] for row in rows} == {"http://news.test/"}


def test_two_tabs_are_one_visit_and_send_no_event_twice(visits: Mapping[str, Outcome]) -> None:
    visit = visits["tabs"]
    assert len({row["session_id"] for row in visit.rows}) == 1
    assert len(visit.of("clicked")) == 10 and len(visit.of("page_view")) == 2
    # Tabs learn of one another with a delay: of two events at once both may have the same number, but none is missing.
    sequence = {row["context"]["sequence"] for row in visit.rows}
    assert sequence == set(range(1, max(sequence) + 1))
    sent = [event["event_id"] for event in visit.sent_events()]
    assert len(sent) == len(set(sent))


def test_subdomains_share_a_visitor_where_the_site_asks_for_a_cookie(visits: Mapping[str, Outcome]) -> None:
    visit = visits["subdomains"]
    assert visit.told == {"cookies": [["cs-visitor", ".shop.test"]], "stored": []}
    views = visit.of("page_view")
    assert [row["page_host"].partition(":")[0] for row in views] == ["www.shop.test", "pay.shop.test"]
    assert len({(row["anonymous_id"], row["session_id"]) for row in views}) == 1
    assert views[1]["context"]["source"] == {"utm_source": "mail"}


def test_a_link_carries_the_visitor_to_the_sites_other_domain_alone(visits: Mapping[str, Outcome]) -> None:
    visit = visits["linked"]
    assert "_cs" not in visit.told["arrived"] + visit.told["away"]
    left, arrived, away, forged = visit.of("page_view")
    assert (left["anonymous_id"], left["session_id"]) == (arrived["anonymous_id"], arrived["session_id"])
    assert arrived["context"].get("source") is None
    assert away["anonymous_id"] not in (left["anonymous_id"], "nobody")
    assert forged["anonymous_id"] == left["anonymous_id"]
    assert "_cs" not in arrived["page_url"] + forged["page_url"]
