"""What the dashboard shows is what the API says, and what plain Python counts over the same events."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from tests.browser.dashboard import hostile
from tests.browser.dashboard.looking import Looker
from tests.browser.dashboard.world import KEY, ZONE, World
from tests.integration.querying.plain_report import Groups, Rules, report
from tests.integration.querying.plain_report import World as Visits
from tests.integration.querying.plain_visits import Row
from tests.integration.querying.rows import ROWS, rules

pytestmark = pytest.mark.e2e

DIMENSIONS = {
    "sources/Channels": "visit:channel",
    "sources/Sources": "visit:source_name",
    "sources/Referrers": "visit:referrer",
    "sources/Campaigns": "visit:utm_campaign",
    "pages/Pages": "event:page",
    "pages/Entries": "visit:entry_page",
    "pages/Exits": "visit:exit_page",
    "places/Countries": "visit:country",
    "places/Map": "visit:country",
    "places/Regions": "visit:region",
    "places/Cities": "visit:city",
    "places/Languages": "visit:language",
    "devices/Devices": "visit:device",
    "devices/Browsers": "visit:browser",
    "devices/Systems": "visit:os",
    "devices/Screens": "visit:screen",
    "events/Events": "event:name",
    "events/Properties": "event:props:plan",
    "goals/goals": "event:goal",
}
METRICS = {
    "Visitors": "visitors",
    "Visits": "visits",
    "Page views": "pageviews",
    "Events": "events",
    "Bounce rate": "bounce_rate",
    "Visit duration": "visit_duration",
    "Time on page": "time_on_page",
    "Scroll depth": "scroll_depth",
    "Share of visitors": "percentage",
    "Conversion rate": "conversion_rate",
}
HEADLINES = ["visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"]
OF_A_GOAL = ["visitors", "events", "conversion_rate", "total_revenue", "average_revenue"]
PANELS = ["sources", "pages", "places", "devices", "events", "goals"]
# The others say nothing of a log, or the same as these.
OF_A_LOG = ["sources", "pages", "devices"]
FEW, MANY = 9, 100
# The list of events leaves these out, until a reader wants them.
NO_READING = ["is_not", "event:name", ["page_ping", "$pageleave", "user_engagement"]]
Table = Mapping[str, Any]


class Plain:
    """Plain Python's answers over a site's rows, in a period and under filters."""

    def __init__(self, rows: Sequence[Row], site: str, rules: Rules, zone: str, filters: Sequence[Any]) -> None:
        self.rows, self.site, self.rules, self.filters = rows, site, rules, filters
        self.zone = ZoneInfo(zone)

    def answer(
        self, days: tuple[str, str], metrics: Sequence[str], dimensions: Sequence[str] = (), more: Sequence[Any] = ()
    ) -> Groups:
        begin, last = (datetime.fromisoformat(day).replace(tzinfo=self.zone) for day in days)
        query = {"metrics": metrics, "dimensions": dimensions, "filters": [*self.filters, *more]}
        return report(self.rows, self.site, self.zone, begin, last + timedelta(1), query, self.rules)


def nearly(numbers: Sequence[float | None]) -> list[Any]:
    return [number if number is None else pytest.approx(number, rel=1e-9, abs=1e-12) for number in numbers]


def shown_groups(table: Table) -> tuple[list[str], Groups]:
    """The metrics of a panel's table, and its rows as the API would tell them."""
    metrics = [METRICS[label] for label in table["columns"][1:]]
    return metrics, [([row["value"]], row["numbers"]) for row in table["rows"]]


def assert_agree(*answers: Groups) -> None:
    first, *others = answers
    for other in others:
        assert [dimensions for dimensions, _ in first] == [dimensions for dimensions, _ in other]
        assert [numbers for _, numbers in first] == [nearly(numbers) for _, numbers in other]


def assert_all_agree(
    seen: Mapping[str, Any], world: World, plain: Plain, days: tuple[str, str], headlines: Sequence[str]
) -> None:
    """The page, the API and plain Python, about every number of the overview."""

    def api(metrics: Sequence[str], dimensions: Sequence[str], limit: int, more: Sequence[Any] = ()) -> Groups:
        asked = {"date_range": list(days), "filters": [*plain.filters, *more], "pagination": {"limit": limit}}
        answer = world.query(plain.site, metrics=metrics, dimensions=dimensions, **asked)
        return [(row["dimensions"], row["metrics"]) for row in answer["results"]]

    asked = {"date_range": list(days), "filters": plain.filters}
    said = world.query(plain.site, metrics=headlines, **asked)["meta"]["complete_until"]
    # Compaction goes on meanwhile.
    assert timedelta(0) <= datetime.fromisoformat(said) - datetime.fromisoformat(seen["completeUntil"]) < timedelta(1)
    assert list(seen["headline"]) == headlines
    totals: Groups = [([], [float(number["value"]) for number in seen["headline"].values()])]
    assert_agree(totals, api(headlines, [], 1), plain.answer(days, headlines))
    counted = api(headlines, ["time:day"], 10_000)
    assert_agree(counted, plain.answer(days, headlines, ["time:day"]))
    first, last = (date.fromisoformat(day) for day in days)
    labels = [(first + timedelta(day)).isoformat() for day in range((last - first).days + 1)]
    for at, metric in enumerate(headlines):
        points = [row["numbers"][0] for row in seen["chart"][metric]["rows"]]
        by_day = {dimensions[0]: numbers[at] for dimensions, numbers in counted}
        # A day without events is 0 where something is counted, else nothing.
        assert [point or None for point in points] == nearly([by_day.get(label) or None for label in labels]), metric
    for name in seen["panels"]:
        dimension = DIMENSIONS[name]
        metrics, groups = shown_groups(seen["panels"][name]["all"])
        more = [NO_READING] if name == "events/Events" else []
        if groups:
            counted = plain.answer(days, metrics, [dimension], more)
            assert_agree(groups, api(metrics, [dimension], MANY, more), counted[:MANY])
        else:
            assert api(["visitors"], [dimension], MANY, more) == [], name
        some, first_groups = shown_groups(seen["panels"][name]["few"])
        assert metrics[: len(some)] == some
        assert first_groups == [(values, numbers[: len(some)]) for values, numbers in groups[:FEW]], name


AUTOMATIC = {
    "Outbound": ("outbound_link", "event:props:url"),
    "Downloads": ("file_download", "event:props:url"),
    "Forms": ("form_submit", "event:props:id"),
    "404": ("not_found", "event:page"),
}


def test_tabs_of_automatic_events_have_their_values_and_ask_once_they_are_opened(world: World, looker: Looker) -> None:
    seen = looker.look("numbers.automatic", path="/dashboard?site=hostile&period=all", key=KEY)
    assert seen["early"] == 0
    for number, (tab, (event, dimension)) in enumerate(AUTOMATIC.items()):
        metrics, groups = shown_groups(seen["tabs"][tab]["all"])
        asked = {"dimensions": [dimension], "filters": [["is", "event:name", [event]]], "pagination": {"limit": MANY}}
        answer = world.query("hostile", metrics=metrics, date_range="all", **asked)
        assert groups == [(row["dimensions"], row["metrics"]) for row in answer["results"]], tab
        texts = set(hostile.TEXTS[number::4])
        assert dimension == "event:page" or {value for [value], _ in groups} == texts, tab
        assert len(groups) == len(texts)


def change(metric: str, now: float | None, before: float | None) -> Any:
    """As it is shown beside a headline: of a rate in percentage points, of others in percent."""
    if now is None or before is None:
        return None
    if metric.endswith("_rate") or metric == "scroll_depth":
        return pytest.approx(now - before, abs=1e-9)
    if not before and now:
        return None
    return pytest.approx(100 * (now - before) / before if before else 0, abs=0.051)


def address(site: str, days: tuple[str, str], filters: Sequence[Any] = ()) -> str:
    parameters = {
        "site": site,
        "period": ",".join(days),
        "property": "plan",
        **({"filters": json.dumps(filters)} if filters else {}),
    }
    return f"/dashboard?{urlencode(parameters)}"


PURCHASE = [["is", "event:goal", ["Purchase"]], ["is_not", "event:page", ["/a"]]]


@pytest.mark.parametrize(
    ("filters", "panels"), [([], PANELS), (PURCHASE, ["pages", "events", "goals"])], ids=["all", "a goal"]
)
def test_every_number_of_random_events_agrees_three_ways(
    world: World, looker: Looker, filters: list[Any], panels: list[str]
) -> None:
    # Over the day on which Berlin's clocks go back.
    days, days_before = ("2026-10-12", "2026-10-26"), ("2026-09-27", "2026-10-11")
    seen = looker.look("numbers.overview", path=address("shop", days, filters), key=KEY, panels=panels)
    assert {name.partition("/")[0] for name in seen["panels"]} == set(panels)
    assert filters or set(seen["panels"]) == set(DIMENSIONS)
    plain = Plain(ROWS, "shop", rules(with_rates=True), ZONE, filters)
    headlines = OF_A_GOAL if filters else HEADLINES
    assert_all_agree(seen, world, plain, days, headlines)
    [(_, now)], [(_, before)] = (plain.answer(range_, headlines) for range_ in (days, days_before))
    told = [figure["change"] for figure in seen["headline"].values()]
    assert [change and float(change) for change in told] == list(map(change, headlines, now, before))
    assert any(told), "some time is compared with that has events"


def test_details_are_sorted_by_any_column_compared_and_saved_as_a_file(looker: Looker) -> None:
    days, days_before = ("2026-10-12", "2026-10-26"), ("2026-09-27", "2026-10-11")
    metrics = ["visitors", "pageviews", "visits", "time_on_page", "scroll_depth"]
    headings = ["Page views", "Page views", "Page", "Time on page"]
    seen = looker.look("numbers.details", path=address("shop", days), key=KEY, headings=headings)
    plain = Plain(ROWS, "shop", rules(), ZONE, [])
    groups = {values[0]: numbers for values, numbers in plain.answer(days, metrics, ["event:page"])}
    before = {values[0]: numbers for values, numbers in plain.answer(days_before, metrics, ["event:page"])}

    def by(at: int, *, descending: bool = True) -> list[str]:
        known = sorted(name for name, numbers in groups.items() if numbers[at] is not None)
        unknown = sorted(groups.keys() - set(known))
        return [*sorted(known, key=lambda name: groups[name][at] or 0, reverse=descending), *unknown]

    assert seen["orders"] == [
        {"sorted": [["Page views", "descending"]], "values": by(1)},
        {"sorted": [["Page views", "ascending"]], "values": by(1, descending=False)},
        {"sorted": [["Page", "ascending"]], "values": sorted(groups)},
        {"sorted": [["Time on page", "descending"]], "values": by(3)},
    ]
    header, *lines = csv.reader(io.StringIO(seen["file"]))
    assert header == ["event:page", *metrics, *(f"{metric}_before" for metric in metrics)]
    assert [line[0] for line in lines] == by(3)
    for (name, *numbers), changes in zip(lines, seen["changes"], strict=True):
        read = [(number and float(number)) or None for number in numbers]
        there = before.get(name, [0, 0, 0, None, None])
        assert [number or None for number in [*groups[name], *there]] == nearly(read), name
        assert [each and float(each) for each in changes] == list(map(change, metrics, groups[name], there))
    assert before.keys() & groups.keys(), "some are compared"


def test_amounts_of_several_currencies_are_shown_beside_one_another(world: World, looker: Looker) -> None:
    days, goal = ("2026-10-05", "2026-10-26"), [["is", "event:goal", ["Purchase"]]]
    seen = looker.look("numbers.money", path=address("blog", days, goal), key=KEY)
    plain = Plain(ROWS, "blog", rules(), ZONE, goal)
    groups = plain.answer(days, ["total_revenue", "average_revenue"], ["event:currency"])
    for at, metric in enumerate(["total_revenue", "average_revenue"]):
        counted = {codes[0]: numbers[at] for codes, numbers in groups if codes != ["(none)"]}
        assert len(counted) > 1
        shown = {code: float(value) for code, value, _ in seen[metric]}
        assert shown == {code: pytest.approx(number) for code, number in counted.items() if number is not None}
        assert [text[0] for code, _, text in seen[metric] if code == "EUR"] in (["€"], ["-"])
    assert "never added up" in seen["note"]


def test_events_that_report_reading_are_listed_only_if_a_reader_wants_them(world: World, looker: Looker) -> None:
    days = ("2026-10-12", "2026-10-26")
    seen = looker.look("numbers.reading", path=address("shop", days), key=KEY)
    asked = {"metrics": ["visitors", "events"], "dimensions": ["event:name"], "date_range": list(days)}
    answer = world.query("shop", **asked, pagination={"limit": FEW})
    everything: Groups = [(row["dimensions"], row["metrics"]) for row in answer["results"]]
    assert "page_ping" in [name for [name], _ in everything]
    assert "page_ping" not in [row["value"] for row in seen["without"]["rows"]]
    assert seen["file"] == [row["value"] for row in seen["details"]["rows"]]
    assert "Without events" in seen["note"]
    assert shown_groups(seen["with"])[1] == shown_groups(seen["reloaded"])[1] == everything
    assert shown_groups(seen["again"]) == shown_groups(seen["without"])
    # A filter by such an event lists it, and has nothing to leave out.
    assert [row["value"] for row in seen["filtered"]["rows"]] == ["page_ping"]
    assert seen["notes"] == 0


def test_events_of_bots_that_are_not_counted_are_one_click_away(world: World, looker: Looker) -> None:
    days = ("2026-10-12", "2026-10-26")
    seen = looker.look("numbers.bots", path=address("shop", days), key=KEY)
    bots = [["is", "event:bot", ["true"]]]
    [(_, [events, visitors])] = Plain(ROWS, "shop", rules(), ZONE, bots).answer(days, ["events", "visitors"])
    assert seen["line"].startswith(f"{events:,} events from bots are not counted")
    assert seen["visitors"] == visitors
    assert not seen["isStillThere"]


def test_every_number_of_a_real_log_agrees_three_ways(world: World, looker: Looker) -> None:
    if world.log is None:
        pytest.skip("there is no real log beside the checkout")
    world.fill_weblog(world.log)
    rows = world.rows("weblog")
    days = (min(row["occurred_at"] for row in rows).date(), max(row["occurred_at"] for row in rows).date())
    first, last = (day.isoformat() for day in days)
    seen = looker.look("numbers.overview", path=address("weblog", (first, last)), key=KEY, panels=OF_A_LOG)
    assert_all_agree(seen, world, Plain(rows, "weblog", Rules(), "UTC", []), (first, last), HEADLINES)


def test_funnels_paths_retention_and_attribution_show_what_their_reports_say(world: World, looker: Looker) -> None:
    days = ("2026-10-12", "2026-10-26")
    seen = looker.look("numbers.sequences", path=address("shop", days) + "&funnel_by=visit:device", key=KEY)
    asked = {"site_id": "shop", "date_range": ",".join(days)}
    steps = world.report("funnel", **asked, funnel="Buying")
    last = len(steps) - 1
    assert seen["funnel"] == [
        [step["name"], step["reached"], step["percent_of_first"], *([step["dropped"]] if at < last else [])]
        for at, step in enumerate(steps)
    ]
    assert [step["reached"] for step in steps] == plain_funnel(days)
    groups: dict[str, list[dict[str, Any]]] = {}
    for step in world.report("funnel", **asked, funnel="Buying", by="visit:device"):
        groups.setdefault(step["device"], []).append(step)
    assert seen["groups"] == [
        [
            value,
            first["reached"],
            # Of none at the step before there is no percentage.
            *(step[name] or 0 for step in others for name in ("reached", "percent_of_previous")),
            others[-1]["percent_of_first"],
        ]
        for value, (first, *others) in groups.items()
    ]
    assert [
        sum(each) for each in zip(*([step["reached"] for step in group] for group in groups.values()), strict=True)
    ] == [step["reached"] for step in steps]
    paths = world.report("paths", **asked, length="4", branches="8", fold_repeats="1")
    ways = {json.dumps(way["path"]): way["reached"] for way in paths}
    assert seen["paths"]
    assert {json.dumps(json.loads(way)): reached for way, reached in seen["paths"]}.items() <= ways.items()
    grid: dict[str, list[float]] = {}
    for row in world.report("retention", **asked, unit="week"):
        grid.setdefault(row["cohort"], []).append(row["percent"])
    assert seen["retention"] == [[cohort, *percents] for cohort, percents in grid.items()]
    often = world.report("frequency", **asked)
    assert [numbers for _, *numbers in seen["frequency"]] == [[row["reached"], row["percent"]] for row in often]
    due = world.report("attribution", **asked, goal="Sign-up", by="visit:channel", model="last")
    assert seen["attribution"] == [[row["channel"], row["conversions"]] for row in due]
    assert min(map(len, seen.values())) >= 2


def plain_funnel(days: tuple[str, str]) -> list[int]:
    """How many visits came to each step of the shop's funnel."""
    zone = ZoneInfo(ZONE)
    begin, last = (datetime.fromisoformat(day).replace(tzinfo=zone) for day in days)
    end = last + timedelta(1)
    steps: list[Callable[[Row], bool]] = [
        lambda row: row["event_type"] == "page_view" and row["page_path"] is not None,
        lambda row: row["event_type"] == "page_view" and row["page_path"] == "/a",
        lambda row: row["event_name"] == "buy",
    ]
    reached = [0] * len(steps)
    around = Visits([row for row in ROWS if row["site"] == "shop"], zone, begin, end, rules(), with_bots=False)
    for visit in {id(visit): visit for visit in around.visits.values() if visit.counted}.values():
        ahead = iter([row for row in visit.rows if begin <= row["occurred_at"] < end])
        for at, step in enumerate(steps):
            if not any(step(row) for row in ahead):
                break
            reached[at] += 1
    return reached
