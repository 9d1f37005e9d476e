"""Reports and queries read memberships: who is a member now, who was one then, and how many there were."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from clickstream.errors import Forbidden, InvalidRequest
from clickstream.querying.formats import Format
from clickstream.querying.goals import scope_of
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import parse_report
from clickstream.querying.request import parse_query
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, parse_site
from local.azurite import Azurite
from tests.integration.audiences.audience_lake import AudienceLake, did

pytestmark = pytest.mark.integration
HOUR = timedelta(hours=1)
DAYS = {"date_range": "2026-03-09,2026-03-11"}
TEXT = """
audience_messages: {hub: changes}
audiences:
  - {name: Carts, slug: carts, where: {did: {event: add_to_cart}, within: 6h}}
  - {name: Kept, slug: kept, stay: 1d, pause: 2d, where: {did: {event: add_to_cart}, within: 6h}}
"""
SITE = parse_site(f"site: shop\nkeys: [{{kind: read, key: read}}]\n{TEXT}".encode(), expected="shop")


@pytest.fixture(scope="module")
def lake(azurite: Azurite) -> AudienceLake:
    """Ada is a member from 14 to 19 o'clock, Bo from 22 o'clock on, Cy never."""
    lake = AudienceLake(azurite)
    lake.site("shop", None, TEXT)
    lake.run()
    lake.moves(HOUR)
    lake.run()
    lake.add(did("a1", lake.at, "ada"), did("a2", lake.at + timedelta(minutes=1), "ada", "add_to_cart"))
    lake.moves(HOUR)
    lake.run()
    lake.add(did("a3", lake.at + HOUR, "ada"), did("c1", lake.at + HOUR, "cy"))
    lake.moves(7 * HOUR)
    lake.run()
    lake.add(did("a4", lake.at, "ada"), did("b1", lake.at + timedelta(minutes=1), "bo", "add_to_cart"))
    lake.moves(HOUR)
    lake.run()
    lake.add(did("b2", lake.at + timedelta(minutes=1), "bo"))
    lake.moves(HOUR)
    lake.run()
    return lake


def counted(lake: AudienceLake, *filters: Any, kind: KeyKind = KeyKind.READ) -> int:
    query = {
        "site_id": "shop",
        "metrics": ["events"],
        "date_range": ["2026-03-10", "2026-03-12"],
        "filters": list(filters),
    }
    answer = lake.engine.query(parse_query(json.dumps(query).encode()), scope_of(Access(SITE, kind)))
    (group,) = answer.groups
    return int(group.metrics[0] or 0)


def reported(lake: AudienceLake, name: str, **parameters: str) -> list[Any]:
    request = parse_report(name, {"site_id": "shop", "audience": "carts", **parameters})
    site = scope_of(Access(SITE, KeyKind.READ))
    rows: list[Any] = json.loads(Reports(lake.engine, lambda: lake.at).answer(request, site, Format.JSON).body)["rows"]
    return rows


def test_events_of_members_now_or_at_their_moment(lake: AudienceLake) -> None:
    assert counted(lake) == 7
    assert counted(lake, ["audience", "carts", "now"]) == 2  # all of Bo's
    assert counted(lake, ["audience", "carts", "then"]) == 2  # one of Ada's while she was, and one of Bo's
    assert counted(lake, ["not", ["audience", "carts", "then"]]) == 5
    assert counted(lake, ["audience", "carts", "then"], ["is", "person:id", ["ada"]]) == 1
    assert counted(lake, ["or", [["audience", "carts", "now"], ["is", "person:id", ["cy"]]]]) == 3


def test_an_audience_that_the_site_lacks_is_refused_with_its_place(lake: AudienceLake) -> None:
    with pytest.raises(InvalidRequest, match="no audience has the slug 'cart'; known are carts") as refused:
        counted(lake, ["audience", "cart", "now"])
    assert refused.value.pointer == "/filters/0/1"
    with pytest.raises(InvalidRequest, match="must be"):
        counted(lake, ["audience", "carts", "later"])
    with pytest.raises(Forbidden, match="opens no audiences"):
        counted(lake, ["audience", "carts", "now"], kind=KeyKind.SHARE)


def test_days_and_changes_are_those_of_the_table(lake: AudienceLake) -> None:
    assert reported(lake, "audience_history", **DAYS) == [
        ["2026-03-09", 0, 0, 0],
        ["2026-03-10", 2, 1, 1],
        ["2026-03-11", 0, 0, 1],
    ]
    # Ada acted while she was a member, within the time that all audiences look back, which is 30 hours.
    kinds = [(person, kind, reason) for person, kind, reason, *_ in reported(lake, "audience_changes", **DAYS)]
    assert kinds == [("bo", "enter", "event"), ("ada", "exit", "event"), ("ada", "enter", "event")]
    assert [row[6] for row in reported(lake, "audience_changes", limit="1", **DAYS)] == [
        json.loads(lake.hub.taken[-1].body)["meta"]["message_id"]
    ]


def test_whoever_stays_is_a_member_in_every_answer(lake: AudienceLake) -> None:
    assert counted(lake, ["audience", "kept", "now"]) == 6  # all of Ada's and Bo's
    assert counted(lake, ["audience", "kept", "then"]) == 3
    members = [row[0] for row in reported(lake, "audience_members", audience="kept")]
    assert members == ["ada", "bo"]
    entered = lake.memberships()["kept"]["ada"].entered_at
    stays_until = (entered + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert reported(lake, "audience_why", audience="kept", person="ada") == [
        ["member", True, stays_until],
        ["meets the condition", False, None],
        ["a member for less than 1d", True, stays_until],
        ["left less than 2d ago", False, None],
        ["did add_to_cart within 6h", False, None],
    ]
