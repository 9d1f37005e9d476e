"""A page whose origin is not in the platform's list: verdict, health and a log line report it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.functions_host.process import FunctionsHost
from local.stack import ROOT, Stack
from tests.e2e.conftest import App

pytestmark = pytest.mark.e2e
SHOP, BLOG = "https://www.shop.example", "https://blog.example"
Collector = Callable[[str], FunctionsHost]


@pytest.fixture
def collector(stack: Stack, tmp_path: Path) -> Iterator[Collector]:
    """The collecting half on Flex Consumption, with a list of origins."""
    with ExitStack() as started:

        def start(origins: str) -> FunctionsHost:
            environment = {**stack.functions_environment(), "ROLE": "collect", "ALLOWED_ORIGINS": origins}
            return started.enter_context(FunctionsHost(ROOT, tmp_path, env=environment, options=("--plan", "flex")))

        yield start


def send(host: FunctionsHost, origin: str, query: str = "?write_key=demo&verdict=1") -> Any:
    """What a page sends without a preflight, as `/t.js` does."""
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    answer = httpx.post(f"{host.base_url}/api/events{query}", content='{"name": "x"}', headers=headers, timeout=180)
    assert answer.status_code == 200
    return answer.json()


def ready(host: FunctionsHost, key: str | None = None) -> Any:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{host.base_url}/health/ready", headers=headers, timeout=180).json()


def told(host: FunctionsHost) -> list[dict[str, Any]]:
    return [json.loads(text) for text in re.findall(r"WARNING .* preflights: (\{.*\})$", host.log.read_text(), re.M)]


@pytest.mark.parametrize("origins", ["", BLOG], ids=["no list", "a list without it"])
def test_whoever_forgot_a_pages_origin_is_told_which_and_what_to_do(collector: Collector, origins: str) -> None:
    host = collector(origins)
    answer = send(host, SHOP)
    assert (answer["accepted"], answer["events"][0]["status"]) == (1, "accepted"), "what arrives is taken"
    assert f"{SHOP} is not in ALLOWED_ORIGINS" in answer["warning"] and "azd env set" in answer["warning"]
    assert "warning" not in send(host, SHOP, "?write_key=demo"), "who asks no verdict gets the usual answer"
    (line,) = told(host)
    assert line == {"schema": 1, "requests": 1, "site": "demo", "origin": SHOP, "message": answer["warning"]}
    health = ready(host)
    assert (health["preflights"]["answered_by"], health["preflights"]["unlisted_origins"]) == ("platform", 1)
    assert "ALLOWED_ORIGINS lacks them" in health["preflights"]["message"]
    assert SHOP not in json.dumps(health), "a stranger is not told whose pages are collected"
    assert answer["warning"] in ready(host, "demo-admin")["sites"]["demo"]


def test_whoever_listed_a_pages_origin_hears_nothing_of_it(collector: Collector) -> None:
    host = collector(f"{BLOG},{SHOP}")
    assert "warning" not in send(host, SHOP)
    assert (ready(host)["preflights"], told(host)) == ({"answered_by": "platform", "unlisted_origins": 0}, [])


def test_where_the_app_answers_preflights_no_list_is_missed(app: App) -> None:
    health = app().get("/health/ready").json()
    assert health["preflights"] == {"answered_by": "app", "unlisted_origins": 0}
