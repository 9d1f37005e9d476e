"""Hostile requests over a real socket: the documented answer, and the collector goes on."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from benchmarks.processes import resident_bytes
from clickstream.collecting.dialects import DIALECTS
from local.functions_host.process import FunctionsHost
from local.stack import Stack
from tests.e2e.journey import stack_settings

pytestmark = pytest.mark.e2e
LIMIT = 4_194_304
KEY = {"X-Write-Key": "shop-public"}
GOOD = b'{"name": "a"}'
SHOP = """
site: shop
keys:
- {kind: public, key: shop-public}
- {kind: public, key: shop-other}
origins: ["https://good.example", "https://*.shop.example"]
"""
SLOW = """
site: slow
keys:
- {kind: public, key: slow-public}
origins: ["https://slow.example"]
rate_limit_per_second: 5
"""
POSTS = [
    "/" + endpoint.route
    for dialect in DIALECTS.values()
    for endpoint in dialect.endpoints
    if "POST" in endpoint.methods and "{" not in endpoint.route
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose sites take events of listed origins only."""
    sites: Path = tmp_path_factory.mktemp("sites")
    (sites / "shop.yaml").write_text(SHOP)
    (sites / "slow.yaml").write_text(SLOW)
    with Stack(replace(stack_settings(tmp_path_factory.mktemp("guarded")), sites_dir=sites)) as running:
        yield running


@pytest.fixture
def client(guarded: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded.base_url, timeout=180) as client:
        yield client


@pytest.fixture
def host(guarded: Stack) -> FunctionsHost:
    assert guarded.functions is not None
    return guarded.functions


def status(client: httpx.Client, body: bytes, path: str = "/api/events", **headers: str) -> tuple[int, str | None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post(path, content=body, headers={**KEY, **named})
    return answer.status_code, answer.json().get("code")


def raw(stack: Stack, request: bytes) -> bytes:
    """What the host answers to these bytes, whatever they are."""
    with socket.create_connection(("127.0.0.1", stack.settings.port), timeout=180) as wire:
        wire.sendall(request)
        wire.shutdown(socket.SHUT_WR)
        answer = b""
        while part := wire.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize("path", POSTS)
def test_a_body_at_the_limit_is_read_and_one_byte_more_is_refused(client: httpx.Client, path: str) -> None:
    assert client.post(path, content=GOOD.ljust(LIMIT), headers=KEY).status_code != 413
    refused = client.post(path, content=GOOD.ljust(LIMIT + 1), headers=KEY)
    assert (refused.status_code, refused.json()["code"]) in [(413, "too_large"), (400, "too_large")]
    assert status(client, GOOD) == (200, None)


@pytest.mark.parametrize(
    "length", [b"Content-Length: 5", b"Content-Length: 5000", b"Content-Length: -1", b"Content-Length: x", b""]
)
def test_a_content_length_that_lies_harms_nobody(guarded: Stack, client: httpx.Client, length: bytes) -> None:
    head = b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nX-Write-Key: shop-public\r\nConnection: close\r\n"
    answer = raw(guarded, head + length + b"\r\n\r\n" + GOOD)
    assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
    assert status(client, GOOD) == (200, None)


def test_a_gzip_bomb_is_refused_in_bounded_memory(client: httpx.Client, host: FunctionsHost) -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    before = resident_bytes(host.pid)
    for _ in range(5):
        assert status(client, bomb, Content_Encoding="gzip") == (413, "too_large")
    assert resident_bytes(host.pid) - before < 64_000_000


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (gzip.compress(gzip.compress(GOOD)), "gzip", (400, "payload_format")),
        (gzip.compress(GOOD)[:-4], "gzip", (400, "bad_encoding")),
        (b"\x1f\x8b" + b"x" * 50, "gzip", (400, "bad_encoding")),
        (GOOD, "gzip", (400, "bad_encoding")),
        (gzip.compress(GOOD), "", (200, None)),
        (gzip.compress(b'[{"name": "a"},') + gzip.compress(b'{"name": "b"}]'), "gzip", (200, None)),
        (gzip.compress(GOOD) + b"trailing", "gzip", (400, "bad_encoding")),
        (GOOD, "br", (415, "unsupported_encoding")),
        (GOOD, "zstd", (415, "unsupported_encoding")),
        (gzip.compress(GOOD), "gzip, gzip", (415, "unsupported_encoding")),
    ],
)
def test_a_compressed_body_is_read_whole_or_refused(
    client: httpx.Client, body: bytes, encoding: str, expected: tuple[int, str | None]
) -> None:
    assert status(client, body, **({"Content_Encoding": encoding} if encoding else {})) == expected


def test_a_batch_of_500_is_accepted_except_its_bad_event_and_501_are_refused(client: httpx.Client) -> None:
    batch = [{"name": "a", "event_id": str(number)} for number in range(499)] + [{"name": 5}]
    told = client.post("/api/events?verdict=1", json=batch, headers=KEY).json()
    assert (told["accepted"], told["failed"]) == (499, 1)
    assert [found["status"] for found in told["events"]] == ["accepted"] * 499 + ["failed"]
    assert status(client, json.dumps([*batch, {"name": "a"}]).encode()) == (413, "too_large")


def test_an_event_over_the_hubs_limit_loses_its_largest_part_and_a_batch_over_it_is_split(
    client: httpx.Client, guarded: Stack
) -> None:
    text = "x" * 8_000
    before = guarded.event_hubs.stored("events")
    huge = {"name": "huge", "properties": {f"p{number}": text for number in range(135)}}
    big = {"name": "big", "properties": {f"p{number}": text for number in range(120)}}
    told = client.post("/api/events?verdict=1", json=[big, huge, big, big], headers=KEY).json()
    assert [(found["status"], bool(found.get("left_out"))) for found in told["events"]] == [
        ("accepted", False),
        ("accepted", True),
        ("accepted", False),
        ("accepted", False),
    ]
    assert guarded.event_hubs.stored("events") - before == 4


def test_all_unknown_keys_get_the_same_answer(client: httpx.Client, guarded: Stack) -> None:
    told = set()
    for key in ("unknown", "shop-publik", "", "demo", "x" * 5_000, "%00"):
        answer = client.post("/api/events", content=GOOD, headers={"X-Write-Key": key})
        told.add((answer.status_code, answer.text))
    assert len(told) == 1
    assert told.pop()[0] == 401


def test_a_key_over_its_rate_gets_retry_after_and_others_continue(client: httpx.Client) -> None:
    statuses = []
    for _ in range(80):
        answer = client.post("/api/events", content=GOOD, headers={"X-Write-Key": "slow-public"})
        statuses.append(answer.status_code)
    assert statuses[0] == 200
    assert answer.status_code == 429
    assert (answer.json()["code"], int(answer.headers["retry-after"]) >= 1) == ("rate_limited", True)
    assert status(client, GOOD) == (200, None)


def test_slow_senders_do_not_hold_up_others(guarded: Stack, client: httpx.Client) -> None:
    head = b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nX-Write-Key: shop-public\r\nContent-Length: 1000\r\n\r\n"
    slow = [socket.create_connection(("127.0.0.1", guarded.settings.port), timeout=180) for _ in range(30)]
    try:
        for wire in slow:
            wire.sendall(head + b"{")
        for _ in range(20):
            assert status(client, GOOD) == (200, None)
    finally:
        for wire in slow:
            wire.close()
    flood = b"".join(b"X-Flood-%d: y\r\n" % number for number in range(20_000))
    answer = raw(guarded, b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + flood + b"\r\n")
    assert not answer.startswith(b"HTTP/1.1 5")
    assert status(client, GOOD) == (200, None)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("HEAD", "/api/pixel.gif?write_key=shop-public", 200),
        ("OPTIONS", "/api/events", 204),
        ("TRACE", "/api/events", 404),
        ("PUT", "/api/events", 404),
        ("DELETE", "/api/pixel.gif", 404),
    ],
)
def test_methods_are_answered_as_described(client: httpx.Client, method: str, path: str, expected: int) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.content) == (expected, b"")


@pytest.mark.parametrize("origin", ["https://good.example", "https://www.shop.example", "https://slow.example"])
def test_a_preflight_from_an_origin_that_some_site_lists_is_allowed_with_credentials(
    client: httpx.Client, origin: str
) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-write-key"}
    answer = client.options("/api/events", headers=asked)
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "x-write-key" in answer.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://good.example.evil.com",
        "http://good.example",
        "https://shop.example.evil",
    ],
)
def test_an_origin_that_no_site_lists_is_allowed_nothing(client: httpx.Client, origin: str) -> None:
    answer = client.options("/api/events", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    refused = client.post("/api/events", content=GOOD, headers={**KEY, "Origin": origin})
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
    for told in (answer, refused):
        assert not [name for name in told.headers if name.startswith("access-control-allow")]


def test_an_origin_of_another_site_is_refused_by_this_one(client: httpx.Client) -> None:
    answer = client.post("/api/events", content=GOOD, headers={**KEY, "Origin": "https://slow.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", [b"x" * 8_000, b"https://good.example\x0bX-Injected: 1", b"\xff\xfe"])
def test_an_invalid_origin_is_never_echoed(guarded: Stack, client: httpx.Client, origin: bytes) -> None:
    head = b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nX-Write-Key: shop-public\r\nConnection: close\r\n"
    answer = raw(guarded, head + b"Origin: " + origin + b"\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD)
    assert origin not in answer
    assert b"access-control-allow-origin" not in answer.lower()
    assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
    assert status(client, GOOD) == (200, None)


def test_requests_in_flight_when_the_process_stops_are_answered_or_not_stored(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Stack(stack_settings(tmp_path_factory.mktemp("stopped"))) as stack:
        answered: set[str] = set()
        started = threading.Event()

        def send(worker: int) -> None:
            with httpx.Client(base_url=stack.base_url, timeout=180) as client:
                for number in range(100_000):
                    event = {"name": "a", "event_id": f"{worker}-{number}"}
                    try:
                        answer = client.post("/api/events", json=event, headers={"X-Write-Key": "demo"})
                    except httpx.TransportError:
                        return
                    if answer.status_code == 200:
                        answered.add(event["event_id"])
                        if number == 20:
                            started.set()

        threads = [threading.Thread(target=send, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        assert started.wait(30)
        assert stack.functions is not None
        stack.functions.stop()
        for thread in threads:
            thread.join(30)
        assert len(answered) > 20
        assert len(answered) <= stack.event_hubs.stored("events") <= len(answered) + len(threads)
