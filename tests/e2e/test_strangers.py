"""A stranger learns nothing about tenants, finds no demo and guesses no key; and the headers for browsers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.collecting.dialects import DIALECTS
from functions.openapi import routes
from local.stack import Stack
from tests.support.admin_routes import ADMIN_PATHS

pytestmark = pytest.mark.e2e

App = Callable[..., httpx.Client]
BOMB = b"site: acme\nx: &a0 [1, 1]\n" + b"".join(
    b"x%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 27)
)
KEY = "a-key-that-opens-shop"
SHOP = (
    f"site: shop\nkeys: [{{kind: public, key: shop-web}}, {{kind: read, key: {KEY}}}, {{kind: admin, key: {KEY}-too}}]"
)
# May be kept by browsers: they hold nothing of anybody.
KEPT = {
    "/t.js",
    "/t.debug.js",
    "/t.vitals.js",
    "/demo",
    "/demo/{page}",
    "/dashboard",
    "/share/{site}",
    "/dashboard/assets/{file}",
}
# What a key of a site gets. A busy machine may miss the deadline of the first event after a start.
OPENED = {200, 503}
# No tracker reads their bodies, and Chromium never ends such a request where it is `no-store`.
OF_TRACKERS = {
    f"/{route}"
    for dialect in DIALECTS.values()
    for route in (*(taken.route for taken in dialect.endpoints), *(page.route for page in dialect.pages))
}


@pytest.fixture
def config(stack: Stack) -> Iterator[Callable[..., str]]:
    """Makes a container of sites' documents."""
    service = BlobServiceClient.from_connection_string(stack.azurite.connection_string)

    def make(**documents: bytes | str) -> str:
        container = service.create_container(f"config-{uuid4().hex[:12]}")
        for name, text in documents.items():
            container.upload_blob(f"sites/{name}.yaml", text)
        return container.container_name

    yield make


@pytest.mark.parametrize("authorized", [False, True])
@pytest.mark.parametrize(
    ("name", "path", "methods"), routes(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_answer_says_what_browsers_may_do_with_it(
    client: httpx.Client, name: str, path: str, methods: tuple[str, ...], authorized: bool
) -> None:
    key = "demo-admin" if path in ADMIN_PATHS else "demo-read"
    headers = {"X-Write-Key": "demo", "Authorization": f"Bearer {key}"} if authorized else {}
    for method in methods:
        body = None if method in ("get", "head") else {"name": "x", "site_id": "demo"}
        answer = client.request(method, path.replace("{", "").replace("}", ""), headers=headers, json=body)
        shown = f"{method} {path}: {answer.status_code} {dict(answer.headers)}"
        assert answer.headers.get("x-content-type-options") == "nosniff", shown
        assert answer.headers.get("referrer-policy"), shown
        assert answer.headers.get("strict-transport-security") == "max-age=31536000", shown
        policy = answer.headers.get("content-security-policy", "")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, shown
        assert "unsafe" not in policy, shown
        if answer.is_success and method != "options" and path not in KEPT | OF_TRACKERS:
            assert "no-store" in answer.headers.get("cache-control", ""), shown


@pytest.mark.parametrize(
    "path", ["/health", "/health/ready", "/dashboard", "/share/demo", "/openapi.json", "/api/sites"]
)
def test_a_stranger_learns_of_no_site(client: httpx.Client, path: str, stack: Stack) -> None:
    service = BlobServiceClient.from_connection_string(stack.azurite.connection_string)
    names = [
        blob.name.removeprefix("sites/").removesuffix(".yaml")
        for blob in service.get_container_client("config").list_blobs()
    ]
    assert "demo" in names
    answer = client.get(path)
    assert not any(f'"{name}"' in answer.text for name in names)
    assert "sites" not in (answer.json() if path.startswith("/health") else ())


def test_who_administers_a_site_sees_what_is_wrong_with_its_document_and_nothing_of_others(
    app: App, config: Callable[..., str]
) -> None:
    client = app(
        CONFIG_CONTAINER=config(shop=SHOP + "\n", acme=BOMB, tips=SHOP.replace("shop", "tips")),
        ALLOW_SHORT_KEYS="false",
    )

    def ready(key: str) -> httpx.Response:
        return client.get("/health/ready", headers={"Authorization": f"Bearer {key}"})

    own = ready(f"{KEY}-too").json()
    assert own["sites"] == {"shop": []}
    assert own["other_documents_with_problems"] == 1
    assert "acme" not in str(own)
    for key in (KEY, "shop-web", "no-such-key-at-all"):
        assert ready(key).status_code == 401


def test_the_app_starts_in_spite_of_a_document_that_multiplies_itself_and_takes_the_events_of_others(
    app: App, config: Callable[..., str]
) -> None:
    client = app(CONFIG_CONTAINER=config(shop=SHOP, acme=BOMB), ALLOW_SHORT_KEYS="false")
    # The client waits for half a minute; the document by itself would take the process for good.
    answers = [client.post("/api/events", json={"name": "x"}, headers={"X-Write-Key": "shop-web"}) for _ in range(2)]
    assert answers[-1].status_code == 200
    lost = client.post("/api/events", json={"name": "x"}, headers={"X-Write-Key": "acme-web"})
    assert (lost.status_code, "retry-after" in lost.headers) == (503, True)


def test_no_demo_and_no_short_key_is_there_unless_a_setting_says_so(app: App) -> None:
    client = app(DEMO="", ALLOW_SHORT_KEYS="")
    for path in ("/demo", "/demo/bags", "/demo/live.js", "/demo/shop.css"):
        assert client.get(path).status_code == 404
    for method, path, key in (
        ("GET", "/api/sites", "demo-read"),
        ("POST", "/api/query", "demo-read"),
        ("POST", "/api/erase", "demo-admin"),
    ):
        answer = client.request(method, path, headers={"Authorization": f"Bearer {key}"}, json={"site_id": "demo"})
        assert (answer.status_code, "at least 16 characters" in answer.text) == (401, True)
    for key, statuses in (("demo", OPENED), ("demo-server", {401}), ("demo-import", {401})):
        assert client.post("/api/events", json={"name": "x"}, headers={"X-Write-Key": key}).status_code in statuses


@pytest.mark.alone
def test_who_tries_keys_is_slowed_down_and_nobody_else(app: App, config: Callable[..., str]) -> None:
    client = app(CONFIG_CONTAINER=config(shop=SHOP), ALLOW_SHORT_KEYS="false")

    async def tries(seconds: float, workers: int) -> list[int]:
        statuses: list[int] = []
        until = time.monotonic() + seconds
        async with httpx.AsyncClient(base_url=client.base_url, timeout=180) as guesser:

            async def guess() -> None:
                while time.monotonic() < until:
                    headers = {"Authorization": f"Bearer {uuid4()}", "X-Forwarded-For": "192.0.2.77"}
                    statuses.append((await guesser.get("/api/sites", headers=headers)).status_code)

            async def works() -> None:
                while time.monotonic() < until:
                    for address in ("192.0.2.80", "198.51.100.4"):
                        known = {"Authorization": f"Bearer {KEY}", "X-Forwarded-For": address}
                        assert (await guesser.get("/api/sites", headers=known)).status_code == 200
                    await asyncio.sleep(0.05)

            known = {"Authorization": f"Bearer {KEY}", "X-Forwarded-For": "192.0.2.80"}
            assert (await guesser.get("/api/sites", headers=known)).status_code == 200
            await asyncio.gather(works(), *(guess() for _ in range(workers)))
        return statuses

    statuses = asyncio.run(tries(4.0, 12))
    assert set(statuses) == {401, 429}
    # Twenty at once, one a second, and those that wait when the time is over.
    assert statuses.count(401) <= 20 + 8 + 4
    assert statuses.count(429) > 20
