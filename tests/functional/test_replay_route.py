"""The handler of `replay`, called as a function over a real lake: who may ask, and what they are answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import pytest

from clickstream.errors import Unauthorized
from clickstream.services import services
from functions import jobs
from local.azurite import Azurite
from tests.functional.environment import app_over
from tests.integration.querying.lake import failed_event, make_lake

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture(scope="module")
def environment(azurite: Azurite) -> Iterator[None]:
    """The settings of a function app with two sites; `shop` has two failed events that cannot be repaired."""
    lake = make_lake(azurite)
    lake.append_failed(failed_event("f1", "shop"), failed_event("f2", "shop"), failed_event("f3", "blog"))
    for site in ("shop", "blog"):
        keys = "".join(f"- {{kind: {kind}, key: {site}-{kind}}}\n" for kind in ("public", "server", "read", "admin"))
        lake.put(f"sites/{site}.yaml", f"site: {site}\nkeys:\n{keys}".encode())
    with app_over(lake, azurite):
        yield


def post(body: bytes, key: str | None = None) -> tuple[int, dict[str, Any], func.HttpResponse]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    request = func.HttpRequest("POST", "/", headers=headers, body=body)
    answer: func.HttpResponse = asyncio.run(jobs.replay(request))
    return answer.status_code, json.loads(answer.get_body()), answer


def test_an_admin_key_opens_the_replay_of_its_own_site() -> None:
    status, answer, _ = post(b'{"site_id": "shop"}', "shop-admin")
    assert status == 200
    examples = answer.pop("examples")
    assert [(told["failed_event_id"], told["outcome"], told["code"]) for told in examples] == [
        ("f1", "not_replayable", "payload_format"),
        ("f2", "not_replayable", "payload_format"),
    ]
    assert examples[0]["message"].startswith("not JSON")
    assert answer == {
        "examined": 2,
        "repaired": 0,
        "still_failed": 0,
        "not_replayable": 2,
        "removed": 0,
        "remaining": 2,
        "next": None,
    }


@pytest.mark.parametrize("key", [None, "", "nobody", "shop-public", "shop-server", "shop-read"])
def test_any_other_key_is_answered_alike_whatever_is_asked(key: str | None) -> None:
    bodies = [b'{"site_id": "shop"}', b'{"site_id": "no-such-site"}', b"", b"{}", b"x" * 300_000]
    answers = [post(body, key) for body in bodies]
    assert {status for status, _, _ in answers} == {401}
    assert len({json.dumps(document) for _, document, _ in answers}) == 1
    assert answers[0][2].headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("site", ["blog", "no-such-site", ""])
def test_another_site_is_forbidden_alike_whether_it_exists(site: str) -> None:
    status, document, _ = post(json.dumps({"site_id": site}).encode(), "shop-admin")
    assert (status, document["code"]) == (403, "forbidden")


def test_an_admin_key_neither_reads_nor_writes() -> None:
    for opened in (services().sites.reader("shop-admin", "shop"), services().sites.writer("shop-admin")):
        with pytest.raises(Unauthorized):
            asyncio.run(opened)


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (b"", 400, "invalid_replay", ""),
        (b'{"site_id": "shop", "limit": 0}', 400, "invalid_replay", "/limit"),
        (b'{"site_id": "shop", "filters": {"name": 1}}', 400, "invalid_replay", "/filters/name"),
        (b" " * 300_000, 413, "too_large", None),
    ],
)
def test_what_is_wrong_is_told_as_a_problem(body: bytes, status: int, code: str, pointer: str | None) -> None:
    answered, document, answer = post(body, "shop-admin")
    assert (answered, document["code"], document.get("pointer")) == (status, code, pointer)
    assert answer.mimetype == "application/problem+json"
