"""A request of a plausible client."""

from __future__ import annotations

# @plausible-analytics/tracker 0.4.6 in Chromium
PAGEVIEW = {"n": "pageview", "v": 36, "u": "https://shop.example/a?utm_source=mail", "d": "shop.example", "r": None}
