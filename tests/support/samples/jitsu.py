"""A request of a jitsu client."""

from __future__ import annotations

from typing import Any

# @jitsu/js 1.11.0 in Chromium
PAGE: dict[str, Any] = {
    "type": "page",
    "properties": {
        "title": "Shop",
        "url": "https://shop.example/a",
        "path": "/a",
        "hash": "",
        "search": "",
        "width": 780,
        "height": 437,
    },
    "userId": None,
    "anonymousId": "10edb150-c8f0-4d7c-8a1f-0393e6275218",
    "groupId": "g-1",
    "timestamp": "2026-11-21T07:22:42.490Z",
    "sentAt": "2026-11-21T07:22:42.495Z",
    "messageId": "173voewzdsl1i5gi8iepal",
    "writeKey": "demo:***",
    "context": {
        "library": {"name": "@jitsu/js", "version": "1.11.0", "env": "browser"},
        "consent": {"categoryPreferences": {"ads": False}},
        "userAgent": "Mozilla/5.0",
        "locale": "en-US",
        "screen": {"width": 800, "height": 600, "innerWidth": 780, "innerHeight": 437, "density": 1},
        "traits": {},
        "page": {
            "path": "/a",
            "referrer": "",
            "referring_domain": "",
            "host": "shop.example",
            "search": "",
            "title": "Shop",
            "url": "https://shop.example/a",
            "encoding": "UTF-8",
        },
        "clientIds": {},
        "campaign": {},
    },
}
