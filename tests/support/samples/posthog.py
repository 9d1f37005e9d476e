"""A request of a posthog client."""

from __future__ import annotations

# posthog-js 1.449.2 in Chromium, shortened by campaigns and settings
PAGEVIEW = {
    "uuid": "01a1fd07-4075-7bfa-99eb-b9aa732416dd",
    "event": "$pageview",
    "properties": {
        "$os": "Linux",
        "$browser": "Chrome",
        "$timezone": "Europe/Berlin",
        "$current_url": "http://localhost:33927/pricing?utm_source=mail",
        "$host": "localhost:33927",
        "$pathname": "/pricing",
        "$raw_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "$browser_version": 150,
        "$browser_language": "en-GB",
        "$screen_height": 1080,
        "$screen_width": 1920,
        "$viewport_height": 720,
        "$viewport_width": 1280,
        "$lib": "web",
        "$lib_version": "1.449.2",
        "$insert_id": "bb453w18wprs1la5",
        "$time": 1795246473.353,
        "distinct_id": "01a1fd07-406d-79bf-96bb-00b521eb1826",
        "$device_id": "01a1fd07-406d-79bf-96bb-00b521eb1826",
        "utm_source": "mail",
        "utm_medium": None,
        "$referrer": "$direct",
        "$referring_domain": "$direct",
        "title": "Page /pricing",
        "token": "demo",
        "$session_id": "01a1fd07-4089-7e4b-9d51-0e9967711db1",
        "$is_identified": False,
        "$process_person_profile": False,
    },
    "timestamp": "2026-11-21T07:34:33.333Z",
}
