"""Surroundings that fail the functions: settings, names, tokens, telemetry. Each is told, and no event is lost."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.functions_host.process import FunctionsHost
from local.processes import free_port
from local.stack import ROOT, Stack
from tests.e2e.identity import BehindTls, TokenService, token
from tests.e2e.journey import DEADLINES

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

LONGEST_ANSWER_SECONDS = 4.0
SAMPLE_KEY = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE"
App = Callable[..., httpx.Client]


@pytest.fixture
def app(stack: Stack, tmp_path: Path) -> Iterator[App]:
    """The app on a host of its own, with other settings than the stack's. An empty one is missing."""
    with ExitStack() as started:

        def start(**settings: str) -> httpx.Client:
            environment = {
                **stack.functions_environment(),
                "FUNCTIONS_HOST_STATE_DIR": str(tmp_path / "state"),
                "AzureWebJobs__compact__Disabled": "true",
                **DEADLINES,
                **settings,
            }
            host = started.enter_context(FunctionsHost(ROOT, tmp_path, env=environment, options=("--plan", "premium")))
            return started.enter_context(httpx.Client(base_url=host.base_url, timeout=30))

        yield start


@pytest.fixture
def spill(stack: Stack) -> str:
    """A container for the test's own spill."""
    name = f"spill-{uuid4().hex[:12]}"
    BlobServiceClient.from_connection_string(stack.azurite.connection_string).create_container(name)
    return name


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A peer that lets everybody connect and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def send(client: httpx.Client) -> httpx.Response:
    return client.post("/api/events", json={"name": "a"}, headers={"X-Write-Key": "demo"})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (
            {
                "EventHubConnection": "",
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
def test_case_64_settings_that_cannot_be_used_are_named_by_every_route_that_needs_them(
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


def test_case_64_a_connection_string_without_endpoint_is_named(app: App) -> None:
    client = app(EventHubConnection="hub.example")
    for answer in (client.get("/health/ready"), send(client)):
        assert (answer.status_code, answer.json()["code"]) == (503, "settings")
        assert [problem.split(" ")[0] for problem in answer.json()["problems"]] == ["EventHubConnection"]


def test_case_41_while_the_hubs_name_is_unknown_events_are_spilled(app: App, spill: str) -> None:
    assert_spilled(app(SPILL_CONTAINER=spill, EventHubConnection=f"Endpoint=sb://hub.invalid/;{SAMPLE_KEY};"))


def test_case_41_a_hub_with_a_certificate_of_nobodys_is_not_trusted(
    app: App, spill: str, stack: Stack, tmp_path: Path
) -> None:
    with BehindTls(tmp_path, stack.event_hubs.port) as hub:
        stored = stack.event_hubs.stored("events")
        assert_spilled(app(SPILL_CONTAINER=spill, EventHubConnection=f"Endpoint=sb://{hub.host}/;{SAMPLE_KEY};"))
        assert (hub.connected, stack.event_hubs.stored("events")) == (0, stored)


def test_case_46_events_are_spilled_while_no_token_can_be_had_and_tokens_that_expire_are_renewed(
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


def took_until(client: httpx.Client, holds: Callable[[httpx.Response], bool], seconds: float = 60) -> None:
    """Send until that is so. Every event is taken, in time."""
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        answer = send(client)
        assert (answer.status_code, time.monotonic() - began < LONGEST_ANSWER_SECONDS) == (200, True)
        if holds(answer):
            return
        assert time.monotonic() < deadline, "that never was so"
        time.sleep(0.05)


def test_case_46_a_token_that_has_expired_is_no_fault_of_the_sender(app: App, spill: str, stack: Stack) -> None:
    endpoint = f"Endpoint=sb://localhost:{stack.event_hubs.port};UseDevelopmentEmulator=true"
    expired = token(int(time.time()) - 60)
    assert_spilled(app(SPILL_CONTAINER=spill, EventHubConnection=f"{endpoint};SharedAccessSignature={expired}"))


def assert_spilled(client: httpx.Client) -> None:
    for _ in range(6):
        began = time.monotonic()
        answer = send(client)
        assert time.monotonic() - began < LONGEST_ANSWER_SECONDS
        assert (answer.status_code, answer.headers["x-collector-path"]) == (200, "spill")
    ready = client.get("/health/ready")
    sink = ready.json()["sinks"]["events"]
    assert (ready.status_code, sink["hub"] != "closed", sink["hub_reachable"]) == (200, True, False)


def test_case_61_requests_that_found_no_salt_are_taken_and_counted(app: App) -> None:
    client = app(SALT_CONTAINER=f"none-{uuid4().hex[:12]}")
    assert [send(client).status_code for _ in range(3)] == [200] * 3
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["salts"]) == (200, {"missing_count": 3})


def test_case_62_telemetry_that_goes_nowhere_concerns_no_request(app: App, silent: socket.socket) -> None:
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
