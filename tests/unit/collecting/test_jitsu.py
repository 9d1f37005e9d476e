"""Messages of Jitsu's client, as recorded from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from clickstream.collecting import client_event
from clickstream.collecting.dialect import Reading
from clickstream.collecting.dialects import jitsu
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest, NotFound
from tests.support.samples.jitsu import PAGE
from tests.unit.collecting.dialect_checks import LIMIT, items

NOW = datetime(2026, 11, 21, 7, 22, 43, tzinfo=UTC)


def split(kind: str, body: object) -> Reading:
    return jitsu.split(Request({}, {}, orjson.dumps(body), NOW, route={"type": kind}), LIMIT)


def test_a_page_call_is_a_page_view_and_its_masked_key_is_none() -> None:
    reading = split("page", PAGE)
    assert reading.write_key is None
    original: Any = items(reading)[0].original
    assert client_event.check(jitsu.read(original)).model_dump(exclude_defaults=True) == {
        "name": "page_view",
        "type": "page_view",
        "event_id": "173voewzdsl1i5gi8iepal",
        "created_at": datetime(2026, 11, 21, 7, 22, 42, 490000, UTC),
        "sent_at": datetime(2026, 11, 21, 7, 22, 42, 495000, UTC),
        "anonymous_id": "10edb150-c8f0-4d7c-8a1f-0393e6275218",
        "group_id": "g-1",
        "page_url": "https://shop.example/a",
        "page_title": "Shop",
        "language": "en-US",
        "screen_width": 800,
        "screen_height": 600,
        "viewport_width": 780,
        "viewport_height": 437,
        "consent_signals": {"consent": {"categoryPreferences": {"ads": False}}},
        "tracker": "@jitsu/js/1.11.0",
        "user_agent": "Mozilla/5.0",
        "properties": {"hash": "", "width": 780, "height": 437},
        "context": {
            "library": {"env": "browser"},
            "consent": {"categoryPreferences": {"ads": False}},
            "screen": {"density": 1},
            "page": {"host": "shop.example", "encoding": "UTF-8"},
        },
    }


def test_a_call_that_names_nobody_is_taken_for_the_client_may_be_told_to_leave_ids_out() -> None:
    event = client_event.check(jitsu.read({"type": "track", "event": "Order Done"}))
    assert (event.anonymous_id, event.user_id) == (None, None)


@pytest.mark.parametrize(("stated", "key"), [("demo", "demo"), ("***", None), ("demo:***", None), (None, None)])
def test_a_key_in_the_body_counts_unless_it_is_masked(stated: str | None, key: str | None) -> None:
    assert split("track", {"event": "x", "writeKey": stated}).write_key == key
    assert split("batch", {"batch": [{"type": "track", "event": "x", "writeKey": stated}]}).write_key == key


@pytest.mark.parametrize("kind", ["merge", "t", ""])
def test_there_are_no_other_calls(kind: str) -> None:
    with pytest.raises(NotFound):
        split(kind, PAGE)


def test_what_cannot_be_read_is_pointed_at() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        jitsu.read({"type": "group", "anonymousId": "a-1"})
    assert (refusal.value.code, refusal.value.pointer) == ("schema_violation", "/groupId")
