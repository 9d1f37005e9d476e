"""azd's hooks, run as azd runs them, against storage that takes tokens alone."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clickstream.sites.document import KeyKind, digest_of, parse_site
from tests.infra.conftest import Keyless
from tests.infra.running import run_hook

pytestmark = pytest.mark.integration
ORIGINS = "https://www.example.com, https://shop.example.com"


@pytest.fixture
def deployed(keyless: Keyless) -> dict[str, str]:
    """azd's environment after `azd provision`, with a container of the test's own."""
    container = f"config-{os.urandom(6).hex()}"
    keyless.service.create_container(container)
    return {
        **keyless.environment,
        "AZURE_ENV_NAME": "try",
        "ALLOWED_ORIGINS": ORIGINS,
        "LAKE_BLOB_ENDPOINT": f"{keyless.azurite.blob_endpoint}/",
        "CONFIG_CONTAINER": container,
    }


def stored(keyless: Keyless, deployed: Mapping[str, str]) -> bytes:
    blob = keyless.service.get_blob_client(deployed["CONFIG_CONTAINER"], "sites/main.yaml")
    return bytes(blob.download_blob().readall())


def test_the_first_site_has_keys_that_only_its_owner_reads(
    keyless: Keyless, deployed: dict[str, str], tmp_path: Path
) -> None:
    ran = run_hook("first_site", tmp_path, deployed)
    assert ran.returncode == 0, ran.stderr
    file = tmp_path / ".azure" / "try" / "clickstream-keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keys = json.loads(file.read_text())
    text = stored(keyless, deployed)
    site = parse_site(text, expected="main")
    assert {key.kind: key.digest for key in site.keys} == {
        kind: digest_of(keys[kind]) for kind in (KeyKind.PUBLIC, KeyKind.READ, KeyKind.ADMIN)
    }
    assert list(site.origins) == ["https://www.example.com", "https://shop.example.com"]
    assert (tmp_path / "sites" / "main.yaml").read_bytes() == text
    for kind in ("read", "admin"):
        assert keys[kind] not in text.decode() + ran.stdout + ran.stderr


def test_a_second_deployment_leaves_the_site_as_it_is(
    keyless: Keyless, deployed: dict[str, str], tmp_path: Path
) -> None:
    run_hook("first_site", tmp_path, deployed)
    before, keys = stored(keyless, deployed), (tmp_path / ".azure/try/clickstream-keys.json").read_bytes()
    ran = run_hook("first_site", tmp_path, deployed)
    assert ran.returncode == 0 and "was made before" in ran.stdout
    assert stored(keyless, deployed) == before
    assert (tmp_path / ".azure/try/clickstream-keys.json").read_bytes() == keys


def test_a_deployment_from_another_machine_leaves_the_site_as_it_is(
    keyless: Keyless, deployed: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "another").mkdir()
    run_hook("first_site", tmp_path / "one", deployed)
    before = stored(keyless, deployed)
    ran = run_hook("first_site", tmp_path / "another", deployed)
    assert ran.returncode == 0 and "is left as it is" in ran.stdout
    assert stored(keyless, deployed) == before
    assert not (tmp_path / "another/.azure/try/clickstream-keys.json").exists()


def test_a_pipeline_makes_no_site_whose_keys_nobody_would_have(
    keyless: Keyless, deployed: dict[str, str], tmp_path: Path
) -> None:
    ran = run_hook("first_site", tmp_path, {**deployed, "CI": "true"})
    assert ran.returncode == 0 and "makes no site" in ran.stdout
    assert not list(keyless.service.get_container_client(deployed["CONFIG_CONTAINER"]).list_blob_names())


@pytest.fixture
def reluctant(keyless: Keyless) -> Iterator[Callable[[int], str]]:
    """The account while its new roles do not count yet: it refuses so many requests, and hands on the others."""
    refusals = [0]
    context = ssl.create_default_context(cafile=keyless.environment["SSL_CERT_FILE"])

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if refusals[0]:
                refusals[0] -= 1
                status, told = 403, b"AuthorizationPermissionMismatch"
            else:
                account = http.client.HTTPSConnection("127.0.0.1", keyless.azurite.blob_port, context=context)
                account.request("PUT", self.path, body, dict(self.headers))
                answer = account.getresponse()
                status, told = answer.status, answer.read()
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()

    def refusing(number: int) -> str:
        refusals[0] = number
        return f"http://127.0.0.1:{server.server_port}/devstoreaccount1/"

    yield refusing
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_role_that_does_not_count_yet_is_waited_for(
    reluctant: Callable[[int], str], keyless: Keyless, deployed: dict[str, str], tmp_path: Path
) -> None:
    ran = run_hook("first_site", tmp_path, {**deployed, "LAKE_BLOB_ENDPOINT": reluctant(2)})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("does not know the new role yet") == 2
    parse_site(stored(keyless, deployed), expected="main")


def test_a_refusal_that_waiting_does_not_mend_ends_azd_and_leaves_no_keys(
    deployed: dict[str, str], tmp_path: Path
) -> None:
    ran = run_hook("first_site", tmp_path, {**deployed, "CONFIG_CONTAINER": "no-such-container"})
    assert ran.returncode == 1
    assert "storage does not take sites/main.yaml: 404" in ran.stderr
    assert not (tmp_path / ".azure/try/clickstream-keys.json").exists()


def test_whoever_is_not_signed_in_is_told_so(deployed: dict[str, str], tmp_path: Path) -> None:
    ran = run_hook("first_site", tmp_path, {name: value for name, value in deployed.items() if name != "FAKE_TOKEN"})
    assert ran.returncode == 1
    assert "azd auth login" in ran.stderr
    assert not (tmp_path / ".azure/try/clickstream-keys.json").exists()


@pytest.mark.parametrize(
    "origins",
    ["www.example.com", "https://www.example.com/", "*", "https://*.example.com", "https://Example.com", "null", ""],
)
def test_an_origin_that_no_browser_sends_ends_azd_before_anything_is_made(origins: str, tmp_path: Path) -> None:
    ran = run_hook("check", tmp_path, {"AZURE_ENV_NAME": "try", "ALLOWED_ORIGINS": f"https://a.example,{origins}"})
    assert ran.returncode == 1
    assert f"ALLOWED_ORIGINS: {origins} is no origin" in ran.stderr


def test_a_deployment_that_would_make_the_secrets_anew_is_ended(tmp_path: Path) -> None:
    keys = tmp_path / ".azure" / "try" / "clickstream-keys.json"
    keys.parent.mkdir(parents=True)
    keys.write_text("{}")
    environment = {"AZURE_ENV_NAME": "try", "ALLOWED_ORIGINS": ORIGINS, "AZURE_LOCATION": "westeurope"}
    ran = run_hook("check", tmp_path, environment)
    assert ran.returncode == 1 and "azd env refresh" in ran.stderr
    ran = run_hook("check", tmp_path, {**environment, "AZURE_KEY_VAULT_NAME": "kv-x"})
    assert (ran.returncode, ran.stdout) == (0, "")


def test_what_an_empty_list_of_origins_means_is_said_before(tmp_path: Path) -> None:
    ran = run_hook("check", tmp_path, {"AZURE_ENV_NAME": "try", "AZURE_LOCATION": "nowhere"})
    assert ran.returncode == 0
    assert "azd env set ALLOWED_ORIGINS" in ran.stdout
    assert "nowhere was not among the regions" in ran.stdout


@pytest.mark.parametrize(
    ("document", "missing"),
    [
        ('origins: ["https://www.example.com"]\n', None),
        ("origins:\n  - https://www.example.com\n  - https://shop.example.com # the shop\nkeys: []\n", None),
        ("# origins: https://old.example\nkeys: []\nredirect_hosts: [https://else.example]\n", None),
        ("origins:\n  # - https://old.example\n  - 'https://www.example.com'\n", None),
        ('origins: ["https://www.example.com", "https://new.example"]\n', "https://new.example"),
        ("keys: []\norigins:\n  - https://new.example\n", "https://new.example"),
        ('origins: ["https://*.example.com"]\n', "https://*.example.com"),
    ],
)
def test_a_site_whose_preflights_the_platform_would_refuse_is_not_deployed(
    document: str, missing: str | None, tmp_path: Path
) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "main.yaml").write_text(document)
    ran = run_hook("check_origins", tmp_path, {"AZURE_ENV_NAME": "try", "ALLOWED_ORIGINS": ORIGINS})
    assert ran.returncode == (0 if missing is None else 1), ran.stderr
    if missing is not None:
        assert f"ALLOWED_ORIGINS lacks {missing} of sites/main.yaml" in ran.stderr
