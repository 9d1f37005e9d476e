"""The start page links what an app of its role serves, under a policy that admits its one style sheet."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import azure.functions as func
import pytest

from clickstream.services import services
from functions import start

ENVIRONMENT = {
    "EventHubConnection": "Endpoint=sb://unused.invalid;",
    "Lake": "UseDevelopmentStorage=true",
    "VISITOR_ID_KEY": "0123456789abcdef",
}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, role: str) -> Iterator[func.HttpResponse]:
    for name, value in {**ENVIRONMENT, "ROLE": role}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DEMO", raising=False)
    services.cache_clear()
    handler = start.start.build().get_user_function()
    yield asyncio.run(handler(func.HttpRequest("GET", "/", body=b"")))
    services.cache_clear()


@pytest.mark.parametrize(
    ("role", "links"),
    [
        ("collect", ["/t.js", "/openapi.json", "/health/ready"]),
        ("lake", ["/dashboard", "/api/reports", "/health/ready"]),
        ("all", ["/dashboard", "/t.js", "/openapi.json", "/api/reports", "/health/ready"]),
    ],
)
def test_it_links_what_an_app_of_the_role_serves(page: func.HttpResponse, links: list[str]) -> None:
    assert page.status_code == 200
    assert re.findall(r'<a href="([^"]+)"', page.get_body().decode()) == links


@pytest.mark.parametrize("role", ["all"])
def test_its_policy_admits_its_own_style_and_nothing_else(page: func.HttpResponse) -> None:
    [style] = re.findall(r"<style>(.*?)</style>", page.get_body().decode(), re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "{{" not in page.get_body().decode()
