"""The reports of audiences over a real lake: sizes, members and reasons at the moment of completeness."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream.errors import Forbidden, InvalidRequest
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.goals import scope_of
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import parse_report
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, parse_site
from local.azurite import Azurite
from tests.integration.querying.lake import event, make_lake

pytestmark = pytest.mark.integration
SITE = parse_site(
    b"""
site: shop
time_zone: Europe/Berlin
keys: [{kind: public, key: shop}, {kind: read, key: read}, {kind: share, key: share}]
goals: [{name: Order, event: purchase}]
audiences:
  - name: Cart abandoners
    slug: cart-abandoners
    where:
      all:
        - {did: {event: add_to_cart}, within: 7d}
        - {did_not: {goal: Order}, within: 7d}
  - name: From phones
    slug: phones
    of: everyone
    where: {did: {page: /shoes*, filters: [[is, "visit:device", [mobile]]]}, within: 30d}
  - name: Big spenders
    slug: spenders
    where: {all: [{sum: {goal: Order, property: total}, at_least: 100, within: 90d}, {not: {in: cart-abandoners}}]}
  - name: Looked, then bought
    slug: buyers
    of: everyone
    where: {sequence: {steps: [{event: add_to_cart}, {goal: Order}], window: 1d, order: strict}, within: 30d}
""",
    expected="shop",
)
UNTIL = datetime(2026, 10, 28, 10, 20, tzinfo=UTC)
DAY = timedelta(days=1)
BOT = {"is_bot": True}


def did(event_id: str, before: timedelta, name: str = "view", user: str | None = None, **fields: Any) -> dict[str, Any]:
    """An event of a site so long before the moment of completeness."""
    site = fields.pop("site", "shop")
    of_all = {"event_type": "custom", "anonymous_id": f"device of {user or event_id}", "is_bot": False}
    return event(event_id, site, UNTIL - before, **{**of_all, "event_name": name, "user_id": user, **fields})


def rows_of() -> list[dict[str, Any]]:
    """Ada left a cart, after two visits as nobody; Bo bought; Cy's cart is too old by a microsecond."""
    page = {"event_type": "page_view", "page_path": "/shoes/red"}
    return [
        did("a1", 3 * DAY, anonymous_id="device of ada", device_class="mobile", **page),
        did("a2", 2 * DAY, "add_to_cart", "ada"),
        did("b1", 2 * DAY, "add_to_cart", "bo"),
        did("b2", DAY, "purchase", "bo", properties=json.dumps({"total": 80.5})),
        did("b3", 80 * DAY, "purchase", "bo", properties=json.dumps({"total": 19.5})),
        did("c1", 7 * DAY, "add_to_cart", "cy"),
        did("d1", DAY, device_class="mobile", **page),
        did("e1", DAY, device_class="desktop", **page),
        did("f1", -timedelta(minutes=1), "add_to_cart", "too late"),
        did("g1", DAY, "add_to_cart", "crawler", **BOT),
        did("h1", DAY, "add_to_cart", "of another site", site="blog"),
    ]


@pytest.fixture(scope="module")
def reports(azurite: Azurite) -> Reports:
    lake = make_lake(azurite)
    lake.append(*rows_of())
    lake.append_people(rows_of())
    lake.put("state/progress.json", json.dumps({"complete_until": UNTIL.isoformat()}).encode())
    return Reports(QueryEngine(lake.account, lake.settings, lambda: UNTIL + DAY), lambda: UNTIL + DAY)


def answered(reports: Reports, name: str, kind: KeyKind = KeyKind.READ, **parameters: str) -> dict[str, Any]:
    request = parse_report(name, {"site_id": "shop", **parameters})
    document: dict[str, Any] = json.loads(reports.answer(request, scope_of(Access(SITE, kind)), Format.JSON).body)
    return document


def moment(before: timedelta) -> str:
    return (UNTIL - before).isoformat().replace("+00:00", "Z")


def test_sizes_are_those_at_the_moment_of_completeness(reports: Reports) -> None:
    answer = answered(reports, "audiences")
    assert answer["rows"] == [
        ["cart-abandoners", "Cart abandoners", 1, moment(-5 * DAY)],
        ["phones", "From phones", 2, moment(-27 * DAY)],
        ["spenders", "Big spenders", 1, moment(-5 * DAY)],
        ["buyers", "Looked, then bought", 1, moment(-28 * DAY)],
    ]
    meta = answer["meta"]
    assert (meta["evaluated_at"], meta["bots_left_out"]) == (UNTIL.isoformat(), 1)
    assert meta["date_range"][1] == "2026-10-28T11:20:00+01:00"


def test_members_leave_at_the_moment_that_is_said_beforehand(reports: Reports) -> None:
    assert answered(reports, "audience_members", audience="cart-abandoners")["rows"] == [
        ["ada", True, moment(-5 * DAY)]
    ]
    assert answered(reports, "audience_members", audience="phones")["rows"] == [
        ["ada", True, moment(-27 * DAY)],
        ["device of d1", False, moment(-29 * DAY)],
    ]
    paged = answered(reports, "audience_members", audience="phones", limit="1", offset="1")
    assert [person for person, *_ in paged["rows"]] == ["device of d1"]


@pytest.mark.parametrize(
    ("person", "reasons"),
    [
        ("ada", [("member", True), ("did add_to_cart within 7d", True), ("did purchase within 7d", False)]),
        ("bo", [("member", False), ("did add_to_cart within 7d", True), ("did purchase within 7d", True)]),
        ("cy", [("member", False), ("did add_to_cart within 7d", False), ("did purchase within 7d", False)]),
        ("nobody", [("member", False), ("did add_to_cart within 7d", False), ("did purchase within 7d", False)]),
    ],
)
def test_each_condition_says_whether_it_holds(reports: Reports, person: str, reasons: list[tuple[str, bool]]) -> None:
    rows = answered(reports, "audience_why", audience="cart-abandoners", person=person)["rows"]
    assert [(condition, holds) for condition, holds, _ in rows] == reasons


def test_an_unknown_audience_is_refused_with_those_that_exist(reports: Reports) -> None:
    with pytest.raises(InvalidRequest, match="known are cart-abandoners, phones, spenders, buyers") as refused:
        answered(reports, "audience_members", audience="cart")
    assert refused.value.pointer == "/audience"


@pytest.mark.parametrize("name", ["audiences", "audience_members", "audience_why"])
def test_a_share_key_opens_no_audience(reports: Reports, name: str) -> None:
    own = {"audiences": {}, "audience_members": {"audience": "phones"}}.get(
        name, {"audience": "phones", "person": "ada"}
    )
    with pytest.raises(Forbidden):
        answered(reports, name, KeyKind.SHARE, **own)
