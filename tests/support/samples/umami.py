"""A request of a umami client."""

from __future__ import annotations

# Umami's tracker 2.10.0 in Chromium
PAGEVIEW = {
    "website": "demo",
    "hostname": "localhost",
    "screen": "1920x1080",
    "language": "en-GB",
    "title": "Shoes%3A%20%C3%BC%20100%25",
    "url": "/shoes?q=%25C3%25BC",
    "referrer": "/next?utm_source=mail",
}
