"""Each fault as the unmodified SDK meets it."""

from __future__ import annotations

import gc
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventDataSendError

from local.event_hubs.process import EventHubsEmulator

# The SDK forgets the socket of a connection it has lost without closing it.
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture(autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """Collect leaked sockets within the test in which the SDK lost them."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventHubsEmulator]:
    with EventHubsEmulator(tmp_path_factory.mktemp("event_hubs"), {"events": 1, "other": 1}) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: EventHubsEmulator) -> Iterator[EventHubsEmulator]:
    """Without a fault, before and after."""
    running.clear_faults()
    yield running
    running.clear_faults()


@pytest.fixture
def producer(emulator: EventHubsEmulator) -> Iterator[EventHubProducerClient]:
    """A producer that has sent before, so that only the send itself can go wrong."""
    with new_producer(emulator, retry_backoff_factor=0.1) as client:
        client.send_event(EventData(b"warm"))
        yield client


def new_producer(emulator: EventHubsEmulator, **more: Any) -> EventHubProducerClient:
    return EventHubProducerClient.from_connection_string(emulator.connection_string, eventhub_name="events", **more)


@contextmanager
def stores(emulator: EventHubsEmulator, count: int) -> Iterator[None]:
    before = emulator.stored("events")
    yield
    assert emulator.stored("events") - before == count


def test_a_rejection_is_resent_once_and_a_second_one_raised(
    emulator: EventHubsEmulator, producer: EventHubProducerClient
) -> None:
    emulator.fault("send", "reject", count=1, condition="amqp:internal-error")
    with stores(emulator, 1):
        producer.send_event(EventData(b"x"))
    emulator.fault("send", "reject", count=2)
    with stores(emulator, 0), pytest.raises(EventDataSendError, match="a fault on purpose"):
        producer.send_event(EventData(b"x"))


def test_a_delayed_acknowledgement_comes_late_and_the_event_is_stored_once(
    emulator: EventHubsEmulator, producer: EventHubProducerClient
) -> None:
    emulator.fault("send", "delay", count=1, delay_ms=700)
    began = time.monotonic()
    with stores(emulator, 1):
        producer.send_event(EventData(b"x"))
    assert time.monotonic() - began >= 0.7


def test_a_drop_before_storing_loses_nothing_and_one_after_storing_doubles(
    emulator: EventHubsEmulator, producer: EventHubProducerClient
) -> None:
    emulator.fault("send", "drop_before_store", count=1)
    with stores(emulator, 1):
        producer.send_event(EventData(b"x"))
    emulator.fault("send", "drop_after_store", count=1)
    with stores(emulator, 2):
        producer.send_event(EventData(b"x"))


def test_a_detach_in_the_middle_of_a_send_is_survived_once(
    emulator: EventHubsEmulator, producer: EventHubProducerClient
) -> None:
    emulator.fault("send", "detach", count=1, condition="amqp:link:detach-forced")
    with stores(emulator, 1):
        producer.send_event(EventData(b"x"))


@pytest.mark.parametrize(("action", "stored"), [("black_hole", 1), ("no_ack", 2)])
def test_a_send_without_an_answer_is_sent_again_after_its_timeout(
    emulator: EventHubsEmulator, producer: EventHubProducerClient, action: str, stored: int
) -> None:
    emulator.fault("send", action, count=1)
    began = time.monotonic()
    with stores(emulator, stored):
        producer.send_event(EventData(b"x"), timeout=1)
    assert time.monotonic() - began >= 1


def test_a_throttle_says_server_busy_as_the_service_does(
    emulator: EventHubsEmulator, producer: EventHubProducerClient
) -> None:
    emulator.fault("send", "throttle", events_per_second=5)
    with pytest.raises(EventDataSendError, match="Error code : 50002"):
        for _ in range(50):
            producer.send_event(EventData(b"x"))
    emulator.clear_faults()
    emulator.fault("send", "throttle", bytes_per_second=20_000)
    with pytest.raises(EventDataSendError, match="Error code : 50002"):
        for _ in range(50):
            producer.send_event(EventData(b"x" * 5000))


def test_a_refused_attach_is_retried(emulator: EventHubsEmulator) -> None:
    emulator.fault("attach", "refuse", count=1, condition="com.microsoft:server-busy")
    with stores(emulator, 1), new_producer(emulator, retry_backoff_factor=0.1) as client:
        client.send_event(EventData(b"x"))


def test_a_refused_token_is_retried_once_and_then_told(emulator: EventHubsEmulator) -> None:
    emulator.fault("cbs", "reject", count=1, status=401)
    with stores(emulator, 1), new_producer(emulator, retry_backoff_factor=0.1) as client:
        client.send_event(EventData(b"x"))
    emulator.fault("cbs", "reject", status=401)
    with new_producer(emulator, retry_total=0) as client, pytest.raises(AuthenticationError):
        client.send_event(EventData(b"x"))


@pytest.mark.parametrize("action", ["drop", "delay"])
def test_a_token_exchange_that_is_dropped_or_slow_is_survived(emulator: EventHubsEmulator, action: str) -> None:
    emulator.fault("cbs", action, count=1, delay_ms=300)
    with stores(emulator, 1), new_producer(emulator, retry_backoff_factor=0.1) as client:
        client.send_event(EventData(b"x"))


def test_a_failing_management_request_is_told(emulator: EventHubsEmulator) -> None:
    emulator.fault("management", "reject", status=500)
    with new_producer(emulator, retry_total=0) as client, pytest.raises(ConnectError):
        client.get_eventhub_properties()


def test_dropped_connections_are_made_anew(emulator: EventHubsEmulator, producer: EventHubProducerClient) -> None:
    assert emulator.drop_connections() >= 1
    with stores(emulator, 1):
        producer.send_event(EventData(b"x"))


def test_faults_keep_to_their_hub_their_turn_and_their_seed(
    emulator: EventHubsEmulator, producer: EventHubProducerClient
) -> None:
    emulator.fault("send", "reject", hub="other")
    emulator.fault("send", "reject", after=2, count=1)
    with stores(emulator, 4):
        for _ in range(4):
            producer.send_event(EventData(b"x"))
    elsewhere, third = emulator.state()["faults"]
    assert (elsewhere["seen"], elsewhere["fired"]) == (0, 0)
    assert (third["seen"], third["fired"]) == (5, 1)  # the rejected one was sent again

    def struck() -> int:
        emulator.clear_faults()
        emulator.fault("send", "no_ack", hub="other")  # a rule that never fires changes nothing
        emulator.fault("send", "delay", probability=0.5, seed=7, delay_ms=0)
        for _ in range(10):
            producer.send_event(EventData(b"x"))
        fired: int = emulator.state()["faults"][1]["fired"]
        return fired

    first = struck()
    assert 0 < first < 10
    assert struck() == first


@pytest.mark.parametrize(
    ("action", "more", "extra"),
    [("drop", {}, 0), ("detach", {"condition": "amqp:link:detach-forced"}, 0), ("duplicate", {"duplicates": 3}, 3)],
)
def test_consumers_survive_what_goes_wrong_in_delivery(
    emulator: EventHubsEmulator,
    send: Callable[..., None],
    until: Until,
    action: str,
    more: dict[str, object],
    extra: int,
) -> None:
    first = emulator.stored("other")
    send(emulator, "other", [b"%d" % number for number in range(50)])
    emulator.fault("deliver", action, count=1, **more)
    numbers: list[int | None] = []
    client = EventHubConsumerClient.from_connection_string(
        emulator.connection_string, consumer_group="$Default", eventhub_name="other", retry_backoff_factor=0.1
    )
    thread = Thread(
        target=lambda: client.receive(
            on_event=lambda context, event: numbers.append(event.sequence_number if event else None),
            partition_id="0",
            starting_position=first - 1,
        )
    )
    thread.start()
    try:
        until(lambda: len(numbers) >= 50 + extra)
    finally:
        client.close()
        thread.join(20)
    expected = list(range(first, first + 50))
    assert sorted(set(numbers), key=str) == sorted(expected, key=str)
    assert len(numbers) == 50 + extra


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"point": "nowhere", "action": "drop"}, "point must be one of"),
        ({"point": "send", "action": "explode"}, "action at send must be one of"),
        ({"point": "send", "action": "drop_before_store", "cuont": 1}, "unknown: cuont"),
        ({"point": "send", "action": "reject", "count": "1"}, "count must be"),
        ({"point": "send", "action": "throttle"}, "throttle needs"),
        (7, "a rule is an object"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_with_its_reason(
    emulator: EventHubsEmulator, rule: object, reason: str
) -> None:
    request = urllib.request.Request(f"{emulator.admin_url}/faults", json.dumps(rule).encode(), method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    with caught.value as answer:
        assert (answer.code, reason in json.loads(answer.read())["error"]) == (400, True)
    assert emulator.state()["faults"] == []


def test_an_idle_connection_is_closed_after_the_time_it_was_told(tmp_path: Path) -> None:
    with (
        EventHubsEmulator(tmp_path, {"events": 1}, env={"EVENT_HUBS_IDLE_MS": "600"}) as emulator,
        new_producer(emulator, retry_backoff_factor=0.1) as client,
    ):
        client.send_event(EventData(b"x"))
        deadline = time.monotonic() + 120
        while emulator.state()["connections"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client.send_event(EventData(b"x"))
        assert emulator.stored() == 2
