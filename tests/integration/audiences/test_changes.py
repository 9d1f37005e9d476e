"""Who enters and leaves audiences, over a real lake."""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from azure.eventhub import EventData, EventHubConsumerClient, PartitionContext
from jsonschema_rs import Draft202012Validator

from clickstream.delivery.event_hub import EventHub
from clickstream.settings import Connection
from clickstream.tally import Tally
from local.azurite import Azurite
from local.event_hubs.process import EventHubsEmulator
from tests.integration.audiences.audience_lake import AudienceLake, did
from tests.integration.compacting.lake import START

pytestmark = pytest.mark.integration
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = Draft202012Validator(orjson.loads((DOCS / "audience-message.schema.json").read_bytes()))
AUDIENCES = """
goals: [{name: Order, event: purchase}]
audience_messages: {hub: changes}
audiences:
  - name: Cart abandoners
    slug: cart-abandoners
    where: {all: [{did: {event: add_to_cart}, within: 7d}, {did_not: {goal: Order}, within: 7d}]}
  - name: Buyers
    slug: buyers
    where: {did: {goal: Order}, within: 30d}
"""


@pytest.fixture
def lake(azurite: Azurite) -> AudienceLake:
    lake = AudienceLake(azurite)
    lake.site("shop", None, AUDIENCES)
    lake.add(did("0", START - DAY, "zoe", "purchase"))
    lake.moves(HOUR)
    lake.run()
    return lake


def brief(change: dict[str, Any]) -> tuple[str, ...]:
    return tuple(change[name] for name in ("audience", "person", "kind", "reason"))


def test_who_buys_leaves_and_enters_in_one_message(lake: AudienceLake) -> None:
    assert [brief(change) for change in lake.changes()] == [("buyers", "zoe", "enter", "existing")]
    assert lake.hub.taken == []
    lake.add(did("1", lake.at + HOUR, "ada", "add_to_cart"))
    lake.moves(2 * HOUR)
    lake.run()
    lake.add(did("2", lake.at + HOUR, "ada", "purchase"))
    lake.moves(2 * HOUR)
    lake.run()
    first, second = lake.told()
    for document in (first, second):
        SCHEMA.validate(document)
    entered, left = "2026-03-10T15:00:00.000000000Z", "2026-03-10T17:00:00.000000000Z"
    assert first["data"]["_created"] == "2026-03-10T14:00:00.000000000Z"
    assert first["data"]["user_id"] == "ada"
    (event,) = first["data"]["segment_events"]
    assert (event["event"], event["slug"]) == ("enter", "cart-abandoners")
    assert (event["enter"], event["exit"]) == (entered, "2026-03-17T14:00:00.000000000Z")
    bought, abandoned = sorted(second["data"]["segment_events"], key=lambda each: each["slug"])
    assert (abandoned["event"], abandoned["enter"], abandoned["exit"]) == ("exit", entered, left)
    assert (bought["event"], bought["enter"], bought["exit"]) == ("enter", left, "2026-04-09T16:00:00.000000000Z")
    assert second["meta"]["reason"] == "event"
    before = lake.delta("audience_changes").version()
    lake.moves(HOUR)
    assert lake.run().changes == 0
    assert lake.delta("audience_changes").version() == before


def test_a_membership_ends_by_time_to_the_microsecond_and_without_an_event(lake: AudienceLake) -> None:
    at = lake.at + timedelta(microseconds=7)
    lake.add(did("1", at, "ada", "add_to_cart"))
    lake.moves(HOUR)
    lake.run()
    lake.moves(at + 7 * DAY - lake.at - timedelta(microseconds=1))
    assert lake.run().changes == 0
    lake.moves(DAY)
    lake.run()
    last = lake.changes()[-1]
    assert brief(last) == ("cart-abandoners", "ada", "exit", "time")
    assert last["changed_at"] == at + 7 * DAY


def test_the_example_of_the_documentation_meets_the_schema() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (DOCS / "audiences.md").read_text(), re.DOTALL)
    SCHEMA.validate(orjson.loads(example))


def test_a_consumer_gets_each_change_with_its_properties(
    lake: AudienceLake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    people = [f"p{number}" for number in range(30)]
    lake.add(*(did(person, lake.at + HOUR, person, "add_to_cart") for person in people))
    lake.moves(2 * HOUR)
    lake.evaluate()
    lake.add(*(did(f"{person} buys", lake.at + HOUR, person, "purchase") for person in people))
    lake.moves(2 * HOUR)
    lake.evaluate()
    with EventHubsEmulator(tmp_path_factory.mktemp("hub"), {"changes": 2}) as emulator:
        connection = Connection("CONNECTION_CRM", emulator.connection_string)
        hub = EventHub(connection, "changes", 60, lambda: datetime.now(UTC), Tally(time.monotonic))
        assert lake.send(hub=hub) == 60
        assert lake.send() == 0
        received = consumed(emulator, 60)
    seen: dict[str, list[str]] = {}
    for data in received:
        document = orjson.loads(data.body_as_str())
        SCHEMA.validate(document)
        seen.setdefault(document["data"]["user_id"], []).append(document["meta"]["message_id"])
        properties = {name.decode(): value.decode() for name, value in (data.properties or {}).items()}  # type: ignore[union-attr]
        assert properties["site"] == "shop"
        assert properties["message_id"] == data.message_id == document["meta"]["message_id"]
        assert properties["events"] == ",".join(
            dict.fromkeys(each["event"] for each in document["data"]["segment_events"])
        )
        assert data.content_type == "application/json"
    stored: dict[str, list[str]] = {}
    for change in lake.changes():
        if change["message"] is not None:
            stored.setdefault(change["person"], []).append(change["message_id"])
    assert seen == stored


def consumed(emulator: EventHubsEmulator, count: int) -> list[EventData]:
    """So many messages of the hub, by the SDK's consumer."""
    received: list[EventData] = []
    client = EventHubConsumerClient.from_connection_string(
        emulator.connection_string, consumer_group="$Default", eventhub_name="changes"
    )

    def on_event(context: PartitionContext, event: EventData | None) -> None:
        assert event is not None
        received.append(event)

    thread = threading.Thread(target=lambda: client.receive(on_event=on_event, starting_position="-1"))
    thread.start()
    deadline = time.monotonic() + 120
    try:
        while len(received) < count and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        client.close()
        thread.join(timeout=60)
    return received
