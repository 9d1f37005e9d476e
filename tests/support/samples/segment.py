"""A request of a segment client."""

from __future__ import annotations

# @segment/analytics-next 1.84.3 in Chromium
BROWSER_PAGE = {
    "timestamp": "2026-11-21T07:22:06.796Z",
    "integrations": {},
    "type": "page",
    "properties": {
        "path": "/shop",
        "referrer": "",
        "search": "?utm_source=mail",
        "title": "Shop",
        "url": "https://shop.example/shop?utm_source=mail",
        "x": 1,
        "category": "Docs",
        "name": "Home",
    },
    "category": "Docs",
    "name": "Home",
    "context": {
        "page": {
            "path": "/shop",
            "referrer": "",
            "search": "?utm_source=mail",
            "title": "Shop",
            "url": "https://shop.example/shop?utm_source=mail",
        },
        "userAgent": "Mozilla/5.0",
        "userAgentData": {"mobile": False, "platform": "Linux"},
        "locale": "en-US",
        "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
        "campaign": {"source": "mail"},
        "timezone": "Europe/Berlin",
    },
    "messageId": "ajs-next-1795245726796-a60c3cbc-1b97-4724-a603-1dfaff169eb1",
    "anonymousId": "0c3cbc1b-9737-4426-831d-faff169eb18c",
    "writeKey": "demo",
    "userId": None,
    "sentAt": "2026-11-21T07:22:06.815Z",
    "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
}


# @rudderstack/analytics-js 3.34.1 in Chromium
RUDDER_IDENTIFY = {
    "userId": "u-1",
    "type": "identify",
    "channel": "web",
    "context": {
        "traits": {"plan": "pro"},
        "sessionId": 1795245735463,
        "sessionStart": True,
        "app": {"name": "RudderLabs JavaScript SDK", "installType": "npm"},
        "library": {"name": "RudderLabs JavaScript SDK", "version": "3.34.1", "variant": "bundled"},
        "userAgent": "Mozilla/5.0",
        "os": {"name": "", "version": ""},
        "locale": "en-US",
        "screen": {"width": 800, "height": 600, "density": 1, "innerWidth": 780, "innerHeight": 437},
        "campaign": {},
        "page": {
            "path": "/a",
            "referrer": "$direct",
            "referring_domain": "",
            "search": "",
            "title": "A",
            "url": "https://shop.example/a",
            "tab_url": "https://shop.example/a",
            "initial_referrer": "$direct",
        },
        "timezone": "GMT+0000",
        "consentManagement": {"deniedConsentIds": ["ads"]},
    },
    "originalTimestamp": "2026-11-21T07:22:15.475Z",
    "messageId": "26f2f9ba-13d3-420e-a8dc-198a25014476",
    "anonymousId": "988eaef2-db77-4336-baf5-6fa0a97962de",
    "integrations": {"All": True},
    "sentAt": "2026-11-21T07:22:15.476Z",
}
