"""Segment's, RudderStack's and Jitsu's ways in over the wire, where their clients do not go by themselves."""

from __future__ import annotations

import gzip
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.stack import Stack
from tests.e2e.journey import compact_everything, select

pytestmark = pytest.mark.e2e

KEY = {"X-Write-Key": "demo"}


def track(event_id: str, **more: object) -> dict[str, Any]:
    return {"type": "track", "event": "Order Done", "messageId": event_id, "anonymousId": "a-1", **more}


def landed(client: httpx.Client, ids: list[str]) -> list[str]:
    marks = ", ".join("?" * len(ids))
    return [row[0] for row in select(client, f"SELECT event_id FROM events WHERE event_id IN ({marks})", *ids)]


def test_the_key_may_stand_wherever_a_client_puts_it(client: httpx.Client, stack: Stack) -> None:
    ids = [str(uuid4()) for _ in range(8)]
    answers = [
        client.post("/v1/track", json=track(ids[0]), auth=("demo", "")),
        client.post("/v1/t", json=track(ids[1]), headers=KEY),
        client.post("/v1/batch/", json={"batch": [track(ids[2])], "writeKey": "demo"}),
        client.post("/v1/b", json={"batch": [track(ids[3], writeKey="demo")]}),
        client.post("/beacon/v1/batch?writeKey=demo", json={"batch": [track(ids[4])]}),
        client.post("/api/s/track", json=track(ids[5], writeKey="demo:***"), headers={"X-Write-Key": "demo:x"}),
        client.post("/api/s/s2s/track?writekey=demo", json=track(ids[6])),
        client.post(
            "/v1/batch",
            content=gzip.compress(json.dumps({"batch": [track(ids[7])]}).encode()),
            headers={**KEY, "Content-Type": "application/x-www-form-urlencoded"},
        ),
    ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert {answer.text for answer in answers} == {'{"success":true}', '{"ok":true}'}
    for path in ("/v1/batch", "/v1/track", "/api/s/track"):
        assert client.post(path, json={"batch": [track("x")], **track("x")}).status_code == 401
    compact_everything(stack)
    assert sorted(landed(client, ids)) == sorted(ids)


def test_a_bad_message_fails_alone_and_is_kept_without_key_and_whole_address(
    client: httpx.Client, stack: Stack
) -> None:
    good, bad = str(uuid4()), str(uuid4())
    broken = track(bad, event=None, writeKey="demo", context={"ip": "203.0.113.77"})
    answer = client.post("/v1/batch", json={"writeKey": "demo", "batch": [broken, track(good), 7]})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    refused = client.post("/v1/track", json=broken)
    assert (refused.status_code, refused.json()["code"]) == (400, "schema_violation")
    assert "message" in refused.json(), "or the Python clients send it again"
    compact_everything(stack)
    assert landed(client, [good, bad]) == [good]
    sql = "SELECT try(decode(payload)) AS text, pointer FROM failed_events WHERE text LIKE ?"  # others sent no text
    kept = select(client, sql, f"%{bad}%")
    assert [pointer for _, pointer in kept] == ["/event", "/event"]
    for payload, _ in kept:
        assert "203.0.113.77" not in payload and "203.0.113.0" in payload
        assert "writeKey" not in payload


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_pixel_is_an_image_and_its_message_lands(client: httpx.Client, stack: Stack, method: str) -> None:
    event_id = str(uuid4())
    parameters = {
        "writeKey": "demo",
        "messageId": event_id,
        "anonymousId": "a-1",
        "event": "Mail Opened",
        "properties.issue": "7",
        "context.page.url": "https://shop.example/m?utm_source=mail",
    }
    answer = client.request(method, "/pixel/v1/track", params=parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    compact_everything(stack)
    sql = "SELECT event_name, page_path, utm_source, properties FROM events WHERE event_id = ?"
    assert select(client, sql, event_id) == [["Mail Opened", "/m", "mail", '{"issue":"7"}']]


def test_a_clients_counts_of_its_own_calls_need_no_key_and_are_forgotten(client: httpx.Client) -> None:
    answer = client.post("/v1/m", content='{"series":[{"type":"Counter"}]}', headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()) == (200, {"success": True})


@pytest.mark.parametrize("path", ["/v1/merge", "/v1/x", "/api/s/merge", "/api/s/s2s/t"])
def test_what_is_no_call_is_not_found(client: httpx.Client, path: str) -> None:
    assert client.post(path, json=track("x"), headers=KEY).status_code == 404


def test_settings_are_the_same_for_every_key_and_lead_back_here(client: httpx.Client, stack: Stack) -> None:
    host = stack.base_url.removeprefix("http://")
    for key in ("demo", "unknown"):
        settings = client.get(f"/v1/projects/{key}/settings").json()
        integration = {"apiKey": key, "apiHost": f"{host}/v1", "protocol": "http"}
        assert settings["integrations"] == {"Segment.io": integration}
    for path in ("/sourceConfig", "/sourceConfig/?writeKey=unknown"):
        assert client.get(path).json()["source"]["enabled"] is True
