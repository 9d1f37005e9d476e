"""From the first site to an erasure, with both halves of the app and every command on tokens alone.

Event Hubs is not there, so all events go by the spill: its own sign-in is tried in tests/e2e, behind TLS.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.functions_host.process import FunctionsHost
from tests.e2e.identity import TokenService
from tests.infra.conftest import Keyless, storage_token
from tests.infra.running import ROOT, run_command, run_hook

pytestmark = [pytest.mark.integration, pytest.mark.e2e]
ORIGIN = "https://www.example.com"


class StorageTokens(TokenService):
    """The platform's token service, for storage."""

    def __init__(self) -> None:
        super().__init__(3600)
        self.down = False

    def answer(self) -> tuple[int, dict[str, str]]:
        self.asked += 1
        expires_on = str(int(time.time()) + 3600)
        return 200, {"access_token": storage_token(), "expires_on": expires_on, "token_type": "Bearer", "resource": "x"}


@dataclass(frozen=True)
class Deployed:
    """Both apps, the folder from which they were deployed, and azd's environment."""

    collect: httpx.Client
    lake: httpx.Client
    folder: Path
    environment: Mapping[str, str]
    settings: Mapping[str, str]
    tokens: StorageTokens

    @property
    def keys(self) -> Mapping[str, str]:
        found: Mapping[str, str] = json.loads((self.folder / ".azure/try/clickstream-keys.json").read_text())
        return found

    def hook(self, name: str) -> subprocess.CompletedProcess[str]:
        return run_hook(name, self.folder, self.environment)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run_command(list(words), self.folder, {**self.settings, **self.environment})

    def ask(self, path: str, body: Mapping[str, Any], key: str = "read") -> Any:
        answer = self.lake.post(
            path, json={"site_id": "main", **body}, headers={"Authorization": f"Bearer {self.keys[key]}"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def deployed(keyless: Keyless, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed")
    settings = {
        "EventHubConnection": "",
        "EventHubConnection__fullyQualifiedNamespace": "127.0.0.1",
        "Lake": "",
        "Lake__blobServiceUri": keyless.azurite.blob_endpoint,
        "Lake__clientId": "of-the-app",
        "VISITOR_ID_KEY": "a key of visitor ids",
        "SITES_REFRESH_SECONDS": "1",
        "SEND_DEADLINE_MS": "500",
    }
    with StorageTokens() as tokens, ExitStack() as started:
        platform = {
            "SSL_CERT_FILE": keyless.environment["SSL_CERT_FILE"],
            "IDENTITY_ENDPOINT": tokens.url,
            "IDENTITY_HEADER": "header",
        }
        clients = {}
        for role in ("collect", "lake"):
            host = FunctionsHost(ROOT, folder / role, env={**settings, **platform, "ROLE": role})
            started.enter_context(host)
            clients[role] = started.enter_context(httpx.Client(base_url=host.base_url, timeout=60))
        environment = {
            **keyless.environment,
            "AZURE_ENV_NAME": "try",
            "ALLOWED_ORIGINS": ORIGIN,
            "LAKE_BLOB_ENDPOINT": keyless.azurite.blob_endpoint,
            "CONFIG_CONTAINER": "config",
            "SERVICE_COLLECT_URL": str(clients["collect"].base_url),
            "SERVICE_LAKE_URL": str(clients["lake"].base_url),
        }
        yield Deployed(clients["collect"], clients["lake"], folder, environment, settings, tokens)


def eventually(probe: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)
    return found


def test_from_the_first_site_to_an_erasure_nothing_needs_a_key(deployed: Deployed) -> None:
    assert not any("AccountKey" in value or "SharedAccessKey" in value for value in deployed.settings.values())
    made = deployed.hook("first_site")
    assert made.returncode == 0, made.stderr
    sent = deployed.hook("first_event")
    assert sent.returncode == 0, sent.stderr
    assert '"accepted":1' in sent.stdout
    assert f'data-site="{deployed.keys["public"]}"' in sent.stdout
    assert deployed.tokens.asked > 0

    def rows() -> Any:
        compacted = deployed.command("compacting")
        assert compacted.returncode == 0, compacted.stderr
        answer = deployed.ask("/api/sql", {"sql": "SELECT event_name FROM events"})
        return answer["rows"]

    assert eventually(rows) == [["first_event"]]
    body = {"metrics": ["events"], "date_range": "day", "dimensions": ["event:name"]}
    assert deployed.ask("/api/query", body)["results"] == [{"dimensions": ["first_event"], "metrics": [1]}]

    for command in (
        ["sites", "plan"], ["sites", "apply"], ["sites", "lint", "main"], ["maintaining"], ["replaying", "main"],
        ["compacting", "reconcile"], ["enriching", "rerun", "--from", "2026-01-01", "--to", "2026-01-02"],
        ["erasing", "export", "main", "--user", "somebody"], ["erasing", "erase", "main", "--user", "somebody"],
    ):  # fmt: skip
        ran = deployed.command(*command)
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"


def test_the_public_half_serves_no_reports_and_the_other_takes_no_events(deployed: Deployed) -> None:
    assert deployed.collect.post("/api/query", json={}).status_code == 404
    assert deployed.collect.get("/dashboard").status_code == 404
    assert deployed.lake.post("/api/events", json={}).status_code == 404
    assert deployed.lake.get("/t.js").status_code == 404
