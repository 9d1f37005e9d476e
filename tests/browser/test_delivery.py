"""Whatever is between a page and the collector, what happened stands in the table, each event once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

import httpx
import pytest

from local.stack import Stack
from tests.browser.visiting import Outcome, Visit, Visitors, add_rows

pytestmark = pytest.mark.e2e
DELIVERY = ("refused", "hopeless", "offline", "full", "closed", "left", "heavy", "routes")
MANNERS = ("strict", "boxed", "hostile", "back", "prerendered", "speculated", "hasty", "twice", "inlined")
BEACON_BYTES = 65_536
# Refused for good; the oldest of more than is kept.
LOST = {"hopeless": {1}, "full": set(range(2, 102))}
# How often a page of the visit follows another. Both may give an event the same number: docs/tracking.md.
FOLLOWED = {"closed": 1, "back": 2, "speculated": 1, "hasty": 1}


@contextlib.contextmanager
def hub_down(stack: Stack) -> Iterator[None]:
    """No send is taken; afterwards, return once the collector uses the hub again."""
    stack.event_hubs.fault("send", "reject")
    try:
        yield
    finally:
        stack.event_hubs.clear_faults()
    deadline = time.monotonic() + 120
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        while client.get("/api/pixel.gif?write_key=demo&name=again").headers["x-collector-path"] != "hub":
            assert time.monotonic() < deadline, "the collector does not find back to the hub"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def visits(visitors: Visitors, stack: Stack) -> Mapping[str, Outcome]:
    asked = [Visit(f"delivery.{name}") for name in DELIVERY] + [Visit(f"manners.{name}") for name in MANNERS]
    made = visitors.make(stack.base_url, asked)
    with hub_down(stack):
        made |= visitors.make(stack.base_url, [Visit("delivery.down")])
    add_rows(stack, made)
    return {name.partition(".")[2]: outcome for name, outcome in made.items()}


def test_nothing_is_thrown_into_a_page(visits: Mapping[str, Outcome]) -> None:
    assert [error for outcome in visits.values() for error in outcome.errors] == []


def test_every_event_has_a_number_and_stands_in_the_table_once(visits: Mapping[str, Outcome]) -> None:
    for name, visit in visits.items():
        assert visit.rows, name
        assert len({row["event_id"] for row in visit.rows}) == len(visit.rows), name
        by_visitor: dict[str, list[int]] = {}
        for row in visit.rows:
            by_visitor.setdefault(row["anonymous_id"], []).append(row["context"]["sequence"])
        missing = LOST.get(name, set())
        for numbers in by_visitor.values():
            assert set(numbers) == set(range(1, max(numbers) + 1)) - missing, (name, sorted(numbers))
            assert len(numbers) - len(set(numbers)) <= FOLLOWED.get(name, 0), (name, sorted(numbers))


def test_what_is_refused_is_sent_again_when_the_collector_says(visits: Mapping[str, Outcome]) -> None:
    visit = visits["refused"]
    first, second, third, fourth = visit.told["asked"]
    assert second - first >= 990 and third - second >= 990 and fourth - third >= 490
    sent = [event["name"] for event in visit.sent_events() if event["name"] != "page_ping"]
    assert sorted(sent) == sorted(visit.names()) == ["meanwhile", "page_view", "waited"]


def test_what_no_repetition_can_help_is_dropped_and_its_number_missing(visits: Mapping[str, Outcome]) -> None:
    visit = visits["hopeless"]
    assert visit.told == 2
    assert [(row["event_name"], row["context"]["sequence"]) for row in visit.told_rows()] == [("afterwards", 2)]


def test_what_happens_offline_is_told_when_the_network_is_back(visits: Mapping[str, Outcome]) -> None:
    assert [row["properties"]["n"] for row in visits["offline"].of("unheard")] == [1, 2, 3]


def test_of_more_than_is_kept_the_oldest_are_dropped_and_their_numbers_missing(visits: Mapping[str, Outcome]) -> None:
    assert [row["properties"]["n"] for row in visits["full"].of("kept")] == list(range(101, 1101))


def test_what_a_closed_page_could_not_tell_the_next_one_tells(visits: Mapping[str, Outcome]) -> None:
    visit = visits["closed"]
    assert visit.told == 2
    assert [row["page_url"].rpartition("/")[2] for row in visit.of("page_view")] == ["closed", "after"]


def test_the_last_words_of_a_page_arrive(visits: Mapping[str, Outcome]) -> None:
    assert len(visits["left"].of("last_words")) == 1


def test_what_the_hub_does_not_take_is_in_the_table_all_the_same(visits: Mapping[str, Outcome]) -> None:
    visit = visits["down"]
    assert visit.names() == ["page_view", "spilled"]
    posted = [request for request in visit.requests if request.method == "POST"]
    assert {request.answer_headers["x-collector-path"] for request in posted} == {"spill"}


def test_many_events_are_split_into_requests_that_a_beacon_can_carry(visits: Mapping[str, Outcome]) -> None:
    visit = visits["heavy"]
    assert [row["properties"]["n"] for row in visit.of("heavy")] == list(range(150))
    assert visit.of("heavy")[0]["properties"]["text"] == "é" * 200
    assert len(visit.of("alone")) == 1
    large = [request for request in visit.requests if len(request.body) >= BEACON_BYTES]
    assert [request.body.count(b'"event_id"') for request in large] == [1]


def test_a_thousand_routes_are_a_thousand_page_views(visits: Mapping[str, Outcome]) -> None:
    views = visits["routes"].of("page_view")
    paths = [row["page_url"].rpartition("/")[2] for row in views]
    assert sorted(paths) == sorted(["routes", *(f"route-{number}" for number in range(1, 1001))])


def test_a_script_pasted_into_the_page_needs_an_endpoint_and_says_so(visits: Mapping[str, Outcome]) -> None:
    visit = visits["inlined"]
    assert "endpoint:/api/events?write_key=demo" in visit.told["message"]
    assert [url for url in visit.told["posts"] if url.startswith("http")] == []
    assert {row["page_path"].rpartition("/")[2] for row in visit.rows} == {"named"}


def test_a_strict_page_lets_the_script_work(visits: Mapping[str, Outcome]) -> None:
    visit = visits["strict"]
    assert visit.told == []
    assert visit.names()[0] == "page_view"


def test_a_page_without_storage_is_measured(visits: Mapping[str, Outcome]) -> None:
    visit = visits["boxed"]
    assert visit.names()[:2] == ["page_view", "boxed"]
    assert len({row["session_id"] for row in visit.rows}) == 1


def test_a_page_that_spoils_its_own_surroundings_is_measured(visits: Mapping[str, Outcome]) -> None:
    visit = visits["hostile"]
    assert sorted(visit.names()) == ["page_view", "survived"]
    assert visit.of("survived")[0]["properties"]["list"] == [1, 2]


def test_a_page_that_the_browser_kept_is_viewed_again(visits: Mapping[str, Outcome]) -> None:
    visit = visits["back"]
    assert len(visit.of("shown_again")) == 1, "it was the same document, not loaded anew"
    paths = [row["page_url"].rpartition("/")[2] for row in visit.of("page_view")]
    assert paths == ["kept", "other", "kept"]


def test_a_page_that_nobody_has_seen_yet_is_not_measured(visits: Mapping[str, Outcome]) -> None:
    visit = visits["prerendered"]
    assert visit.told == []
    assert visit.names() == ["page_view"]


def test_a_page_that_the_browser_prepared_is_measured_once_it_is_shown(visits: Mapping[str, Outcome]) -> None:
    visit = visits["speculated"]
    paths = [row["page_url"].rpartition("/")[2] for row in visit.of("page_view")]
    assert paths == ["speculated", "ahead"], "and not the page that was prepared in vain"
    assert [row["properties"] for row in visit.of("shown")] == [{"wasAhead": True}]


def test_what_a_page_does_before_it_is_idle_is_told(visits: Mapping[str, Outcome]) -> None:
    paths = [row["page_url"].rpartition("/")[2] for row in visits["hasty"].of("page_view")]
    assert paths == ["hasty", "route", "next"]


def test_a_second_tag_changes_nothing(visits: Mapping[str, Outcome]) -> None:
    assert visits["twice"].names() == ["page_view"]
