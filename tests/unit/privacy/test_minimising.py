"""What is kept of an event under each consent."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream.model.event import Event
from clickstream.privacy.minimising import DROPPED_OF_ANONYMOUS, KEPT_OF_DENIED, minimised

FULL: dict[str, Any] = {name: f"value of {name}" for name in Event.__dataclass_fields__} | {
    "event_type": "page_view",
    "page_url": "https://shop.example/cart?user=me",
    "referrer": "https://other.example/profile/me?x=1",
    "properties": {"size": 42},
    "context": {"a": 1},
}


def test_every_name_is_a_field_of_the_event() -> None:
    assert set(Event.__dataclass_fields__) >= KEPT_OF_DENIED | DROPPED_OF_ANONYMOUS


def test_full_consent_keeps_everything() -> None:
    assert minimised(FULL, "full", "daily") == {**FULL, "consent": "full"}


def test_anonymous_consent_drops_what_tells_a_device_or_a_person_again() -> None:
    kept = minimised(FULL, "anonymous", "daily")
    assert kept["anonymous_id"] == "daily"
    assert not {name for name in DROPPED_OF_ANONYMOUS if name in kept} - {"anonymous_id"}
    assert kept["properties"] == {"size": 42}


@pytest.mark.parametrize("kind", ["identify", "group", "alias"])
def test_anonymous_consent_drops_a_persons_traits(kind: str) -> None:
    assert minimised({**FULL, "event_type": kind}, "anonymous", "daily")["properties"] == {}


def test_denied_consent_keeps_the_page_and_where_the_visit_came_from() -> None:
    kept = minimised(FULL, "denied", "daily")
    assert set(kept) == KEPT_OF_DENIED | {"consent"}
    assert kept["page_url"] == "https://shop.example/cart"
    assert kept["referrer"] == "https://other.example/"


@pytest.mark.parametrize(
    ("url", "kept"), [("/cart?x=1", "/cart"), ("mailto:me@shop.example", None), ("javascript:alert(1)", None)]
)
def test_denied_consent_keeps_of_an_address_without_host_its_path_at_most(url: str, kept: str | None) -> None:
    assert minimised({**FULL, "page_url": url}, "denied", None)["page_url"] == kept
