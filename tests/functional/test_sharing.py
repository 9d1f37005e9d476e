"""What a share key is answered, over random events: no group, and no difference of two, is of fewer than k visitors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.errors import Forbidden
from clickstream.filters.reader import FilterReader
from clickstream.querying.bots import compile_query_bots
from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest, parse_query
from clickstream.querying.scope import Goal, Matching, Sharing, SiteScope
from clickstream.querying.sharing import check_shared, must_withhold, shared_scope
from clickstream.querying.statement import compile_groups, compile_withheld
from tests.functional.sequences.asking import Events, row

K = 3
SHARING = Sharing(K, frozenset({"plan"}))
SCOPE = SiteScope("shop", "UTC", {"Signup": Goal("Signup", Matching("signup"))}, sharing=SHARING)
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERIOD = Period(BEGIN, BEGIN + timedelta(days=3))
LABEL = f"(fewer than {K})"
# How a row of the answer is known by the model.
COLUMNS = {"event:page": "page_path", "visit:country": "country", "visit:device": "device_class"}
Rows = list[dict[str, Any]]


def happened(number: int, visitor: str | None, page: str, country: str, day: int, name: str) -> dict[str, Any]:
    return row(
        f"{number:04}",
        BEGIN + timedelta(days=day, minutes=number),
        event_name=name,
        event_type="identify" if name == "identify" else "custom",
        anonymous_id=visitor,
        session_id=f"s-{visitor}-{day}-{number}",  # a visit has one country and one device
        page_path=page,
        # What tells who somebody is belongs to a visit that goes on, and would say where that is from.
        country=None if name == "identify" else country,
        device_class=None if name == "identify" else "mobile" if number % 3 else "desktop",
        properties=json.dumps({"plan": page[1:], "email": f"{visitor}@example.com"}),
    )


events_at_random = st.lists(
    st.tuples(
        st.sampled_from([f"v{number}" for number in range(9)] + [None]),
        st.sampled_from(["/a", "/b", "/c", "/d"]),
        st.sampled_from(["DE", "FR", "US"]),
        st.integers(0, 2),
        st.sampled_from(["view", "view", "signup", "identify"]),
    ),
    min_size=1,
    max_size=60,
)
# Filters, and what they mean of a page, a country and a device.
FILTERS: list[tuple[list[Any], Callable[[str, str, str], bool]]] = [
    (["is", "event:page", ["/a"]], lambda page, country, device: page == "/a"),
    (["is_not", "event:page", ["/a", "/b"]], lambda page, country, device: page not in ("/a", "/b")),
    (["matches", "event:page", ["^/[b-d]"]], lambda page, country, device: page in ("/b", "/c", "/d")),
    (["contains", "visit:country", ["R"]], lambda page, country, device: "R" in country),
    (["is_not", "visit:country", ["DE"]], lambda page, country, device: country != "DE"),
    (["not", ["is", "visit:device", ["mobile"]]], lambda page, country, device: device != "mobile"),
    (
        ["or", [["is", "event:page", ["/c"]], ["is", "visit:country", ["US"]]]],
        lambda page, country, device: page == "/c" or country == "US",
    ),
]


@pytest.fixture(scope="module")
def events() -> Events:
    return Events()


def asked(**body: Any) -> QueryRequest:
    query = {"site_id": "shop", "metrics": ["visitors", "events"], "date_range": "7d", **body}
    return parse_query(json.dumps(query).encode())


def answer(events: Events, rows: Rows, **body: Any) -> Rows | None:
    """The rows that a share key is answered; None where the answer is withheld."""
    events.hold(rows)
    request = asked(**body)
    check_shared(request, SHARING)
    if must_withhold(events.ask(compile_withheld(request, PERIOD, SCOPE)), SHARING):
        return None
    return events.ask(compile_groups(request, PERIOD, SCOPE))


def visitors(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    return {row["anonymous_id"] for row in rows} - {None}


def shown_as(rows: Rows, answered: Rows, dimensions: Sequence[str]) -> tuple[list[Rows], Rows]:
    """The events of each answered row that has values of its own, and the rest of the events."""
    groups = {tuple(row[name] for name in dimensions) for row in answered}
    own: dict[tuple[str, ...], Rows] = {group: [] for group in groups if LABEL not in group}
    rest: Rows = []
    for each in rows:
        group = tuple(each[COLUMNS[name]] for name in dimensions)
        own.get(group, rest).append(each)
    return list(own.values()), rest


@settings(max_examples=60, deadline=None)
@given(events_at_random, st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=2, unique=True))
def test_no_group_and_no_rest_of_groups_is_of_few_visitors(
    events: Events, made: list[Any], dimensions: list[str]
) -> None:
    rows = [happened(number, *each) for number, each in enumerate(made)]
    seen = [each for each in rows if each["event_type"] != "identify"]
    answered = answer(events, rows, dimensions=dimensions)
    if answered is None:
        assert seen, "nothing at all is no secret"
        assert len(visitors(seen)) < K
        return
    own, rest = shown_as(seen, answered, dimensions)
    for group in own:
        assert len(visitors(group)) >= K
    assert not rest or len(visitors(rest)) >= K, "by the difference to the whole"
    assert sum(row["events"] for row in answered) == len(seen), "all of them are counted, and nobody's identify"
    for each in answered:
        assert each["visitors"] >= K


def told_apart(rows: Rows, column: str) -> Callable[[Mapping[str, Any]], str]:
    """The text for an event's value: its own, or one for all values that are merged."""
    sizes = sorted(
        (len(visitors(each for each in rows if each[column] == value)), value)
        for value in {each[column] for each in rows}
    )
    small = {value for size, value in sizes if size < K}
    if small and len(small) < len(sizes):
        small.add(sizes[len(small)][1])
    return lambda each: LABEL if each[column] in small else each[column]


@settings(max_examples=50, deadline=None)
@given(events_at_random, st.sampled_from(FILTERS))
def test_no_filter_tells_few_visitors_apart_from_all_others(
    events: Events, made: list[Any], asked_for: tuple[list[Any], Callable[[str, str, str], bool]]
) -> None:
    filter_, meets = asked_for
    rows = [happened(number, *each) for number, each in enumerate(made)]
    seen = [each for each in rows if each["event_type"] != "identify"]
    values = [told_apart(seen, column) for column in COLUMNS.values()]
    chosen = [each for each in seen if meets(*(value(each) for value in values))]
    others = [each for each in seen if each not in chosen]
    answered = answer(events, rows, filters=[filter_])
    if any(part and len(visitors(part)) < K for part in (chosen, others)):
        assert answered is None
    else:
        assert answered is not None
        assert answered[0]["events"] == len(chosen)


@settings(max_examples=50, deadline=None)
@given(events_at_random, st.sampled_from(["/a", "/b", "/c", "/d"]), st.sampled_from(["is", "contains", "matches"]))
def test_a_page_of_few_visitors_is_chosen_by_no_operator(
    events: Events, made: list[Any], page: str, operator: str
) -> None:
    rows = [happened(number, *each) for number, each in enumerate(made)]
    of_page = [each for each in rows if each["page_path"] == page and each["event_type"] != "identify"]
    chosen = answer(events, rows, filters=[[operator, "event:page", [page]]])
    if chosen is not None and len(visitors(of_page)) < K:
        assert chosen[0]["events"] == 0


@settings(max_examples=50, deadline=None)
@given(events_at_random)
def test_days_of_few_visitors_are_left_out_with_the_smallest_other(events: Events, made: list[Any]) -> None:
    rows = [happened(number, *each) for number, each in enumerate(made)]
    answered = answer(events, rows, dimensions=["time:day"])
    if answered is None:
        return
    seen = [each for each in rows if each["event_type"] != "identify"]
    days = {row["time:day"] for row in answered}
    rest = [each for each in seen if each["occurred_at"].date() not in days]
    assert all(row["visitors"] >= K for row in answered)
    assert not rest or len(visitors(rest)) >= K


def test_filters_over_one_page_after_another_never_reach_the_page_of_one_visitor(
    events: Events,
) -> None:
    """Each set is large, and so is what it leaves out; the difference of two of them would be one visitor's page."""
    made = [(f"v{number}", page, "DE", 0, "view") for page in ("/a", "/b", "/c") for number in range(4)]
    rows = [happened(number, *each) for number, each in enumerate([*made, ("only", "/secret", "DE", 0, "view")])]
    with_it = answer(events, rows, filters=[["matches", "event:page", ["^/(a|secret)"]]])
    without = answer(events, rows, filters=[["matches", "event:page", ["^/a"]]])
    assert with_it == without


def test_a_filter_that_leaves_out_one_visitor_is_not_answered(events: Events) -> None:
    made = [(f"v{number}", "/a", "DE" if number else "FR", 0, "view") for number in range(8)]
    rows = [happened(number, *each) for number, each in enumerate(made)]
    assert answer(events, rows, filters=[["is", "visit:device", ["desktop"]]]) is not None
    assert answer(events, rows, filters=[["is_not", "visit:country", ["FR"]]]) == answer(events, rows), (
        "nothing is told apart"
    )
    goal = [*made, ("v1", "/a", "DE", 0, "signup")]
    rows = [happened(number, *each) for number, each in enumerate(goal)]
    assert answer(events, rows, filters=[["is", "event:goal", ["Signup"]]]) is None


@pytest.mark.parametrize(
    "body",
    [
        {"dimensions": ["event:props:email"]},
        {"dimensions": ["event:props:plan", "event:props:email"]},
        {"filters": [["is", "event:props:email", ["v1@example.com"]]]},
        {"filters": [["is_set", "event:props:email"]]},
        {"filters": [["not", ["contains", "event:props:email", ["v1"]]]]},
        {"filters": [["or", [["is", "event:page", ["/a"]], ["matches", "event:props:email", ["^v"]]]]]},
        {"filters": [["has_done", ["is", "event:props:email", ["v1@example.com"]]]]},
        {"dimensions": ["person:id"]},
        {"dimensions": ["person:known", "person:id"]},
        {"dimensions": ["person:traits:plan"]},
        {"filters": [["is", "person:traits:plan", ["pro"]]]},
        {"filters": [["has_done", ["not", ["is", "person:id", ["u1"]]]]]},
        {"metrics": ["total_revenue"]},
        {"metrics": ["average_revenue"]},
        {"metrics": ["group_conversion_rate"], "dimensions": ["event:goal"]},
        {"dimensions": ["time:minute"]},
        {"date_range": "realtime"},
        {"date_range": "24h"},
        {"date_range": ["2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"]},
        {
            "include": {
                "comparisons": {"mode": "custom", "date_range": ["2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"]}
            }
        },
    ],
    ids=str,
)
def test_a_share_key_is_refused_what_tells_of_single_visitors(body: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        check_shared(asked(**body), SHARING)


def test_people_are_open_as_numbers() -> None:
    check_shared(asked(metrics=["people", "known_people"], dimensions=["person:known"]), SHARING)


def test_a_listed_property_is_open_and_an_unlisted_one_by_no_way_of_the_document() -> None:
    check_shared(asked(dimensions=["event:props:plan"], filters=[["is", "event:props:plan", ["a"]]]), SHARING)

    def matching(name: str) -> Matching:
        return Matching("signup", filters=FilterReader(of_document=True).read([["is_set", f"event:props:{name}"]]))

    site = SiteScope(
        "shop",
        "UTC",
        goals={name: Goal(name, matching(name)) for name in ("plan", "email")},
        segments={name: matching(name).filters for name in ("plan", "email")},
    )
    shared = shared_scope(site, SHARING)
    assert list(shared.goals) == list(shared.segments) == ["plan"]
    assert shared.sharing is not None
    assert not shared.sharing.revenue


@pytest.mark.parametrize("body", [{"dimensions": ["event:currency"]}, {"filters": [["is_set", "event:currency"]]}])
def test_currencies_are_open_with_revenue_alone(body: dict[str, Any]) -> None:
    check_shared(asked(**body), Sharing(K, frozenset({"revenue"}), revenue=True))
    with pytest.raises(Forbidden, match="event:currency"):
        check_shared(asked(**body), SHARING)


def test_bots_are_counted_for_a_share_key_if_they_are_of_enough_visitors(events: Events) -> None:
    def left_out(visitors: int, scope: SiteScope = SCOPE, **body: Any) -> Any:
        rows = [
            happened(number, f"v{number % visitors}", "/a", "DE", 0, "view") for number in range(6 if visitors else 0)
        ]
        events.hold([{**row, "is_bot": True} for row in rows])
        statement = compile_query_bots(asked(**body), PERIOD, scope)
        return None if statement is None else events.ask(statement)[0]["events"]

    assert [left_out(visitors) for visitors in (K, K - 1)] == [6, None]
    # Nothing is reported about single groups.
    assert left_out(K, filters=[["is", "event:page", ["/a"]]]) is None
    assert left_out(K - 1, replace(SCOPE, sharing=None), filters=[["is", "event:page", ["/a"]]]) == 6


@pytest.mark.parametrize(("properties", "opens"), [({"revenue", "cost"}, True), ({"revenue"}, False), (set(), False)])
def test_revenue_is_open_where_every_property_is_listed_that_it_is_read_from(properties: set[str], opens: bool) -> None:
    site = SiteScope("shop", "UTC", goals={"Order": Goal("Order", Matching("order"), "/cost/net")})
    shared = shared_scope(site, Sharing(K, frozenset(properties)))
    assert shared.sharing is not None
    assert shared.sharing.revenue == opens
