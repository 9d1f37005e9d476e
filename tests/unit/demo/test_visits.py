"""The generated shop has places, currencies, consent, people on two devices, orders and refunds."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from clickstream.enriching.places import Place, Places
from local.demo.places import CITIES, database
from local.demo.visits import DAYS, visits

NOW = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
VISITS = [visit.events for visit in visits(900, NOW, Random(7))]
EVENTS = [event for visit in VISITS for event in visit]


def moment(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["created_at"])


def named(name: str) -> list[dict[str, Any]]:
    return [event for event in EVENTS if event["name"] == name]


def test_visits_lie_in_eight_weeks_and_every_event_has_an_id_of_its_own() -> None:
    starts = [moment(visit[0]) for visit in VISITS]
    assert starts == sorted(starts)
    assert NOW - timedelta(days=DAYS) <= min(map(moment, EVENTS)) and max(map(moment, EVENTS)) <= NOW
    assert min(starts) < NOW - timedelta(days=DAYS - 4) and max(starts) > NOW - timedelta(days=2)
    assert len({event["event_id"] for event in EVENTS}) == len(EVENTS)
    assert all(list(map(moment, visit)) == sorted(map(moment, visit)) for visit in VISITS)


def test_people_of_several_countries_pay_in_several_currencies() -> None:
    assert {event["properties"]["currency"] for event in named("purchase")} >= {"EUR", "CHF", "GBP", "USD"}
    assert len({event["language"] for event in EVENTS}) > 6
    assert {event["consent"] for event in EVENTS} == {"full", "anonymous", "denied"}


def test_some_log_in_on_two_devices_and_some_send_their_order_back() -> None:
    devices = defaultdict(set)
    for event in named("identify"):
        devices[event["user_id"]].add(event["anonymous_id"])
    assert any(len(of_user) == 2 for of_user in devices.values())
    orders = [event["properties"]["order_id"] for event in named("purchase")]
    refunds = [event["properties"]["order_id"] for event in named("refund")]
    assert len(set(orders)) == len(orders) > 30
    assert refunds and set(refunds) <= set(orders)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    path: Path = tmp_path_factory.mktemp("places") / "city.mmdb"
    path.write_bytes(database())
    return Places(path)


def test_every_address_is_in_its_city(places: Places) -> None:
    found = {city.name: places.of(city.address(Random(1))) for city in CITIES}
    assert found == {city.name: Place(city.country, f"{city.country}-{city.region}", city.name) for city in CITIES}
    assert all(places.of(event["ip"]).country for event in EVENTS)
