"""A request of a ga4 client."""

from __future__ import annotations

from tests.unit.collecting.dialect_checks import (
    NOW,
)

NOW_MICROS = int(NOW.timestamp() * 1_000_000)


PURCHASE = {
    "name": "purchase",
    "params": {
        "session_id": "123",
        "session_number": 2,
        "engagement_time_msec": 100,
        "transaction_id": "T1",
        "currency": "EUR",
        "value": 9.5,
        "items": [{"item_id": "A1", "price": 9.5}],
    },
}


PAGE_VIEW = {
    "name": "page_view",
    "params": {
        "page_location": "https://shop.example/a?utm_source=mail",
        "page_title": "A",
        "page_referrer": "https://search.example/",
        "language": "en-gb",
        "screen_resolution": "1920x1080",
        "session_id": 1664522406,
    },
}


REQUEST = {
    "client_id": "client.1",
    "user_id": "ada",
    "timestamp_micros": NOW_MICROS,
    "user_properties": {"plan": {"value": "pro"}},
    "consent": {"ad_user_data": "DENIED", "ad_personalization": "GRANTED"},
    "events": [PURCHASE, PAGE_VIEW],
}
