"""What the columns about a key, a stream and an id say, by who sends what under which consent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.border import SITE, Border, plain

STREAMS = """
site: shop
keys:
- {kind: public, key: shop-web}
- {kind: public, key: shop-app, stream: app}
- {kind: server, key: shop-server, stream: back-office}
- {kind: import, key: shop-import}
"""


def told(event: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(event.get(name) for name in names)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("shop-web", ("public", "default", False)),
        ("shop-app", ("public", "app", False)),
        ("shop-server", ("server", "back-office", True)),
        ("shop-import", ("import", "default", True)),
    ],
)
async def test_an_event_says_which_key_it_came_with_and_whether_its_user_can_be_believed(
    key: str, expected: tuple[str, str, bool]
) -> None:
    border = Border(STREAMS)
    event = await border.send_one(*plain("x", user_id="u1"), key=key)
    assert told(event, "key_kind", "stream", "user_verified") == expected
    nobody = await border.send_one(*plain("x"), key=key)
    assert told(nobody, "key_kind", "stream", "user_verified") == (*expected[:2], None)
    await border.send(*plain(""), key=key)
    assert told(border.failed.bodies()[-1], "key_kind", "stream") == expected[:2]


async def test_a_stranger_cannot_state_what_the_collector_says() -> None:
    stated: dict[str, Any] = {
        "key_kind": "server",
        "stream": "app",
        "id_source": "client",
        "user_verified": True,
        "batch": 7,
    }
    event = await Border().send_one(*plain("x", user_id="u1", **stated))
    assert told(event, *stated) == ("public", "default", "day", False, None)
    assert event["properties"] == stated, "names that are no fields of an event are its properties"


SOURCES: dict[str, tuple[dict[str, Any], str, tuple[str | None, str]]] = {
    "the tracker's id": ({"anonymous_id": "d1"}, "198.51.100.7", ("d1", "client")),
    "no id": ({}, "198.51.100.7", ("<made>", "day")),
    "no id and no address": ({}, "", (None, "none")),
    "anonymous": ({"anonymous_id": "d1", "consent": "anonymous"}, "198.51.100.7", ("<made>", "day")),
    "anonymous without an address": ({"anonymous_id": "d1", "consent": "anonymous"}, "", (None, "none")),
    "denied": ({"anonymous_id": "d1", "consent": "denied"}, "198.51.100.7", (None, "none")),
}


@pytest.mark.parametrize(("fields", "address", "expected"), SOURCES.values(), ids=SOURCES.keys())
async def test_an_event_says_who_gave_it_its_device(
    fields: dict[str, Any], address: str, expected: tuple[str | None, str]
) -> None:
    event = await Border().send_one(*plain("x", user_id="u1", **fields), address=address)
    device = event.get("anonymous_id")
    assert ("<made>" if device not in (None, "d1") else device, event["id_source"]) == expected
    assert ("user_verified" in event) == (event["consent"] == "full")


async def test_the_collectors_own_cookie_is_a_source_of_its_own() -> None:
    border = Border(f"{SITE}privacy: {{cookie: true}}\n")
    event = await border.send_one(*plain("x"))
    assert told(event, "id_source", "anonymous_id") == ("cookie", event["context"]["network_user_id"])
    assert (await border.send_one(*plain("x", anonymous_id="d1")))["id_source"] == "client"


async def test_a_server_that_speaks_for_a_device_without_an_id_says_so() -> None:
    border = Border()
    spoken_for = await border.send_one(*plain("x", ip="203.0.113.9", user_agent="Firefox"), key="shop-server")
    assert spoken_for["id_source"] == "day"
    assert (await border.send_one(*plain("x"), key="shop-server"))["id_source"] == "none"
