"""Failures around the functions: settings, names, tokens, telemetry. Each is reported, and no event is lost."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.processes import free_port
from local.stack import ROOT, Stack
from tests.e2e.identity import BehindTls, TokenService, token

pytestmark = pytest.mark.e2e

LONGEST_ANSWER_SECONDS = 30.0
SENT_AGAIN = 10
SAMPLE_KEY = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE"
App = Callable[..., httpx.Client]


@pytest.fixture
def spill(stack: Stack) -> str:
    """A container for the test's own spill."""
    name = f"spill-{uuid4().hex[:12]}"
    BlobServiceClient.from_connection_string(stack.azurite.connection_string).create_container(name)
    return name


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def send(client: httpx.Client) -> httpx.Response:
    """The answer to an event. It is sent again after a 503, as trackers do: a busy machine misses a deadline."""
    for _ in range(SENT_AGAIN):
        began = time.monotonic()
        answer = client.post("/api/events", json={"name": "a"}, headers={"X-Write-Key": "demo"})
        assert time.monotonic() - began < LONGEST_ANSWER_SECONDS
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
    return answer


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (
            {
                "EventHubConnection": "",
                "EventHubConnection__clientId": "x",
                "VISITOR_ID_KEY": "",
                "PSEUDONYM_KEYS": "none",
                "FAILED_EVENT_HUB_NAME": "events",
                "SALT_CONTAINER": "lake",
                "COMPACT_SCHEDULE": "",
                "AzureWebJobs__compact__Disabled": "",
                "MAX_REQUEST_BYTES": "many",
            },
            [
                "EventHubConnection",
                "VISITOR_ID_KEY",
                "PSEUDONYM_KEYS",
                "MAX_REQUEST_BYTES",
                "FAILED_EVENT_HUB_NAME",
                "LAKE_CONTAINER",
            ],
        ),
        ({"Lake": "UseDevelopmentStorage=true"}, ["Lake"]),
        ({"EventHubConnection__fullyQualifiedNamespace": "hub.example"}, ["EventHubConnection"]),
    ],
    ids=["missing and contradictory", "no account", "two ways"],
)
def test_every_route_that_needs_invalid_settings_names_them(
    app: App, settings: dict[str, str], named: list[str]
) -> None:
    client = app(**settings)
    assert client.get("/health").status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["code"]) == (503, "settings")
    assert [problem.split(" ")[0] for problem in ready.json()["problems"]] == named
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        send(client),
        client.get("/i", params={"e": "pv", "aid": "demo"}),
        client.get("/api/pixel.gif", params={"write_key": "demo"}),
        client.post("/api/query", json={"site_id": "demo"}, headers={"Authorization": "Bearer demo-read"}),
        client.options("/api/events", headers=preflight),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.url
        assert answer.json()["problems"] == ready.json()["problems"]
        assert int(answer.headers["retry-after"]) > 0


def test_a_connection_string_without_endpoint_is_named(app: App) -> None:
    client = app(EventHubConnection="hub.example")
    for answer in (client.get("/health/ready"), send(client)):
        assert (answer.status_code, answer.json()["code"]) == (503, "settings")
        assert [problem.split(" ")[0] for problem in answer.json()["problems"]] == ["EventHubConnection"]


def test_events_are_spilled_while_the_name_of_the_hub_cannot_be_resolved(app: App, spill: str) -> None:
    assert_spilled(app(SPILL_CONTAINER=spill, EventHubConnection=f"Endpoint=sb://hub.invalid/;{SAMPLE_KEY};"))


def test_a_hub_with_an_untrusted_certificate_gets_no_events(app: App, spill: str, stack: Stack, tmp_path: Path) -> None:
    with BehindTls(tmp_path, stack.event_hubs.port) as hub:
        stored = stack.event_hubs.stored("events")
        assert_spilled(app(SPILL_CONTAINER=spill, EventHubConnection=f"Endpoint=sb://{hub.host}/;{SAMPLE_KEY};"))
        assert (hub.connected, stack.event_hubs.stored("events")) == (0, stored)


def test_events_are_spilled_while_there_is_no_token_and_expired_tokens_are_renewed(
    app: App, spill: str, stack: Stack, tmp_path: Path
) -> None:
    with TokenService(seconds=3) as tokens, BehindTls(tmp_path, stack.event_hubs.port) as hub:
        client = app(
            SPILL_CONTAINER=spill,
            EventHubConnection="",
            EventHubConnection__fullyQualifiedNamespace=hub.host,
            IDENTITY_ENDPOINT=tokens.url,
            IDENTITY_HEADER="secret",
            PYTHONPATH=f"{hub.trust}{os.pathsep}{ROOT}",
        )
        assert_spilled(client)
        assert tokens.asked > 0
        tokens.down = False
        took_until(client, lambda answer: answer.headers["x-collector-path"] == "hub")
        renewed = tokens.asked + 3
        took_until(client, lambda answer: tokens.asked >= renewed and answer.headers["x-collector-path"] == "hub")


def took_until(client: httpx.Client, holds: Callable[[httpx.Response], bool], seconds: float = 120) -> None:
    """Send until the condition holds. Every event is accepted in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = send(client)
        assert answer.status_code == 200
        if holds(answer):
            return
        assert time.monotonic() < deadline, "that never was so"
        time.sleep(0.05)


def test_events_are_spilled_while_the_collectors_token_is_expired(app: App, spill: str, stack: Stack) -> None:
    endpoint = f"Endpoint=sb://localhost:{stack.event_hubs.port};UseDevelopmentEmulator=true"
    expired = token(int(time.time()) - 60)
    assert_spilled(app(SPILL_CONTAINER=spill, EventHubConnection=f"{endpoint};SharedAccessSignature={expired}"))


def assert_spilled(client: httpx.Client) -> None:
    for _ in range(6):
        answer = send(client)
        assert (answer.status_code, answer.headers.get("x-collector-path")) == (200, "spill")
    ready = client.get("/health/ready")
    sink = ready.json()["sinks"]["events"]
    assert (ready.status_code, sink["hub"] != "closed", sink["hub_reachable"]) == (200, True, False)


def test_requests_without_a_salt_are_accepted_and_counted(app: App) -> None:
    client = app(SALT_CONTAINER=f"none-{uuid4().hex[:12]}")
    assert [send(client).status_code for _ in range(3)] == [200] * 3
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["salts"]) == (200, {"missing_count": 3})


def test_an_unreachable_telemetry_endpoint_affects_no_request(app: App, silent: socket.socket) -> None:
    deaf, gone = f"http://127.0.0.1:{silent.getsockname()[1]}/", f"http://127.0.0.1:{free_port()}"
    client = app(
        APPLICATIONINSIGHTS_CONNECTION_STRING=f"InstrumentationKey={uuid4()};IngestionEndpoint={deaf}",
        OTEL_EXPORTER_OTLP_ENDPOINT=gone,
        PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY="true",
    )
    for _ in range(20):
        answer = send(client)
        assert (answer.status_code, answer.headers["x-collector-path"]) == (200, "hub")
    silent.setblocking(False)
    with pytest.raises(BlockingIOError):  # the app tells nobody but its host, which sends on what it logs
        silent.accept()
