"""Clients that violate the protocol lose their connection, and others are not affected."""

from __future__ import annotations

import contextlib
import hmac
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.event_hubs import frames
from local.event_hubs.codec import NULL, binary, boolean, described, listed, mapped, string, symbol, uint, ulong
from local.event_hubs.config import DEFAULT_KEY, DEFAULT_KEY_NAME
from local.event_hubs.messages import APPLICATION_PROPERTIES, DATA, VALUE
from local.event_hubs.process import EventHubsEmulator

pytestmark = pytest.mark.integration
PREFACE = frames.AMQP_HEADER + frames.open_("hostile", 0) + frames.begin(0, 0, 1000)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventHubsEmulator]:
    """At the end the emulator has logged no unexpected exception, and still serves."""
    folder = tmp_path_factory.mktemp("event_hubs")
    with EventHubsEmulator(folder, {"events": 1}) as running:
        yield running
        log = (folder / "event_hubs.log").read_text()
        assert "Traceback" not in log
        assert running.ended() is None


def exchange(emulator: EventHubsEmulator, sent: bytes) -> bytes:
    """The emulator's answer to these bytes, until it closes or has read them all."""
    answer = b""
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=60) as peer, contextlib.suppress(OSError):
        peer.sendall(sent)
        peer.shutdown(socket.SHUT_WR)
        while some := peer.recv(65_536):
            answer += some
    return answer


def attach(address: str, handle: int = 0, is_receiver: bool = False) -> bytes:
    return frames.attach(
        0,
        name="l",
        handle=handle,
        is_receiver=is_receiver,
        source=frames.source(address),
        target=frames.target(address),
    )


def transfer(handle: int, message: bytes, more: bool = False) -> bytes:
    fields = [uint(handle), uint(0), NULL, uint(0), NULL, boolean(more)]
    return frames.frame(0, described(frames.TRANSFER, listed(fields)) + message)


def token_for(resource: str) -> bytes:
    """A put-token request with a shared access signature, as any client makes it."""
    until = int(time.time()) + 600
    signed = hmac.new(DEFAULT_KEY.encode(), f"{quote_plus(resource)}\n{until}".encode(), sha256).digest()
    signature = quote_plus(b64encode(signed))
    token = f"SharedAccessSignature sr={quote_plus(resource)}&sig={signature}&se={until}&skn={DEFAULT_KEY_NAME}"
    application = [
        (string("operation"), string("put-token")),
        (string("type"), string("servicebus.windows.net:sastoken")),
        (string("name"), string(resource)),
    ]
    return described(APPLICATION_PROPERTIES, mapped(application)) + described(VALUE, string(token))


def authorized() -> bytes:
    """A conversation up to open links: a producer on handle 2, a consumer with credit on handle 3."""
    reading = frames.flow(0, next_incoming=0, next_outgoing=0, window=1000, handle=3, delivery_count=0, credit=100)
    return (
        PREFACE
        + attach("$cbs", 0)
        + attach("$cbs", 1, is_receiver=True)
        + transfer(0, token_for("sb://localhost/events"))
        + attach("events/Partitions/0", 2)
        + attach("events/ConsumerGroups/$default/Partitions/0", 3, is_receiver=True)
        + reading
    )


VALUES = st.one_of(
    st.just(NULL),
    st.binary(max_size=20),
    st.integers(0, 2**64 - 1).map(ulong),
    st.integers(0, 2**32 - 1).map(uint),
    st.text(max_size=20).map(string),
    st.sampled_from(["events", "events/Partitions/0", "$cbs", "$management", "events/ConsumerGroups/$default"]).map(
        lambda address: frames.target(address)
    ),
    st.lists(st.just(NULL), max_size=3).map(listed),
    st.just(mapped([(symbol("a"), NULL)])),
)
PERFORMATIVES = st.builds(
    lambda code, fields, payload, channel: frames.frame(channel, described(code, listed(fields)) + payload),
    st.integers(0x10, 0x18),
    st.lists(VALUES, max_size=14),
    st.binary(max_size=60),
    st.integers(0, 2),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.one_of(st.binary(max_size=400), st.lists(PERFORMATIVES, max_size=6).map(b"".join)))
def test_noise_at_any_point_of_the_conversation_stops_nobody(emulator: EventHubsEmulator, noise: bytes) -> None:
    exchange(emulator, noise)
    exchange(emulator, PREFACE + noise)
    exchange(emulator, authorized() + noise)
    exchange(emulator, authorized() + transfer(2, noise) + transfer(0, noise))
    assert emulator.state()["namespace"] == "local"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",  # the beginning of TLS
        PREFACE + b"\x00\x00\x00\x04\x02\x00\x00\x00",  # shorter than its own header
        PREFACE + b"\xff\xff\xff\xff\x02\x00\x00\x00",  # longer than any
        PREFACE + b"\x00\x00\x00\x10\x05\x00\x00\x00" + b"\x00" * 8,  # its body begins after its end
        PREFACE + attach("$cbs") + attach("$cbs"),  # one handle twice
        PREFACE + frames.begin(0, 0, 1000),  # one channel twice
        PREFACE + frames.frame(0, described(frames.ATTACH, listed([]))),
    ],
)
def test_a_broken_frame_is_answered_by_a_close(emulator: EventHubsEmulator, sent: bytes) -> None:
    answer = exchange(emulator, sent)
    assert b"amqp:connection:framing-error" in answer


def test_without_a_token_nothing_opens(emulator: EventHubsEmulator) -> None:
    for is_receiver, address in ((False, "events"), (True, "events/ConsumerGroups/$default/Partitions/0")):
        answer = exchange(emulator, PREFACE + attach(address, is_receiver=is_receiver))
        assert b"amqp:unauthorized-access" in answer


def test_a_message_without_end_is_refused_before_it_fills_the_memory(emulator: EventHubsEmulator) -> None:
    one_frame = transfer(2, b"\x00" * 60_000, more=True)
    assert b"framing-error" not in exchange(emulator, authorized() + one_frame * 10)
    answer = exchange(emulator, authorized() + one_frame * 25)
    # A peer that is still writing may lose the answer to the end of the connection.
    assert b"framing-error" in answer or not answer


def test_an_event_whose_properties_mean_nothing_is_kept_all_the_same(emulator: EventHubsEmulator) -> None:
    before = emulator.stored()
    body = described(DATA, binary(b"body"))
    no_text = described(APPLICATION_PROPERTIES, b"\xc1\x07\x02\xa1\x01\xff\xa1\x01\xff")
    answer = exchange(emulator, authorized() + transfer(2, no_text + body))
    assert emulator.stored() == before + 1
    assert frames.disposition(0, 0, 0, frames.accepted()) in answer


def test_the_admin_port_refuses_what_is_no_request(emulator: EventHubsEmulator) -> None:
    port = int(emulator.admin_url.rpartition(":")[2])
    for sent in (
        b"nonsense\r\n\r\n",
        b"GET /\r\n",
        b"POST /faults HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /faults HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"POST /faults HTTP/1.1\r\nContent-Length: 5\r\n\r\n{{{{{",
        b"POST /faults HTTP/1.1\r\nContent-Length: 50\r\n\r\n{",
        b"GET " + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ):
        answer = b""
        with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
            with contextlib.suppress(OSError):
                peer.sendall(sent)
                peer.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while some := peer.recv(65_536):
                    answer += some
        assert answer.startswith(b"HTTP/1.1 400 ") or b"x" * 50 in sent, sent[:40]


def test_many_connections_come_and_go(emulator: EventHubsEmulator, until: Callable[[Callable[[], bool]], None]) -> None:
    peers: list[Any] = []
    try:
        for _ in range(200):
            peer = socket.create_connection(("127.0.0.1", emulator.port), timeout=60)
            peer.sendall(PREFACE)
            peers.append(peer)
        until(lambda: emulator.state()["connections"] == 200)
    finally:
        for peer in peers:
            peer.close()
    until(lambda: emulator.state()["connections"] == 0)
