"""One story told by the reports of people: somebody reads, registers on a phone, and logs in on a laptop."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import Any

import pytest

from clickstream.errors import Forbidden, InvalidRequest
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import parse_report
from clickstream.querying.request import parse_query
from clickstream.querying.scope import Sharing, SiteScope
from local.azurite import Azurite
from tests.integration.compacting.lake import NOW, START
from tests.integration.deriving.derived_lake import DerivedLake, page

pytestmark = pytest.mark.integration
PHONE, LAPTOP = {"anonymous_id": "phone"}, {"anonymous_id": "laptop"}
SAID = {"event_type": "identify", "event_name": "identify"}
OF_ONE = ("person", "person_ids", "person_events", "person_scores")
SITE = SiteScope("shop", "UTC")


@pytest.fixture(scope="module")
def lake(azurite: Azurite) -> DerivedLake:
    lake = DerivedLake(azurite)
    lake.site("shop", None)
    lake.add(
        page("1", 0, page_path="/a", source="Google", medium="organic", channel="Organic Search", **PHONE),
        page("2", 3, user_id="ada", properties='{"name":"Ada","plan":"free"}', **SAID, **PHONE),
        page("3", 100, page_path="/b", **LAPTOP),
        page("4", 105, user_id="ada", properties='{"plan":"pro"}', **SAID, **LAPTOP),
        page("5", 106, user_id="ada", properties='{"plan":"pro"}', **SAID, **LAPTOP),
        page("6", 107, user_id="ada", event_type="custom", event_name="purchase", order_id="A", currency="EUR",
             properties='{"revenue":12.5}', **LAPTOP),
        page("7", 200, page_path="/c", user_id="bob", **PHONE),
        page("8", 10, page_path="/d", anonymous_id="tablet"),
    )  # fmt: skip
    lake.derive()
    return lake


def rows(lake: DerivedLake, report: str, **parameters: str) -> list[dict[str, Any]]:
    return rows_for(lake, SITE, report, parameters)


def rows_for(lake: DerivedLake, site: SiteScope, report: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
    def now() -> Any:
        return NOW + timedelta(hours=6)

    engine = QueryEngine(lake.account, lake.settings, now)
    answer = Reports(engine, now).answer(parse_report(report, {"site_id": "shop", **parameters}), site, Format.JSON)
    document = json.loads(answer.body)
    names = [column["name"] for column in document["columns"]]
    return [dict(zip(names, row, strict=True)) for row in document["rows"]]


def moment(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).astimezone(UTC).isoformat().replace("+00:00", "Z")


def test_the_list_finds_people_by_ids_traits_and_whether_they_are_known(lake: DerivedLake) -> None:
    (bob, ada) = rows(lake, "people")
    assert (bob["person"], ada["person"], ada["label"]) == ("bob", "ada", "Ada")
    assert (ada["devices"], ada["visits"], ada["orders"], ada["revenue"]) == (2, 2, 1, '{"EUR":"12.5000"}')
    assert [each["person"] for each in rows(lake, "people", known="0", order="first_seen_at")] == [
        "bob",
        "tablet",
        "ada",
    ]
    for search, found in (("laptop", ["ada"]), ("ADA", ["ada"]), ("ada", ["ada"]), ("tab", []), ("tablet", ["tablet"])):
        assert [each["person"] for each in rows(lake, "people", search=search, known="0")] == found, search
    for plan, found in (("pro", ["ada"]), ("free", [])):
        assert [each["person"] for each in rows(lake, "people", traits=json.dumps({"plan": plan}))] == found
    assert [each["person"] for each in rows(lake, "people", limit="1", offset="1")] == ["ada"]
    for name, wrong in (("traits", "[]"), ("traits", '{"a": 1}'), ("order", "person"), ("known", "y"), ("search", "")):
        with pytest.raises(InvalidRequest):
            rows(lake, "people", **{name: wrong})


def test_fields_of_a_person_say_since_when_and_from_which_event(lake: DerivedLake) -> None:
    fields = {each["field"]: each for each in rows(lake, "person", person="ada")}
    assert (fields["plan"]["value"], fields["plan"]["since"], fields["plan"]["event_id"]) == ('"pro"', moment(105), "4")
    assert (fields["name"]["value"], fields["name"]["event_id"], fields["name"]["is_trait"]) == ('"Ada"', "2", True)
    assert (fields["first_source"]["value"], fields["first_source"]["since"]) == ('"Google"', moment(0))
    assert (fields["acts"]["value"], fields["page_views"]["value"], fields["visits"]["value"]) == ("3", "2", "2")
    (listed,) = [each for each in rows(lake, "people") if each["person"] == "ada"]
    same = {
        name: json.loads(fields[name]["value"]) for name in ("devices", "orders", "visits", "first_channel", "label")
    }
    assert same == {name: listed[name] for name in same}
    assert rows(lake, "person", person="nobody") == []


def test_ids_of_a_person_have_their_time_and_the_rule_in_words(lake: DerivedLake) -> None:
    ids = [
        (each["kind"], each["id"], each["valid_from"], each["valid_to"], each["rule"], each["acts"])
        for each in rows(lake, "person_ids", person="ada")
    ]
    assert ids == [
        ("user", "ada", None, None, "name", 1),
        ("device", "laptop", None, None, "first login", 1),
        ("device", "phone", None, moment(170), "first login", 1),
    ]
    (tablet,) = rows(lake, "person_ids", person="tablet")
    assert (tablet["rule"], tablet["why"]) == ("name", "the person's own id")
    assert all(each["why"] for each in rows(lake, "person_ids", person="bob"))


def test_events_of_a_person_come_from_all_devices_with_their_visits(lake: DerivedLake) -> None:
    events = rows(lake, "person_events", person="ada", date_range="all")
    assert [each["event_id"] for each in events] == ["6", "5", "4", "3", "2", "1"]
    assert [each["visit"] for each in events] == ["3", "3", "3", "3", "1", "1"]
    assert json.loads(events[0]["properties"]) == {"revenue": 12.5}
    assert [each["event_id"] for each in rows(lake, "person_events", person="bob", date_range="all")] == ["7"]


def test_scores_have_their_meaning_and_nobody_has_none(lake: DerivedLake) -> None:
    found = {each["score"]: each["value"] for each in rows(lake, "person_scores", person="ada")}
    assert list(found) == ["recency", "frequency", "intensity", "quantity", "momentum", "propensity"]
    assert found["frequency"] == pytest.approx(100 * (1 - 2 ** (-1 / 4)))
    assert found["propensity"] == 50
    assert rows(lake, "person_scores", person="nobody") == []


def test_numbers_by_trait_are_of_all_of_a_persons_past(lake: DerivedLake) -> None:
    engine = QueryEngine(lake.account, lake.settings, lambda: NOW + timedelta(hours=6))

    def answered(dimension: str, filters: list[Any]) -> list[tuple[Any, ...]]:
        asked = {"site_id": "shop", "metrics": ["people", "pageviews"], "date_range": "all", "filters": filters}
        request = parse_query(json.dumps({**asked, "dimensions": [dimension]}).encode())
        return [(*group.dimensions, *group.metrics) for group in engine.query(request, SITE).groups]

    plan = "person:traits:plan"
    assert sorted(answered(plan, [])) == [("(none)", 2, 2), ("pro", 1, 2)]
    assert answered("person:id", [["is", plan, ["pro"]]]) == [("ada", 1, 2)]
    assert sorted(answered("person:id", [["is_not_set", plan]])) == [("bob", 1, 1), ("tablet", 1, 1)]
    assert answered("person:id", [["has_done", ["is", plan, ["pro"]]]]) == [("ada", 1, 2)]
    assert answered('person:traits:it\'s "odd"', []) == [("(none)", 3, 4)]
    listed = rows(lake, "visits", date_range="all", filters=json.dumps([["is", plan, ["pro"]]]))
    assert sorted(visit["visitor"] for visit in listed) == ["laptop", "phone"]


def test_a_share_key_opens_no_person(lake: DerivedLake) -> None:
    shared = SiteScope("shop", "UTC", sharing=Sharing(5))
    for report, parameters in (("people", {}), *((name, {"person": "ada"}) for name in OF_ONE)):
        with pytest.raises(Forbidden):
            rows_for(lake, shared, report, parameters)
