"""Bad input on every route: the documented answer, never 500, and good neighbours land."""

from __future__ import annotations

import json
from uuid import uuid4

import httpx
import pytest

from local.stack import Stack
from tests.e2e.journey import READ, compact_everything, select

pytestmark = pytest.mark.e2e
WRITE = {"X-Write-Key": "demo"}
NOTHING = [b"", b" \n", b"[]"]
NO_EVENTS = [
    b"not json",
    b"\x00\xff\xfe",
    b'{"name":',
    b"null",
    b"0",
    b'"x"',
    b"{}",
    b'{"name": 5}',
    b'{"name": ""}',
    b'{"name": "x", "properties": {"n": NaN}}',
    b'{"name": "x", "properties": {"n": 1e999}}',
    b'{"name": "\\ud800"}',
    b"[" * 50_000,
    '{"name": "x"}'.encode("utf-16"),
]


@pytest.mark.parametrize("body", NOTHING, ids=repr)
def test_an_empty_body_is_told_so(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/api/events", content=body, headers=WRITE)
    assert (answer.status_code, answer.json()["code"]) == (400, "empty")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", NO_EVENTS, ids=lambda body: repr(body[:40]))
def test_a_body_without_a_good_event_is_400_with_code_and_message_and_is_kept(
    client: httpx.Client, body: bytes
) -> None:
    answer = client.post("/api/events", content=body, headers=WRITE)
    assert answer.status_code == 400
    told = answer.json()
    assert told["code"] in ("payload_format", "schema_violation")
    assert told["message"]
    assert (told["accepted"], told["failed"]) == (0, 1)


@pytest.mark.parametrize(
    ("field", "value"), [("created_at", "yesterday"), ("created_at", "0001-01-01T00:00:00Z"), ("properties", [1])]
)
def test_a_field_that_is_out_of_shape_is_told_and_costs_itself_alone(
    client: httpx.Client, field: str, value: object
) -> None:
    answer = client.post("/api/events?verdict=1", json={"name": "x", field: value}, headers=WRITE)
    [event] = answer.json()["events"]
    assert (answer.status_code, event["status"]) == (200, "accepted")
    assert [entry["pointer"] for entry in event["left_out"]] == [f"/{field}"]


def test_a_huge_body_is_413_and_the_connection_lives(client: httpx.Client) -> None:
    answer = client.post("/api/events", content=b"x" * 4_194_305, headers=WRITE)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert client.post("/api/events", json={"name": "after"}, headers=WRITE).status_code == 200
    assert client.post("/api/events", json=[{"name": "x"}] * 501, headers=WRITE).status_code == 413


@pytest.mark.parametrize("key", [None, "", "nobody", "demo-read", "x" * 10_000, "%00"])
def test_an_unknown_key_is_401_and_told_nothing_more(client: httpx.Client, key: str | None) -> None:
    headers = {} if key is None else {"X-Write-Key": key}
    for answer in (
        client.post("/api/events", json={"name": "x"}, headers=headers),
        client.get("/api/pixel.gif", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.json()["message"] == "this write key opens no site"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/events"),
        ("PUT", "/api/events"),
        ("POST", "/api/pixel.gif"),
        ("GET", "/api/query"),
        ("GET", "/api/sql"),
    ],
)
def test_a_wrong_method_is_404_as_the_platform_answers(client: httpx.Client, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 404


@pytest.mark.parametrize("path", ["/api/query", "/api/sql"])
@pytest.mark.parametrize("body", [*NO_EVENTS, b"", b"[]", b'{"site_id": "demo"}'], ids=lambda body: repr(body[:40]))
def test_a_broken_question_is_400(client: httpx.Client, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers=READ)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"]


@pytest.mark.parametrize("path", ["/api/query", "/api/sql"])
def test_a_question_needs_a_key_of_its_site(client: httpx.Client, path: str) -> None:
    asked = {"metrics": ["events"], "date_range": "all"} if path == "/api/query" else {"sql": "SELECT 1"}
    mine, others = {"site_id": "demo", **asked}, {"site_id": "another", **asked}
    assert client.post(path, json=mine).status_code == 401
    assert client.post(path, json=mine, headers={"Authorization": "Bearer nobody"}).status_code == 401
    assert client.post(path, json=mine, headers={"Authorization": "Bearer demo"}).status_code == 401
    assert client.post(path, json=others, headers=READ).status_code == 403


def test_good_neighbours_land_and_the_bad_are_kept_with_their_reason(client: httpx.Client, stack: Stack) -> None:
    name = f"neighbour-{uuid4()}"
    body = (
        f'[{{"name":"{name}"}},{{"name":"{name}","consent":"maybe"}},{{"name":"{name}","properties":{{"n":NaN}}}},'
        f'{{"name":"{name}"}}]'
    )
    answer = client.post("/api/events?verdict=1", content=body, headers=WRITE)
    assert answer.status_code == 200
    told = answer.json()
    assert [event["status"] for event in told["events"]] == ["accepted", "failed", "failed", "accepted"]
    assert [event.get("pointer") for event in told["events"]] == [None, "/consent", "/properties/n", None]
    compact_everything(stack)
    assert select(client, "SELECT count(*) FROM events WHERE event_name = ?", name) == [[2]]
    kept = select(
        client,
        "SELECT failure_class, pointer, decode(payload, 'replace') AS p FROM failed_events WHERE p LIKE ? ORDER BY 2",
        f"%{name}%",
    )
    assert [(row[0], row[1]) for row in kept] == [
        ("schema_violation", "/consent"),
        ("schema_violation", "/properties/n"),
    ]
    assert json.loads(kept[0][2]) == {"name": name, "consent": "maybe"}
