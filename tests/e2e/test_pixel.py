"""The pixel: an event in a query string."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from local.stack import Stack
from tests.e2e.journey import compact_everything, select

pytestmark = pytest.mark.e2e


def test_the_pixel_is_an_image_that_nobody_caches_and_its_event_lands(client: httpx.Client, stack: Stack) -> None:
    name = f"mail-{uuid4()}"
    answer = client.get(
        "/api/pixel.gif",
        params={"write_key": "demo", "name": name, "page_url": "https://shop.example/a?utm_source=mail", "issue": "7"},
        headers={"User-Agent": "Mail/1.0", "X-Forwarded-For": "203.0.113.50:4711"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content[:6] == b"GIF89a"
    compact_everything(stack)
    found = select(
        client,
        "SELECT event_type, page_path, utm_source, user_agent, properties FROM events WHERE event_name = ?",
        name,
    )
    assert found == [["custom", "/a", "mail", "Mail/1.0", '{"issue":"7"}']]


def test_health_is_cheap_and_ready_tells_the_state_of_the_sinks(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok", "delivery": "hub"}
    ready = client.get("/health/ready").json()
    assert (ready["status"], ready["delivery"]) == ("ok", "hub")
    assert {(name, sink["hub"], sink["works"]) for name, sink in ready["sinks"].items()} == {
        ("events", "closed", True),
        ("failed-events", "closed", True),
    }
    assert ready["salts"] == {"missing_count": 0}
    assert client.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"
