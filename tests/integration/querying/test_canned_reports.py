"""Canned reports over a real lake: what they say, that they say it as queries do, and in every form."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream.compacting.totals import summed
from clickstream.errors import InvalidRequest
from clickstream.model.pipeline_hour import PipelineHour
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.goals import scope_of
from clickstream.querying.reports.answering import ARROW_TYPES, Reports
from clickstream.querying.reports.breakdowns import BREAKDOWNS, Breakdown
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.report import ColumnType, Report
from clickstream.querying.reports.request import parse_report
from clickstream.querying.request import parse_query, parse_sql
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, Site
from local.azurite import Azurite
from tests.integration.querying.lake import NOW, Lake, event, failed_event, make_lake

pytestmark = pytest.mark.integration

SITE = Site.model_validate(
    {
        "site": "shop",
        "time_zone": "Europe/Berlin",
        "keys": [{"kind": "public", "key": "shop"}],
        "goals": [{"name": "bought", "event": "buy"}],
        "funnels": [{"name": "two pages", "steps": [{"page": "/2"}, {"page": "/0"}]}],
        "audiences": [{"name": "Buyers", "slug": "buyers", "where": {"did": {"goal": "bought"}, "within": "7d"}}],
        "events": {"definitions": [{"name": "buy", "properties": {"value": {"type": "number"}}}, {"name": "gone"}]},
    }
)
SCOPE = scope_of(Access(SITE, KeyKind.READ))
UNTIL = datetime(2026, 10, 28, 10, 20, tzinfo=UTC)
EIGHT, TEN = NOW.replace(hour=8, minute=0), NOW.replace(hour=10, minute=0)


def counts(site: str, partition: str, hour: datetime, **numbers: int) -> PipelineHour:
    return PipelineHour(site=site, hub="events", hub_partition=partition, hour=hour, **numbers)


HOURS = [
    counts("shop", "0", EIGHT, request_accepted=9, request_failed=1, captured=10, compacted=9, failed=1),
    counts("shop", "1", EIGHT, request_accepted=5, captured=4, redelivered=1, duplicates=4),
    counts("shop", "spill", EIGHT, captured=2, compacted=2),
    counts("shop", "collect", EIGHT, unanswered=3, unresolved=2),
    counts("shop", "0", TEN, request_accepted=3, captured=1, compacted=1, missing=7),
    counts("shop", "collect", TEN + timedelta(hours=1), request_accepted=1, unresolved=2),
    counts("shop", "0", TEN + timedelta(hours=1), captured=9, compacted=9),
    counts("blog", "0", EIGHT, request_accepted=100, captured=100, compacted=100),
]
FAILURES = [
    failed_event("f1", "shop", dialect="segment"),
    failed_event("f2", "shop", dialect="segment", received_at=NOW - timedelta(hours=1)),
    failed_event("f3", "shop", failure_class="bad_encoding", pointer="", message="is no UTF-8", payload=b"secret"),
    failed_event("f4", "blog"),
    failed_event("f5", None),
    failed_event("f6", "shop", received_at=NOW - timedelta(days=40), failed_date=(NOW - timedelta(days=40)).date()),
]


def events_of(site: str) -> list[dict[str, Any]]:
    """Two visitors who look at three pages for ten minutes, one of whom came a day before, too, and buys: at a time of
    day up to which the table is complete today.
    """
    looks = [
        event(
            f"{site}-{n}", site, NOW - timedelta(minutes=n), anonymous_id=f"{site}-v{n % 2}", page_path=f"/{n % 3}",
            source="=1+1", medium="organic", channel="Organic Search", country="CH", is_bot=False,
        )
        for n in range(10)
    ]  # fmt: skip
    bought = {"event_type": "custom", "event_name": "buy", "anonymous_id": f"{site}-v0", "is_bot": False}
    yesterday = UNTIL - timedelta(days=1, minutes=10)
    return [
        *looks,
        event(f"{site}-b", site, yesterday, properties='{"value": "much"}', user_id="jo", **bought),
        event(f"{site}-c", site, yesterday + timedelta(minutes=1), properties='{"value": 5, "revenue": 5}', **bought),
        event(f"{site}-d", site, yesterday + timedelta(minutes=2), properties='{"value": 5}', **bought),
    ]


@pytest.fixture(scope="module")
def lake(azurite: Azurite) -> Lake:
    lake = make_lake(azurite)
    lake.append(*events_of("shop"), *events_of("blog"))
    lake.append_failed(*FAILURES)
    lake.append_hours(*HOURS)
    # A person with a device, an id and a trait, who reads a page.
    login = {"event_type": "identify", "event_name": "identify", "properties": '{"plan": "pro"}', "user_id": "ada"}
    there = {"anonymous_id": "shop-v9", "is_bot": False}
    known = [
        event("shop-k", "shop", NOW - timedelta(days=200), **there, **login),
        event("shop-l", "shop", NOW - timedelta(days=200, minutes=-1), **there),
    ]
    measured = {"event_type": "custom", "event_name": "web_vitals", "interactive": False, "page_path": "/1"}
    vitals = event("shop-w", "shop", NOW - timedelta(days=200), properties='{"cls": 0.5}', is_bot=False, **measured)
    lake.append(*known, vitals)
    lake.append_people(known)
    lake.append_profiles(known)
    lake.append_changes(
        {"seq": 1, "site": "shop", "audience": "buyers", "person": "ada", "changed_at": UNTIL, "entered_at": UNTIL}
    )
    lake.put("state/progress.json", json.dumps({"complete_until": UNTIL.isoformat()}).encode())
    return lake


@pytest.fixture(scope="module")
def engine(lake: Lake) -> QueryEngine:
    return QueryEngine(lake.account, lake.settings, lambda: NOW)


@pytest.fixture(scope="module")
def reports(engine: QueryEngine) -> Reports:
    return Reports(engine, lambda: NOW)


def content(reports: Reports, name: str, format_: Format, **parameters: str) -> bytes:
    request = parse_report(name, {"site_id": "shop", **parameters})
    answer = reports.answer(request, SCOPE, format_)
    assert (answer.format, answer.complete_until) == (format_, UNTIL)
    return answer.body


def ask(reports: Reports, name: str, **parameters: str) -> dict[str, Any]:
    return json.loads(content(reports, name, Format.JSON, **parameters))  # type: ignore[no-any-return]


def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = [column["name"] for column in answer["columns"]]
    return [dict(zip(names, row, strict=True)) for row in answer["rows"]]


def needed(report: Report) -> dict[str, str]:
    """Values for what the report cannot be asked without."""
    if report.name == "paths":
        return {}
    long_ago = {"date_range": "2026-01-01,2026-12-31"} if report.name in ("person_events", "web_vitals") else {}
    values = {"visit": "shop-5", "funnel": "two pages", "goal": "bought", "audience": "buyers", "person": "ada"}
    return {
        **{parameter.name: values[parameter.name] for parameter in report.parameters if parameter.name in values},
        **long_ago,
    }


# These tell of all events, or of none.
ALL_EVENTS = {
    "visit_events",
    "newest_events",
    "property_names",
    "failed_events",
    "failed_event_samples",
    "event_definitions",
    "reconciliation",
    "audience_history",
    "audience_changes",
    "people",
    "person",
    "person_ids",
    "person_events",
    "person_scores",
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=lambda report: report.name)
def test_every_report_has_its_columns_and_one_content_in_every_form(reports: Reports, report: Report) -> None:
    more = needed(report)
    answer = ask(reports, report.name, **more)
    # Days are rows of their own where they are asked for.
    columns = [column for column in report.columns if (report.name, column.name) != ("web_vitals", "date")]
    assert answer["report"] == report.name
    assert [column["name"] for column in answer["columns"]] == [column.name for column in columns]
    assert answer["rows"], "it has something to say"
    assert answer["meta"]["complete_until"] == UNTIL.isoformat()
    assert "sql" not in answer["meta"]
    leaves_out = report.name not in ALL_EVENTS
    assert answer["meta"].get("bots_left_out") == (0 if leaves_out else None)
    arrow = pa.ipc.open_stream(content(reports, report.name, Format.ARROW, **more)).read_all()
    assert arrow.schema.types == [ARROW_TYPES[column.type] for column in columns]
    assert json.loads(arrow.schema.metadata[b"meta"]) == answer["meta"]
    parquet = pq.read_table(io.BytesIO(content(reports, report.name, Format.PARQUET, **more)))
    assert parquet.equals(arrow)
    moments = [c.name for c in columns if c.type in (ColumnType.MOMENT, ColumnType.DATE)]
    texts = [{**row, **{name: row[name] and in_json(row[name]) for name in moments}} for row in arrow.to_pylist()]
    assert texts == rows_of(answer)
    text = content(reports, report.name, Format.CSV, **more).decode()
    header, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == arrow.column_names
    assert len(lines) == arrow.num_rows


@pytest.mark.parametrize("name", [report.name for report in REPORTS.values() if "filters" in report.takes])
def test_every_report_can_be_asked_about_one_currency(reports: Reports, name: str) -> None:
    # `jo` has bought something for 5 of no currency.
    unknown = ["is", "event:currency", ["(not set)"]]
    asked = {**needed(REPORTS[name]), **({} if name == "realtime" else {"date_range": "7d"})}
    for filters in ([unknown], [["has_done", unknown]], [["has_done", ["is", "event:currency", ["EUR"]]]]):
        answer = ask(reports, name, filters=json.dumps(filters), **asked)
        assert answer["meta"]["bots_left_out"] == 0
        if name == "events":
            events = sum(row["events"] for row in rows_of(answer))
            assert events == (0 if "EUR" in str(filters) else 3 if "has_done" in str(filters) else 1)


def test_a_file_of_goals_says_which_currency_its_money_is_in(reports: Reports) -> None:
    text = content(reports, "currencies", Format.CSV, date_range="7d").decode()
    assert next(csv.DictReader(io.StringIO(text, newline="")))["currency"] == "(not set)"
    header = content(reports, "goals", Format.CSV, date_range="7d").decode().splitlines()[0]
    assert header.endswith("total_revenue,average_revenue,currency")


def in_json(moment: date) -> str:
    return moment.isoformat().replace("+00:00", "Z")


# Of the simple ones one stands for all; event definitions are judged, and a person's fields made, after the statement.
SIMPLE = {breakdown.name for breakdown in BREAKDOWNS} - {"pages"}


@pytest.mark.parametrize("name", sorted(REPORTS.keys() - SIMPLE - {"event_definitions", "person"}))
def test_the_sql_that_is_shown_gives_the_same_rows(reports: Reports, engine: QueryEngine, name: str) -> None:
    answer = ask(reports, name, sql="1", **needed(REPORTS[name]))
    meta = answer["meta"]
    asked = {"site_id": "shop", "sql": meta["sql"], "parameters": meta["parameters"]}
    found = asyncio.run(engine.sql(parse_sql(json.dumps(asked).encode()), SCOPE))
    # Which currency all of it is in is told from the list of those that there are.
    width = -1 if name == "attribution" else None
    assert [row[:width] for row in found.rows] == [row[:width] for row in answer["rows"]]


@pytest.mark.parametrize("report", BREAKDOWNS, ids=lambda report: report.name)
def test_a_breakdown_says_what_the_query_says(reports: Reports, engine: QueryEngine, report: Breakdown) -> None:
    filters = [["is", "event:page", ["/0", "/1"]]]
    answer = ask(reports, report.name, filters=json.dumps(filters), date_range="7d", total_rows="1", limit="1")
    body = {
        "site_id": "shop",
        "metrics": report.metrics,
        "dimensions": report.dimensions,
        "date_range": "7d",
        "filters": [*filters, *report.filters],
        "include": {"total_rows": True},
    }
    said = engine.query(parse_query(json.dumps(body).encode()), SCOPE).document()
    assert answer["rows"] == [[*row["dimensions"], *row["metrics"]] for row in said["results"][:1]]
    assert answer["meta"]["total_rows"] == len(said["results"])
    assert answer["meta"]["date_range"] == said["query"]["date_range"]


def test_the_overview_is_one_row_or_one_for_each_interval(reports: Reports) -> None:
    assert ask(reports, "overview")["rows"][0][:1] == [2]
    days = ask(reports, "overview", interval="day")
    assert [row[0] for row in days["rows"]] == ["2026-10-27", "2026-10-28"]
    assert days["columns"][0]["name"] == "day"


def test_realtime_ends_where_the_table_is_complete(reports: Reports) -> None:
    answer = ask(reports, "realtime")
    assert answer["meta"]["date_range"] == ["2026-10-28T10:50:00+01:00", "2026-10-28T11:19:59+01:00"]
    assert rows_of(answer)[0]["events"] == 0, "the events of the fixture are newer than what is complete"


def test_the_visits_behind_a_number_are_as_many_as_it_says(reports: Reports, engine: QueryEngine) -> None:
    for filters in ([], [["is", "event:page", ["/2"]]], [["is", "event:name", ["buy"]]], [["is", "event:page", ["x"]]]):
        body = {"site_id": "shop", "metrics": ["visits"], "date_range": "7d", "filters": filters}
        number = engine.query(parse_query(json.dumps(body).encode()), SCOPE).groups[0].metrics[0]
        visits = rows_of(ask(reports, "visits", date_range="7d", filters=json.dumps(filters)))
        assert len(visits) == len({visit["visit"] for visit in visits}) == number


def test_a_visit_is_told_whole_and_found_by_any_of_its_events(reports: Reports) -> None:
    newest, other, oldest = rows_of(ask(reports, "visits"))
    assert (newest["visit"], other["visit"], oldest["visit"]) == ("shop-8", "shop-9", "shop-b")
    assert (newest["began_at"], newest["ended_at"]) == ("2026-10-28T10:22:00Z", "2026-10-28T10:30:00Z")
    assert (newest["pageviews"], newest["entry_page"], newest["exit_page"]) == (5, "/2", "/0")
    assert (oldest["visitor"], oldest["user_id"], oldest["events"]) == ("shop-v0", "jo", 3)
    expected = ["shop-8", "shop-6", "shop-4", "shop-2", "shop-0"]
    for event_id in expected:
        assert [row["event_id"] for row in rows_of(ask(reports, "visit_events", visit=event_id))] == expected
    for strange in ("blog-8", "nothing"):
        assert ask(reports, "visit_events", visit=strange)["rows"] == []


def test_pages_of_rows_follow_each_other_and_have_a_bound(reports: Reports) -> None:
    whole = ask(reports, "visits")["rows"]
    assert [row for n in range(4) for row in ask(reports, "visits", limit="1", offset=str(n))["rows"]] == whole
    for name in ("visits", "pages"):
        with pytest.raises(InvalidRequest, match=r"^/limit: at most 1000 rows") as caught:
            ask(reports, name, limit="1001")
        assert caught.value.pointer == "/limit"


def test_the_newest_events_include_bots_with_their_verdict(reports: Reports, lake: Lake) -> None:
    # Far from the other tests' days.
    day = NOW - timedelta(days=90)
    props = {"dialect": "segment", "browser": "Firefox", "page_host": "shop.example", "page_path": "/a"}
    lake.append(
        event("n1", "shop", day, received_at=NOW + timedelta(seconds=1), is_bot=True, **props),
        event("n2", "shop", day, received_at=NOW + timedelta(seconds=2), is_bot=False, **props),
        event("n3", "blog", day, received_at=NOW + timedelta(seconds=3), is_bot=False, **props),
    )
    found = rows_of(ask(reports, "newest_events", date_range=f"{day.date()},{day.date()}"))
    assert [(row["event_id"], row["verdict"]) for row in found] == [("n2", "accepted"), ("n1", "bot")]
    assert {name: found[0][name] for name in props} == props
    assert found[0]["properties"] == "{}"
    newest = ask(reports, "newest_events", date_range=f"{day.date()},{day.date()}", limit="1")["rows"]
    assert [row[0] for row in newest] == ["n2"]


def test_names_of_properties_are_counted_by_events(reports: Reports) -> None:
    found = rows_of(ask(reports, "property_names", date_range="7d"))
    assert [(row["property"], row["events"]) for row in found] == [("value", 3), ("revenue", 1)]
    assert found[1]["last_seen"] == "2026-10-27T10:11:00Z"


def test_failed_events_are_told_by_kind_and_never_with_their_bytes(reports: Reports) -> None:
    kinds = rows_of(ask(reports, "failed_events"))
    assert [(row["failure_class"], row["failed_events"], row["newest"]) for row in kinds] == [
        ("schema_violation", 2, "f1"),
        ("bad_encoding", 1, "f3"),
    ]
    assert (kinds[0]["first_seen"], kinds[0]["last_seen"]) == ("2026-10-28T09:30:00Z", "2026-10-28T10:30:00Z")
    samples = ask(reports, "failed_event_samples")
    assert [row["failed_event_id"] for row in rows_of(samples)] == ["f1", "f3", "f2"]
    assert rows_of(samples)[1]["payload_bytes"] == 6
    assert "secret" not in json.dumps(samples)
    some = ask(reports, "failed_event_samples", failure_class="bad_encoding", message="is no UTF-8")
    assert [row["failed_event_id"] for row in rows_of(some)] == ["f3"]


def test_the_reconciliation_is_that_of_the_command(reports: Reports) -> None:
    hours = rows_of(ask(reports, "reconciliation"))
    assert [(row["hour"], row["complete"]) for row in hours] == [
        ("2026-10-28T08:00:00Z", True),
        ("2026-10-28T10:00:00Z", False),
        ("2026-10-28T11:00:00Z", False),
    ]
    for row in hours:
        own = [hour for hour in HOURS if hour.site == "shop" and in_json(hour.hour) == row["hour"]]
        totals = summed(own)
        assert row["compacted"] == totals.rows
        for name in row.keys() - {"hour", "complete", "compacted"}:
            assert row[name] == getattr(totals, name), name


def test_event_definitions_tell_what_breaks_them_and_what_never_came(reports: Reports) -> None:
    found = rows_of(ask(reports, "event_definitions"))
    assert [(row["kind"], row["event"], row["events"]) for row in found] == [
        ("definition", "buy", 3),
        ("definition", "gone", 0),
        ("never_arrived", "gone", 0),
        ("drift", "buy", 1),
    ]
    drift = found[-1]
    assert (drift["pointer"], drift["code"], drift["share"]) == ("/properties/value", "type", pytest.approx(1 / 3))
    assert drift["first_seen"] == drift["last_seen"] == "2026-10-27T10:10:00Z"


def test_a_source_that_looks_like_a_formula_is_text_in_a_spreadsheet(reports: Reports) -> None:
    lines = list(csv.reader(io.StringIO(content(reports, "sources", Format.CSV).decode())))
    assert [line[0] for line in lines] == ["source_name", "'=1+1", "(not set)"]


def test_a_funnel_is_named_or_stated_and_says_the_same(reports: Reports) -> None:
    named = rows_of(ask(reports, "funnel", funnel="two pages"))
    assert [(row["name"], row["reached"], row["dropped"]) for row in named] == [("/2", 2, 0), ("/0", 2, 0)]
    stated = json.dumps({"steps": [{"page": "/2"}, {"page": "/0"}]})
    assert rows_of(ask(reports, "funnel", definition=stated)) == named
    countries = ask(reports, "funnel", funnel="two pages", by="visit:country")
    assert [row["country"] for row in rows_of(countries)] == ["CH", "CH"]
    assert [row[1:] for row in countries["rows"]] == [list(row.values()) for row in named]


def test_the_visits_behind_a_funnel_are_as_many_as_it_says_and_lead_to_their_events(reports: Reports) -> None:
    stated = {"steps": [{"page": "/2"}, {"goal": "bought"}], "within": "visitor"}
    definition = json.dumps(stated)
    first, second = rows_of(ask(reports, "funnel", definition=definition))
    assert (first["reached"], first["dropped"], second["reached"]) == (2, 2, 0)
    behind = rows_of(ask(reports, "funnel_visits", definition=definition, dropped="1"))
    assert [row["visitor"] for row in behind] == ["shop-v1", "shop-v0"]
    assert behind[0]["event_ids"] == ["shop-5"]
    assert rows_of(ask(reports, "funnel_visits", definition=definition, step="2")) == []
    some = ask(reports, "funnel_visits", definition=definition, by="visit:country", value="CH", limit="1", offset="1")
    assert [row["visitor"] for row in rows_of(some)] == ["shop-v0"]


@pytest.mark.parametrize(
    ("parameters", "pointer", "told"),
    [
        ({}, "/funnel", "is required, or a definition"),
        ({"funnel": "two pages", "definition": '{"steps":[{"page":"/"},{"page":"/"}]}'}, "/funnel", "not both"),
        ({"funnel": "nothing"}, "/funnel", "no funnel is called 'nothing'; known are two pages"),
        ({"definition": "{"}, "/definition", "must be JSON"),
        ({"definition": "[]"}, "/definition", "must be an object"),
        ({"definition": '{"steps":[{"page":"/"}],"window":"1y"}'}, "/definition", "/window: must be a time such as"),
        ({"definition": '{"steps":[{"goal":"x"},{"page":"/"}]}'}, "/definition/steps/0/goal", "no goal is called 'x'"),
        ({"funnel": "two pages", "by": "time:day"}, "/by", "unknown dimension"),
        ({"funnel": "two pages", "step": "3"}, "/step", "the funnel has 2 steps"),
        ({"funnel": "two pages", "by": "visit:country"}, "/value", "is needed with `by`"),
    ],
)
def test_what_is_wrong_with_a_funnel_is_told(
    reports: Reports, parameters: dict[str, str], pointer: str, told: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(reports, "funnel_visits", **parameters)
    assert caught.value.pointer == pointer
    assert told in caught.value.message


def test_paths_lead_on_from_a_page_or_back_from_a_goal(reports: Reports) -> None:
    onward = rows_of(ask(reports, "paths", page="/2", length="2"))
    assert [(row["path"], row["reached"], row["times"]) for row in onward] == [
        (["page /2"], 2, 3),
        (["page /2", "page /0"], 2, 3),
    ]
    back = rows_of(ask(reports, "paths", goal="bought", direction="backward", length="2", within="visitor"))
    assert [(row["kind"], row["label"], row["times"]) for row in back] == [
        ("event", "buy", 3), ("end", None, 1), ("event", "buy", 2)
    ]  # fmt: skip
    folded = rows_of(ask(reports, "paths", event="buy", length="2", fold_repeats="1"))
    assert [row["path"] for row in folded] == [["event buy"], ["event buy", "end"]]


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"page": "/", "goal": "bought"}, "/goal"),
        ({"goal": "nothing"}, "/goal"),
        ({"length": "11"}, "/length"),
        ({"direction": "up"}, "/direction"),
    ],
)
def test_what_is_wrong_with_paths_is_told(reports: Reports, parameters: dict[str, str], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(reports, "paths", **parameters)
    assert caught.value.pointer == pointer


def test_who_came_back_and_how_often(reports: Reports) -> None:
    grid = rows_of(ask(reports, "retention", unit="day"))
    assert [(row["cohort"], row["size"], row["units_later"], row["reached"]) for row in grid] == [
        ("2026-10-27", 1, 0, 1),
        ("2026-10-27", 1, 1, 1),
        ("2026-10-28", 1, 0, 1),
    ]
    buyers = ask(reports, "retention", unit="day", start='{"goal": "bought"}', back='{"page": "/*"}')
    assert [(row["cohort"], row["units_later"], row["reached"]) for row in rows_of(buyers)] == [
        ("2026-10-27", 0, 1),
        ("2026-10-27", 1, 1),
    ]
    for wrong, pointer in (('{"goal": "x"}', "/start/goal"), ('{"goal": 1}', "/start"), ("[]", "/start")):
        with pytest.raises(InvalidRequest) as caught:
            ask(reports, "retention", start=wrong)
        assert caught.value.pointer == pointer
    visits = rows_of(ask(reports, "frequency"))
    assert [(row["visits"], row["reached"], row["percent"]) for row in visits] == [(1, 1, 50.0), (2, 1, 50.0)]


def test_conversions_are_shared_out_among_visits(reports: Reports) -> None:
    by_channel = ask(reports, "attribution", goal="bought", model="linear", window="7d")
    assert by_channel["columns"][0]["name"] == "channel"
    assert [row[1] for row in by_channel["rows"]] == [3.0]
    assert ask(reports, "attribution", goal="bought", by="visit:country")["columns"][0]["name"] == "country"
    with pytest.raises(InvalidRequest, match="no goal is called 'x'; known are bought"):
        ask(reports, "attribution", goal="x")


def test_a_comparison_stands_beside_every_metric(reports: Reports) -> None:
    now = rows_of(ask(reports, "pages", date_range="2026-10-28,2026-10-28"))
    compared = ask(reports, "pages", date_range="2026-10-28,2026-10-28", compare="previous_period")
    assert compared["meta"]["comparison_date_range"][0] == "2026-10-27T00:00:00+01:00"
    names = [column["name"] for column in compared["columns"]]
    assert names[:4] == ["page", "visitors", "visitors_before", "visitors_change"]
    for row, alone in zip(rows_of(compared), now, strict=True):
        assert {name: row[name] for name in alone} == alone
        assert row["pageviews_before"] == 0
        assert row["visitors_change"] is None, "from nothing to something is no percentage"
    days = rows_of(
        ask(reports, "overview", date_range="2026-10-28,2026-10-28", compare="previous_period", interval="day")
    )
    assert [(row["day"], row["events"], row["events_before"], row["events_change"]) for row in days] == [
        ("2026-10-28", 10, 3, 233.3)
    ]


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a b", "$x", "a\\", "*", "é", "a.b[0]", "'; DROP", "x" * 200])
@pytest.mark.parametrize("report", ["funnel", "attribution"])
def test_properties_of_any_name_can_be_grouped_by(reports: Reports, report: str, name: str) -> None:
    try:
        answer = ask(reports, report, by=f"event:props:{name}", **needed(REPORTS[report]))
    except InvalidRequest as error:
        assert (name, error.pointer) == ("*", "/by")
    else:
        assert {row[0] for row in answer["rows"]} == {"(none)"}


@pytest.mark.parametrize("report", [name for name in REPORTS if "filters" in REPORTS[name].takes])
def test_every_filter_can_be_asked_of_every_report(reports: Reports, report: str) -> None:
    filters = [
        ["has_done", ["is", "event:goal", ["bought"]]],
        ["or", [["matches", "event:page", ["^/[0-9]$"]], ["is_not_set", "visit:country"]]],
        ["not", ["contains", "event:props:value", ["9"]]],
        ["is", "time:hour_of_day", ["11"]],
    ]
    assert ask(reports, report, filters=json.dumps(filters), **needed(REPORTS[report]))["report"] == report
