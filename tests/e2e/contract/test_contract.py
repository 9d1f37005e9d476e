"""What an HTTP function may rely on.

By default against the local host, with its own way to run functions and with Microsoft's runtime where that can be
installed (Python 3.13); with FUNCTIONS_BASE_URL against `func start`, or a deployed app, that serves the app
beside this file. Then the tests that need a host started in their own way are skipped.
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.functions_host.process import FunctionsHost

pytestmark = pytest.mark.e2e
APP = Path(__file__).parent / "app"
EXTERNAL = os.environ.get("FUNCTIONS_BASE_URL")
own_host = pytest.mark.skipif(EXTERNAL is not None, reason="needs a host started in its own way")
PREFLIGHT = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}


@pytest.fixture(scope="module", params=["local", "microsoft"] if EXTERNAL is None else ["external"])
def base_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if EXTERNAL is not None:
        yield EXTERNAL
        return
    if request.param == "microsoft":
        pytest.importorskip("azure_functions_runtime", reason="Microsoft's runtime is for Python 3.13 alone")
    with FunctionsHost(APP, tmp_path_factory.mktemp("host"), options=["--runtime", request.param]) as host:
        yield host.base_url


@pytest.fixture
def client(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, timeout=180) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/echo", "/api/ECHO/", "/api/echo/7", "/API/echo/-7/"])
def test_routes_ignore_case_and_a_last_slash(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/echo", "/api/echo/seven", "/api/nowhere", "/api/echo/1/2"])
def test_what_no_route_matches_is_404(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_wrong_method_is_404(client: httpx.Client) -> None:
    assert client.delete("/api/echo").status_code == 404


def test_parameters_lose_empty_values_and_join_repeated_ones(client: httpx.Client) -> None:
    seen = client.get("/api/echo/5?a=&b=1&b=2&C=3&c=4&d=%20x").json()
    assert seen["params"] == {"b": "1,2", "C": "3,4", "d": " x"}
    assert seen["route_params"] == {"id": "5"}
    assert seen["url"].endswith("/api/echo/5?a=&b=1&b=2&C=3&c=4&d=%20x")


def test_headers_are_lower_case_and_repeated_ones_join(client: httpx.Client) -> None:
    seen = client.get("/api/echo", headers=[("X-One", "a"), ("X-One", "b"), ("User-Agent", "T")]).json()
    assert seen["headers"]["x-one"].replace(" ", "") == "a,b"
    assert seen["headers"]["user-agent"] == "T"


@pytest.mark.parametrize(
    "body",
    [b"\x00\xff", gzip.compress(b'{"a":1}'), b"a=b&c=d", b"x" * 1_000_000],
    ids=["bytes", "gzip", "form", "large"],
)
def test_a_body_arrives_untouched(client: httpx.Client, body: bytes) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/api/echo", content=body, headers=headers).json()["body"] == body.hex()


def test_a_plain_function_runs_and_has_its_context(client: httpx.Client) -> None:
    assert client.post("/api/threaded").text == "threaded 36"


def test_cookies_are_written_anew_and_partitioned_ones_vanish(client: httpx.Client) -> None:
    cookies = client.get("/api/cookies").headers.get_list("set-cookie")
    assert cookies == [
        "first=1; domain=; path=/; httponly",
        "second=a%3Ab; domain=; path=",
        "ended=; max-age=0; domain=; path=",
    ]


def test_headers_of_the_code_leave_and_those_of_the_host_join_them(client: httpx.Client) -> None:
    answer = client.get("/api/headers")
    assert (answer.status_code, answer.headers["content-type"]) == (201, "text/plain; charset=utf-8")
    assert answer.headers.get_list("x-twice") == ["two"]
    assert answer.headers["x-custom"] == "from host.json"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/api/fails", "/api/nothing"])
def test_a_failure_is_500_without_a_word(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (500, b"")


def test_the_home_page_is_there(client: httpx.Client) -> None:
    assert client.get("/").status_code == 200


def test_a_preflight_never_reaches_the_code(client: httpx.Client) -> None:
    answer = client.options("/api/echo", headers=PREFLIGHT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "access-control-allow-origin" not in answer.headers


def test_options_without_a_preflight_reaches_the_code(client: httpx.Client) -> None:
    assert client.options("/api/echo").json()["method"] == "OPTIONS"


@own_host
def test_a_timer_runs_by_hand_with_202(client: httpx.Client) -> None:
    before = int(client.get("/api/ticked").text)
    assert client.post("/admin/functions/tick", json={"input": ""}).status_code == 202
    deadline = time.monotonic() + 120
    while int(client.get("/api/ticked").text) == before:
        assert time.monotonic() < deadline
    assert client.post("/admin/functions/nobody", json={}).status_code == 404
    assert client.get("/admin/host/ping").status_code == 200
    assert client.get("/admin/host/status").json()["state"] == "Running"


@own_host
def test_keys_are_asked_for_where_they_are_enabled(tmp_path: Path) -> None:
    env = {"FUNCTIONS_MASTER_KEY": "master", "FUNCTIONS_FUNCTION_KEY": "one"}
    with FunctionsHost(APP, tmp_path, env=env, options=["--enable-auth"]) as host:

        def status(path: str, key: str = "", code: str = "") -> int:
            headers = {"x-functions-key": key} if key else {}
            return httpx.get(
                f"{host.base_url}{path}", headers=headers, params={"code": code} if code else {}
            ).status_code

        assert status("/api/echo") == 200
        assert [status("/api/keyed"), status("/api/keyed", "wrong"), status("/api/keyed", "one")] == [401, 401, 200]
        assert [status("/api/keyed", code="one"), status("/api/keyed", "master")] == [200, 200]
        assert status("/api/keyed", "wrong", code="one") == 401
        assert [status("/api/administered", "one"), status("/api/administered", "master")] == [401, 200]
        assert [status("/admin/host/status"), status("/admin/host/status", "master")] == [401, 200]


@own_host
def test_on_premium_a_preflight_reaches_the_code(tmp_path: Path) -> None:
    with FunctionsHost(APP, tmp_path, options=["--plan", "premium"]) as host:
        assert httpx.options(f"{host.base_url}/api/echo", headers=PREFLIGHT).json()["method"] == "OPTIONS"


@own_host
def test_a_body_over_the_hosts_limit_is_413(tmp_path: Path) -> None:
    with FunctionsHost(APP, tmp_path, env={"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"}) as host:
        assert httpx.post(f"{host.base_url}/api/echo", content=b"x" * 1000, timeout=180).status_code == 200
        assert httpx.post(f"{host.base_url}/api/echo", content=b"x" * 1001, timeout=180).status_code == 413
        assert httpx.post(f"{host.base_url}/api/echo", content=iter([b"x" * 600] * 2), timeout=180).status_code == 413


@own_host
def test_a_body_without_its_length_is_lost_as_on_the_real_host(tmp_path: Path) -> None:
    with FunctionsHost(APP, tmp_path, options=["--strict"]) as host:
        assert httpx.post(f"{host.base_url}/api/echo", content=iter([b"abc"]), timeout=180).json()["body"] == ""
        assert httpx.post(f"{host.base_url}/api/echo", content=b"abc", timeout=180).json()["body"] == b"abc".hex()


@own_host
def test_the_callers_address_comes_with_its_port_as_app_service_writes_it(client: httpx.Client) -> None:
    seen = client.get("/api/echo", headers={"X-Forwarded-For": "203.0.113.9"}).json()["headers"]["x-forwarded-for"]
    first, second = seen.split(", ")
    assert first == "203.0.113.9"
    assert second.startswith("127.0.0.1:")
