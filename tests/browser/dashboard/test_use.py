"""The dashboard in use: by anybody, by the keyboard alone, with hostile visitors, without numbers, and shared."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from clickstream.querying.formats import FORMULA_STARTS
from tests.browser.dashboard import hostile
from tests.browser.dashboard.looking import DARK, PHONE, Looker
from tests.browser.dashboard.world import KEY, SHARE, SHOP_KEY, SMALLEST, World, documents, texts_of

pytestmark = pytest.mark.e2e

SHOP = "/dashboard?site=shop&period=2026-10-12,2026-10-26"
HOSTILE = "/dashboard?site=hostile&period=all"
# What a panel shows of a text: a browser takes white space at its ends for nothing.
SAID = [text.strip() for text in hostile.TEXTS]


def test_texts_of_hostile_visitors_are_shown_everywhere_and_run_nowhere(looker: Looker) -> None:
    # That nothing has run, was asked for or was refused, every look is held to.
    places = looker.look("hostile.everything", path=HOSTILE, key=KEY, property="said")
    everything = "\n".join(places.values())
    assert [text for text in SAID if text not in everything] == []
    full = {name for name, text in places.items() if sum(said in text for said in SAID) > len(SAID) * 0.9}
    assert full >= {
        "pages details",
        "events details",
        "funnel visits",
        "visit",
        "Event definitions",
        "audience",
        "People",
    }


def test_texts_of_hostile_jobs_and_of_their_errors_are_shown_and_run_nowhere(looker: Looker) -> None:
    places = looker.look("hostile.jobs", path="/dashboard?site=hostile&view=jobs", key=KEY, texts=list(hostile.TEXTS))
    # Errors begin with a capital.
    missing = {
        name: [text for text in SAID if text.casefold() not in shown.casefold()] for name, shown in places.items()
    }
    assert missing == {"list": [], "runs": []}


def test_hostile_values_are_filters_like_all_others(looker: Looker) -> None:
    values = [hostile.TEXTS[at] for at in (1, 31)]
    seen = looker.look("hostile.asFilters", path=HOSTILE, key=KEY, panel="sources", tab="Campaigns", values=values)
    assert seen == [{"chip": value, "events": 1} for value in values]


def test_addresses_that_say_what_no_view_does_show_one_all_the_same(looker: Looker) -> None:
    parameters = ("view", "period", "compare", "filters", "metric", "interval", "sources", "property", "steps", "theme")
    paths = [
        f"/dashboard?{urlencode({'site': 'hostile', **dict.fromkeys(parameters, text)})}" for text in hostile.TEXTS[:2]
    ]
    filters: list[Any] = [[[]], [["is"]], [["is", "event:page"]], [["not"]], {}, [None, {}]]
    paths += [f"/dashboard?{urlencode({'site': 'hostile', 'filters': json.dumps(filter_)})}" for filter_ in filters]
    assert looker.look("hostile.addresses", paths=paths, key=KEY) == [1] * len(paths)


def test_files_of_hostile_values_hold_no_formula(looker: Looker) -> None:
    files = looker.look("hostile.files", path=HOSTILE, key=KEY)
    assert len(files) >= 8
    cells = [cell for text in files.values() for row in csv.reader(io.StringIO(text)) for cell in row]
    assert [cell for cell in cells if cell.startswith(FORMULA_STARTS) and not is_number(cell)] == []
    assert "'=1+cmd|' /C calc'!A0" in cells


def is_number(text: str) -> bool:
    try:
        return bool(float(text)) or True
    except ValueError:
        return False


PAGES = [
    "overview",
    "visits",
    "people",
    "audiences",
    "web_vitals",
    "jobs",
    "failed_events",
    "event_definitions",
    "reconciliation",
    "setup",
]
# A site with goals, funnels, audiences and jobs, and one without any event.
STATES = {
    "loading": (SHOP, ""),
    "failed": (SHOP, "Not loaded"),
    "out of reach": (SHOP, "Not loaded"),
    "not permitted": (SHOP, "This key does not open that."),
    "wrong": (SHOP, "onerror=canary=60"),
    "whole": ("/dashboard?site=empty", ""),
}


@pytest.mark.parametrize("device", [{}, DARK | PHONE], ids=["light", "dark phone"])
@pytest.mark.parametrize("state", STATES)
def test_no_page_is_shut_to_anybody_in_any_state(looker: Looker, state: str, device: dict[str, Any]) -> None:
    path, words = STATES[state]
    seen = looker.look("access.state", path=path, key=KEY, pages=PAGES, state=state, device=device)
    assert list(seen) == PAGES
    assert len(PAGES) == len(seen["overview"]["views"])
    for name, page in seen.items():
        assert [one for one in page["broken"] if one["impact"] in ("serious", "critical")] == [], name
        assert page["mute"] == [] and page["words"].strip(), name
    assert any(words in page["words"] for page in seen.values())


@pytest.mark.parametrize(
    ("device", "path", "everywhere"),
    [({}, HOSTILE, True), (DARK, HOSTILE, True), (PHONE, SHOP, False)],
    ids=["light", "dark", "phone"],
)
def test_no_place_is_shut_to_anybody(looker: Looker, device: dict[str, Any], path: str, everywhere: bool) -> None:
    found = looker.look("access.problems", path=path, key=KEY, all=everywhere, device=device)
    serious = {
        place: [problem for problem in problems if problem["impact"] in ("serious", "critical")]
        for place, problems in found.items()
    }
    assert {place: problems for place, problems in serious.items() if problems} == {}


def test_the_main_tasks_need_no_pointer(looker: Looker) -> None:
    told = looker.look("keys.tasks", key=KEY, other="empty")
    assert told["opened"] > 0
    assert told["week"].strip() == "Last 7 days"
    assert told["weekBefore"].strip() not in ("", "Last 7 days")
    assert "Oct 2026" in told["point"]
    assert told["filtered"]["value"] in told["filtered"]["chip"]
    assert 0 < told["filtered"]["figure"] <= told["opened"]
    assert told["unfiltered"] == {"chips": 0, "figure": told["opened"]}
    assert told["filterDialog"]
    assert told["tab"] == "Entries"
    assert "SELECT" in told["sql"].pop("text")
    assert told["sql"] == {"inside": True, "held": True, "back": True}
    assert told["file"].endswith(".csv")
    assert "Realtime" in told["help"]
    assert told["helpClosed"] == 0
    assert told["site"] == "empty"
    assert told["unseenStops"] == []


def test_the_main_task_of_every_page_needs_no_pointer(looker: Looker) -> None:
    seen = looker.look("keys.pages", path=SHOP, key=KEY)
    assert ["Overview", *seen["tasks"]] == seen["names"]
    assert seen["tasks"] == {name: {"current": name, "opened": True, "back": True} for name in seen["tasks"]}
    assert seen["unseenStops"] == []


def test_a_site_without_events_says_so(looker: Looker) -> None:
    seen = looker.look("states.empty", path="/dashboard?site=empty", key=KEY)
    assert seen["alerts"] == []
    assert seen["text"].count("Nothing in this period") >= 5
    assert "No goals yet" in seen["text"]


def test_a_key_of_several_sites_starts_with_all_of_them(world: World, looker: Looker) -> None:
    seen = looker.look("sites.all", path="/dashboard?period=2026-10-12,2026-10-26&compare=none", key=KEY, language="de")
    asked = {"metrics": ["visitors", "visits", "pageviews"], "date_range": ["2026-10-12", "2026-10-26"]}
    names = [name for name in documents("") if name != "kept"]
    own = {name: world.query(name, **asked)["results"][0]["metrics"] for name in names}
    assert {name: numbers[1:4] for name, numbers in seen["sites"]} == own
    visitors = [numbers[1] for _, numbers in seen["sites"]]
    assert visitors == sorted(visitors, reverse=True)
    assert seen["together"] == [sum(numbers) for numbers in zip(*own.values(), strict=True)]
    assert seen["lines"] == sum(numbers[0] > 0 for numbers in own.values()) > 1
    assert [problem for problem in seen["broken"] if problem["impact"] in ("serious", "critical")] == []
    assert (seen["views"], seen["chosen"], seen["unseenStops"]) == (0, "All sites", [])
    first = seen["sites"][0][0]
    assert seen["opened"] == {"site": first, "visitors": own[first][0]}
    assert seen["back"]["together"] == seen["together"] and "site=" not in seen["back"]["search"]
    english, german = (texts_of(language) for language in ("en", "de"))
    shown = {text.strip() for text in seen["texts"]}
    assert "Alle Sites zusammen" in shown
    assert shown & (english - german) - {"English"} == set()


def test_a_key_is_asked_for_once_and_kept_in_the_tab_alone(looker: Looker) -> None:
    seen = looker.look("states.keys", path=SHOP, key=SHOP_KEY)
    assert "opens no site" in seen["refused"]
    assert seen["opened"] == seen["again"] > 0
    assert SHOP_KEY not in seen["address"]
    assert SHOP_KEY not in seen["kept"]
    assert seen["otherTabAsks"]
    assert seen["asksAfterLeaving"]


def test_an_outage_is_told_and_ends_by_itself(looker: Looker) -> None:
    seen = looker.look("states.outage", path=SHOP, key=KEY)
    assert "The lake cannot be read now." in seen["busy"]
    assert "Trying again in 1 s." in seen["busy"]
    assert seen["after"] == seen["before"] > 0


def test_the_address_is_the_whole_view(looker: Looker) -> None:
    seen = looker.look("states.history", path=SHOP, key=KEY)
    views = seen["views"]
    assert len({json.dumps(view) for view in views}) == len(views)
    assert seen["back"] == views
    assert seen["reloaded"] == seen["copied"] == views[-1]


def test_any_other_dates_can_be_compared_with(looker: Looker) -> None:
    same = looker.look("states.otherDates", path=SHOP, key=KEY, **{"from": "2026-09-27", "to": "2026-10-11"})
    assert same["other"] == same["before"] == same["reloaded"]
    assert same["chosen"].startswith("vs ")
    assert "Oct" in same["chosen"]
    others = looker.look("states.otherDates", path=SHOP, key=KEY, **{"from": "2026-10-12", "to": "2026-10-26"})
    assert set(others["other"]) == {"0"} != set(others["before"])


def test_the_day_that_goes_on_is_marked_and_nobody_walks_into_the_future(looker: Looker) -> None:
    seen = looker.look("states.unfinished", path="/dashboard?site=shop&period=7d", key=KEY)
    assert len(seen["running"]["partial"]) == len(seen["past"]["partial"]) == 7
    assert seen["running"]["partial"][-1] and "until" in seen["running"]["labels"][-1]
    assert not any(seen["past"]["partial"])
    assert (seen["running"]["later"], seen["past"]["later"]) == (False, True)
    assert seen["back"] == "7d"


def test_a_share_link_asks_for_no_key_and_opens_no_sql(world: World, looker: Looker) -> None:
    path = f"/share/shop?period=2026-10-12,2026-10-26#{SHARE}"
    seen = looker.look("sharing.link", path=path)
    assert seen["figure"] > 0
    assert seen["views"] == 0
    assert seen["filters"] == seen["reloaded"]
    assert seen["address"].endswith(f"#{SHARE}")
    assert seen["kept"] == []
    assert SHARE not in seen["sent"]
    assert seen["closed"] == {"now": 0, "sequences": 0, "properties": 0, "problems": 0}
    assert not {text.split("\n")[0] for text in seen["periods"]} & {"Realtime", "Last 24 hours"}
    assert len(seen["dimensions"]) > 20
    with httpx.Client(
        base_url=world.stack.base_url, headers={"Authorization": f"Bearer {SHARE}"}, timeout=60
    ) as client:
        for name in seen["dimensions"]:
            asked = {"metrics": ["visitors"], "dimensions": [name], "date_range": ["2026-10-12", "2026-10-26"]}
            assert client.post("/api/query", json={"site_id": "shop", **asked}).status_code == 200, name
        sql = client.post("/api/sql", json={"site_id": "shop", "sql": "SELECT 1"})
        other = client.get("/api/reports/pages", params={"site_id": "hostile"})
        visits = client.get("/api/reports/visits", params={"site_id": "shop"})
    assert [answer.status_code for answer in (sql, other, visits)] == [403, 403, 403]


def test_a_share_link_shows_values_of_few_visitors_as_one_and_says_so(looker: Looker) -> None:
    # Of three visitors in these days one page was viewed by all, and each of the others by fewer.
    path = f"/share/shop?period=2026-10-19,2026-10-21#{SHARE}"
    seen = looker.look("sharing.small", path=path, panels=["sources", "pages", "places", "devices", "events"])
    label = f"(fewer than {SMALLEST})"
    for panel in seen.values():
        assert all(visitors >= SMALLEST for _, visitors in panel["rows"])
        assert bool(panel["notice"]) == (label in dict(panel["rows"]))
    assert label in dict(seen["pages"]["rows"])


def test_the_key_of_a_link_shows_nothing_that_it_does_not_open(world: World, looker: Looker) -> None:
    path = "/dashboard?site=shop&page=visits&period=2026-10-12,2026-10-26"
    seen = looker.look("sharing.entered", path=path, key=SHARE)
    assert seen["figure"] > 0
    assert (seen["views"], seen["leave"]) == (0, 1)


def test_an_address_that_gives_its_key_opens_the_dashboard_and_forgets_the_key(looker: Looker) -> None:
    seen = looker.look("sharing.given", path=f"/dashboard?site=shop&period=2026-10-12,2026-10-26#key={SHOP_KEY}")
    assert seen["figure"] == seen["reloaded"] > 0
    assert SHOP_KEY not in seen["address"]
    assert "#" not in seen["address"]


def test_only_pages_of_named_origins_frame_the_share_link_and_none_the_dashboard(world: World, looker: Looker) -> None:
    base_url = world.stack.base_url
    stranger = f"http://stranger.example:{world.port}"
    given = {"port": world.port, "origins": [world.friend, stranger]}
    query = "period=2026-10-12,2026-10-26"
    seen = looker.look("sharing.frames", address=f"{base_url}/share/shop?{query}#{SHARE}", **given)
    assert seen[world.friend] > 0
    assert seen[stranger] is None
    seen = looker.look("sharing.frames", address=f"{base_url}/dashboard?site=shop&{query}", **given)
    assert seen == {world.friend: None, stranger: None}
