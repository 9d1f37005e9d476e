"""What a copy is: the same message, delivered again to the same site by the same sender. Nothing else is dropped.

Messages pass the collector, Capture's files and the spill; the table is compared with a rule in plain Python.
`COPIES=500` tries as many multisets of messages; fewer are tried without.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from clickstream.collecting.collector import Collector
from clickstream.collecting.dialects import plain
from clickstream.collecting.request import Request
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings
from clickstream.sites.directory import SiteDirectory
from local.azurite import Azurite
from tests.functional.memory import PATIENT, Clock, MemoryCounts, MemoryDocuments, MemorySalts, MemorySink
from tests.integration.compacting.lake import START, Lake

pytestmark = pytest.mark.integration
SETTINGS = Settings.from_env({"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef"})
MULTISETS = int(os.environ.get("COPIES", "6"))
SITES = {
    f"sites/{site}.yaml": f"""
site: {site}
keys:
- {{kind: public, key: {site}-public}}
- {{kind: server, key: {site}-server}}
privacy: {{cookie: true, user_ids: keep}}
""".encode()
    for site in ("brand", "rollup")
}


@dataclass(frozen=True)
class Message:
    """What a client says, and the key it says it with."""

    site: str = "brand"
    key: str = "public"
    event_id: str = "1"
    name: str = "open"
    anonymous_id: str | None = None
    user_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    session_id: str | None = None

    def body(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value and name not in ("site", "key")}


@dataclass(frozen=True)
class Delivery:
    """One time that a message is sent: when and from where, with which cookie, and which ways it takes."""

    message: Message
    hours: int = 0
    address: int = 1
    cookie: int | None = None
    commit: int = 0
    captured: int = 1
    spilled: int = 0


DELIVERIES = st.builds(
    Delivery,
    st.just(Message()),
    st.sampled_from([0, 13]),  # midnight lies between
    st.integers(1, 2),
    st.sampled_from([None, 1, 2]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 1),
).filter(lambda delivery: delivery.captured + delivery.spilled > 0)
VALUES: dict[str, list[Any]] = {
    "site": ["brand", "rollup"],
    "key": ["public", "server"],
    "event_id": ["1", "order-2"],
    "name": ["open", "buy"],
    "anonymous_id": ["a", None, "b"],
    "user_id": ["u", None],
    "previous_id": ["a", None],
    "group_id": ["g", None],
    "session_id": ["s", None],
}
MESSAGES = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}).map(
    lambda fields: Message(**fields)
)
# Each differs from the message that it is applied to in one field, or in none.
CHANGES = st.one_of(
    st.just({}),
    *(st.fixed_dictionaries({name: st.sampled_from(values)}) for name, values in VALUES.items()),
)
# Few messages that are nearly the same, most of them delivered several times.
MULTISETS_OF_MESSAGES = st.tuples(MESSAGES, st.lists(st.tuples(CHANGES, DELIVERIES), min_size=4, max_size=12)).map(
    lambda drawn: [replace(delivery, message=replace(drawn[0], **change)) for change, delivery in drawn[1]]
)
Rule = Callable[[Delivery], object]


def rule(delivery: Delivery) -> object:
    """Deliveries of which this is equal are copies: everything the client says, and nothing else."""
    return delivery.message


def rows_by(key: Rule, deliveries: Sequence[Delivery]) -> int:
    return len({key(delivery) for delivery in deliveries})


def bodies_of(deliveries: Sequence[Delivery]) -> Sequence[bytes]:
    """What the collector sends for each of them."""
    moments: list[datetime] = [START]
    sink, numbers = MemorySink(), count(1)
    collector = Collector(
        SETTINGS,
        SiteDirectory(MemoryDocuments(SITES), 30, Clock(), PATIENT, allow_short_keys=True),
        DailySalts(MemorySalts(), lambda: moments[0]),
        sink,
        MemorySink(),
        MemoryCounts(),
        lambda: str(UUID(int=next(numbers))),
        lambda: moments[0],
    )

    async def send(number: int, delivery: Delivery) -> None:
        moments[0] = START + timedelta(hours=delivery.hours, milliseconds=number)
        headers = {
            "x-write-key": f"{delivery.message.site}-{delivery.message.key}",
            "x-forwarded-for": f"198.51.{delivery.address}.7",
            "user-agent": "Firefox",
        }
        if delivery.cookie:
            headers["cookie"] = f"cs_id={UUID(int=1000 + delivery.cookie)}"
        request = Request(headers, {}, json.dumps(delivery.message.body()).encode(), moments[0])
        await collector.collect(request, plain.DIALECT, plain.DIALECT.endpoints[0])

    async def send_all() -> None:
        for number, delivery in enumerate(deliveries):
            await send(number, delivery)

    asyncio.run(send_all())
    return [message.body for message in sink.messages]


def compact(lake: Lake, deliveries: Sequence[Delivery]) -> None:
    """Capture and spill them, a commit after the other."""
    bodies, sequence = bodies_of(deliveries), 0
    for commit in range(3):
        captured = [
            body
            for delivery, body in zip(deliveries, bodies, strict=True)
            if delivery.commit == commit
            for _ in range(delivery.captured)
        ]
        for start in range(0, len(captured), 3):
            few = captured[start : start + 3]
            lake.capture(sequence, few, first_sequence=sequence)
            sequence += len(few)
        spilled = [
            body
            for delivery, body in zip(deliveries, bodies, strict=True)
            if delivery.commit == commit and delivery.spilled
        ]
        if spilled:
            lake.spill(spilled)
        lake.compact()


def said_by(row: dict[str, Any]) -> Message:
    return Message(
        row["site"],
        row["key_kind"],
        row["event_id"],
        row["event_name"],
        row["anonymous_id"] if row["id_source"] == "client" else None,
        row["user_id"],
        row["previous_id"],
        row["group_id"],
        row["session_id"],
    )


@given(MULTISETS_OF_MESSAGES)
@settings(max_examples=MULTISETS, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_message_is_one_row_however_often_and_on_which_ways_it_is_delivered(
    azurite: Azurite, deliveries: list[Delivery]
) -> None:
    lake = Lake(azurite, max_bytes=3_000)
    compact(lake, deliveries)
    rows = lake.rows()
    said = [said_by(row) for row in rows]
    assert len(said) == len(set(said)) == rows_by(rule, deliveries)
    assert set(said) == {delivery.message for delivery in deliveries}
    first = [(row["site"], row["event_id"]) for row in rows if not row["id_reused"]]
    assert sorted(first) == sorted({(message.site, message.event_id) for message in said})


MUTANTS: dict[str, Rule] = {
    "the site is left out": lambda delivery: replace(delivery.message, site=""),
    "the key is left out": lambda delivery: replace(delivery.message, key=""),
    "the event id is left out": lambda delivery: replace(delivery.message, event_id=""),
    "the content is left out": lambda delivery: replace(delivery.message, name=""),
    "the device is left out": lambda delivery: replace(delivery.message, anonymous_id=None),
    "the user is left out": lambda delivery: replace(delivery.message, user_id=None),
    "the previous id is left out": lambda delivery: replace(delivery.message, previous_id=None),
    "the group is left out": lambda delivery: replace(delivery.message, group_id=None),
    "the session is left out": lambda delivery: replace(delivery.message, session_id=None),
    "the moment counts": lambda delivery: (delivery.message, delivery.hours),
    "the address counts": lambda delivery: (delivery.message, delivery.address),
    "the cookie counts": lambda delivery: (delivery.message, delivery.cookie),
    "the commit counts": lambda delivery: (delivery.message, delivery.commit),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_multisets_that_are_tried_tell_the_rule_from_every_other(mutant: str) -> None:
    """Otherwise the test above could pass with a rule that is wrong."""

    def differs(deliveries: list[Delivery]) -> bool:
        return rows_by(MUTANTS[mutant], deliveries) != rows_by(rule, deliveries)

    find(MULTISETS_OF_MESSAGES, differs, settings=settings(max_examples=200, database=None, phases=[Phase.generate]))


# --- people ---------------------------------------------------------------------------------------------------------


def visitors(lake: Lake) -> list[tuple[str, str, str | None, bool]]:
    return sorted((row["site"], row["event_id"], row["anonymous_id"], row["id_reused"]) for row in lake.rows())


@pytest.fixture
def lake(azurite: Azurite) -> Lake:
    return Lake(azurite)


@pytest.mark.parametrize("commits", [(0, 0), (0, 1)], ids=["in one commit", "in two commits"])
@pytest.mark.parametrize("spilled", [False, True], ids=["captured", "spilled"])
def test_a_tenant_that_sends_another_tenants_message_first_takes_nothing_from_it_and_learns_nothing(
    lake: Lake, commits: tuple[int, int], spilled: bool
) -> None:
    said = Message(event_id="order-1001", name="buy", user_id="u")
    other = replace(said, site="rollup")
    ways = {"captured": int(not spilled), "spilled": int(spilled)}
    compact(lake, [Delivery(other, commit=commits[0], **ways), Delivery(said, commit=commits[1], **ways)])
    assert [(row["site"], row["event_id"], row["id_reused"]) for row in lake.rows()] == [
        *((site, "order-1001", False) for site in sorted(["brand", "rollup"])),
    ]


def test_three_devices_that_count_their_events_from_1_lose_none(lake: Lake) -> None:
    devices = [Message(event_id=number, anonymous_id=device) for device in "abc" for number in "12"]
    compact(lake, [Delivery(message, commit=number % 2) for number, message in enumerate(devices)])
    assert sorted((row["anonymous_id"], row["event_id"]) for row in lake.rows()) == [
        (device, number) for device in "abc" for number in "12"
    ]


def test_a_visitor_that_guesses_anothers_id_and_words_takes_nothing_from_it(lake: Lake) -> None:
    victim = Message(event_id="signup-7", name="buy", anonymous_id="victim", session_id="s")
    stranger = replace(victim, anonymous_id="stranger")
    compact(lake, [Delivery(stranger), Delivery(victim, commit=1)])
    assert visitors(lake) == [("brand", "signup-7", "stranger", False), ("brand", "signup-7", "victim", True)]


def test_a_stranger_with_the_public_key_cannot_send_first_what_a_server_will_send(lake: Lake) -> None:
    server = Message(key="server", event_id="invoice-7", name="buy", user_id="u")
    compact(lake, [Delivery(replace(server, key="public")), Delivery(server, commit=1)])
    assert sorted(row["key_kind"] for row in lake.rows()) == ["public", "server"]


def test_a_message_sent_again_after_midnight_from_another_address_with_another_cookie_is_one_row(lake: Lake) -> None:
    said = Message(event_id="e")
    again = [Delivery(said, hours, address, cookie) for hours in (0, 13) for address in (1, 2) for cookie in (None, 1)]
    compact(lake, [replace(each, commit=number % 3) for number, each in enumerate(again)])
    assert len(lake.rows()) == 1


def test_a_message_that_was_stored_before_senders_were_told_apart_is_still_one_row(lake: Lake) -> None:
    """Rows of then have the first part of a fingerprint alone."""
    said = Message(event_id="e", anonymous_id="a", session_id="s")
    (body,) = bodies_of([Delivery(said)])
    old = json.loads(body)
    old["fingerprint"] = old["fingerprint"][:32]
    lake.capture(0, [json.dumps(old).encode()])
    lake.compact()
    lake.capture(1, [body], first_sequence=1)
    assert (lake.compact().duplicates, len(lake.rows())) == (1, 1)
