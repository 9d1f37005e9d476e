"""Preflights of pages of another origin: on Flex Consumption the platform answers them, from a list of its own.

The trackers' stack is on Flex Consumption and lists its pages. Here are the plans that it is not on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from local.functions_host.process import FunctionsHost
from local.stack import ROOT, Stack
from tests.e2e.journey import page_origins, stack_settings
from tests.target import own_stack
from tests.trackers.harness import Browser, ClientFailed, Run

pytestmark = [pytest.mark.e2e, own_stack]
# Page, steps: trackers whose requests need a preflight, of the kinds that protocols.md names.
KINDS = {
    "umami": ("umami.html", ["run"]),
    "snowplow": ("snowplow.js", ["post"]),
    "rudderstack": ("rudderstack.js", ["single"]),
    "plain": ("plain.js", ["run"]),
}


@pytest.fixture(scope="module")
def premium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose app answers preflights. It is not the trackers' own, since their tests count all rows there."""
    with Stack(stack_settings(tmp_path_factory.mktemp("premium"))) as stack:
        yield stack


@pytest.fixture(scope="module")
def unlisted(premium: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The collecting half on Flex Consumption, with a list that lacks the pages' origin."""
    environment = {**premium.functions_environment(), "ROLE": "collect", "ALLOWED_ORIGINS": "https://www.example.com"}
    with FunctionsHost(ROOT, tmp_path_factory.mktemp("flex"), env=environment, options=("--plan", "flex")) as host:
        yield host.base_url


def visit(browser: Browser, base_url: str, kind: str) -> Run:
    page, steps = KINDS[kind]
    return browser.run(page, base_url, steps)


def preflight(base_url: str, origin: str) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-write-key"}
    return httpx.options(f"{base_url}/api/events", headers=asked, timeout=180)


def test_the_platform_answers_the_preflights_of_the_trackers_stack_and_lists_their_pages(
    stack: Stack, pages_port: int
) -> None:
    health = httpx.get(f"{stack.base_url}/health/ready", timeout=180).json()
    assert health["preflights"] == {"answered_by": "platform", "unlisted_origins": 0}
    for origin in page_origins(pages_port):
        allowed = preflight(stack.base_url, origin).headers
        assert allowed["access-control-allow-origin"] == origin
        assert allowed["access-control-allow-credentials"] == "true"
    # The app would allow it: the demo site takes events from everywhere.
    refused = preflight(stack.base_url, "https://unlisted.example").headers
    assert [name for name in refused if name.startswith("access-control-allow")] == []


@pytest.mark.parametrize("kind", list(KINDS))
def test_where_the_app_answers_preflights_every_kind_that_asks_one_delivers(
    kind: str, browser: Browser, premium: Stack
) -> None:
    done = visit(browser, premium.base_url, kind)
    assert any(request.method == "OPTIONS" for request in done.requests), "else this shows nothing"
    posted = done.posted()
    assert posted and {request.status for request in posted} == {200}
    assert done.errors == []


def test_a_page_whose_origin_is_not_listed_delivers_nothing_that_needs_a_preflight(
    browser: Browser, unlisted: str
) -> None:
    with pytest.raises(ClientFailed):
        visit(browser, unlisted, "plain")


def test_what_arrives_of_such_a_page_without_a_preflight_names_its_origin_to_the_owner(
    browser: Browser, unlisted: str, pages_port: int
) -> None:
    with suppress(ClientFailed):  # the page may not read the answer
        browser.run("plausible.js", unlisted, ["run"])
    admin = {"Authorization": "Bearer demo-admin"}
    health = httpx.get(f"{unlisted}/health/ready", headers=admin, timeout=180).json()
    assert health["preflights"]["unlisted_origins"] == 1
    (origin, _) = page_origins(pages_port)
    assert any(f"{origin} is not in ALLOWED_ORIGINS" in line for line in health["sites"]["demo"])
