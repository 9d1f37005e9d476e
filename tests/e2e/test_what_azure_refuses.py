"""What Azure refuses before a function is asked: bodies that come in pieces, and long addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.functions_host.process import FunctionsHost
from local.stack import ROOT, Stack

pytestmark = pytest.mark.e2e
PIECES = (b'{"name": ', b'"bought"}')


@pytest.fixture(scope="module")
def host(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionsHost]:
    """As strict as the real one."""
    environment = {**stack.functions_environment(), "ROLE": "collect"}
    folder: Path = tmp_path_factory.mktemp("strict")
    with FunctionsHost(ROOT, folder, env=environment, options=("--strict",)) as running:
        yield running


def post(host: FunctionsHost, path: str) -> httpx.Response:
    return httpx.post(f"{host.base_url}{path}", content=iter(PIECES), headers={"X-Write-Key": "demo"}, timeout=180)


def test_whoever_sends_pieces_hears_that_the_length_is_missing_and_the_operator_does_too(host: FunctionsHost) -> None:
    answer = post(host, "/api/events")
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    assert '"status": 411, "code": "length_required"' in host.log.read_text()


def test_snowplows_trackers_which_send_all_else_again_for_ever_give_up(host: FunctionsHost) -> None:
    answer = post(host, "/com.snowplowanalytics.snowplow/tp2?aid=demo")
    assert (answer.status_code, answer.json()["code"]) == (400, "length_required")


def test_an_empty_body_is_an_empty_one(host: FunctionsHost) -> None:
    answer = httpx.post(f"{host.base_url}/api/events", content=b"", headers={"X-Write-Key": "demo"}, timeout=180)
    assert (answer.status_code, answer.json()["code"]) == (400, "empty")


def test_where_the_platform_hands_on_pieces_they_are_taken(stack: Stack) -> None:
    answer = httpx.post(
        f"{stack.base_url}/api/events", content=iter(PIECES), headers={"X-Write-Key": "demo"}, timeout=180
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(("length", "status"), [(4000, 200), (4200, 414)])
def test_a_long_event_is_sent_by_post(length: int, status: int, host: FunctionsHost) -> None:
    event = f"/i?aid=demo&e=pv&p=web&url=https%3A%2F%2Fshop.example%2F&page={'x' * (length - 60)}"
    assert httpx.get(f"{host.base_url}{event}", timeout=180).status_code == status


def test_a_host_that_is_not_so_strict_takes_it(stack: Stack) -> None:
    event = f"/i?aid=demo&e=pv&p=web&url=https%3A%2F%2Fshop.example%2F&page={'x' * 4200}"
    assert httpx.get(f"{stack.base_url}{event}", timeout=180).status_code == 200
