"""Benchmark the dialects: processor time per event from the request's body to the hub's message, without the send.

Prints ratios to the plain dialect with the same batch size, measured in turns, for single events and batches of 50.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

import orjson

from benchmarks.collect import EVENT
from clickstream.collecting.dialect import Dialect, Endpoint
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.event_processor import EventProcessor
from clickstream.collecting.request import Request
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, parse_site

SALT = b"0" * 32
RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADERS = {
    "content-type": "application/json",
    "x-forwarded-for": "203.0.113.7:4711",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
    "accept-language": "en-GB,en;q=0.9",
}
URL, REFERRER, TITLE = EVENT["page_url"], EVENT["referrer"], EVENT["page_title"]
DEVICE, VISIT, ID = EVENT["anonymous_id"], EVENT["session_id"], EVENT["event_id"]
PROPERTIES: Mapping[str, Any] = {"price": 129.9, "currency": "EUR", "sizes": [42, 43, 44], "in_stock": True}
MESSAGE = {
    "type": "track",
    "event": "page looked at",
    "messageId": ID,
    "anonymousId": DEVICE,
    "timestamp": EVENT["created_at"],
    "properties": PROPERTIES,
    "context": {
        "page": {"url": URL, "referrer": REFERRER, "title": TITLE, "path": "/shoes/trail-runner"},
        "locale": "en",
        "screen": {"width": 1920, "height": 1080},
        "library": {"name": "analytics.js", "version": "2.1.0"},
    },
}
SNOWPLOW = {
    "e": "pv",
    "url": URL,
    "page": TITLE,
    "refr": REFERRER,
    "eid": ID,
    "tv": "js-4.6.8",
    "tna": "sp",
    "aid": "demo",
    "p": "web",
    "duid": DEVICE,
    "sid": VISIT,
    "vid": "3",
    "dtm": "1772366370123",
    "stm": "1772366400456",
    "lang": "en",
    "res": "1920x1080",
    "vp": "1280x720",
    "tz": "Europe/Berlin",
    "co": orjson.dumps(
        {
            "schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0",
            "data": [
                {"schema": "iglu:com.snowplowanalytics.snowplow/web_page/jsonschema/1-0-0", "data": {"id": VISIT}},
                {"schema": "iglu:example/shoe/jsonschema/1-0-0", "data": PROPERTIES},
            ],
        }
    ).decode(),
}
POSTHOG = {
    "event": "$pageview",
    "uuid": ID,
    "timestamp": EVENT["created_at"],
    "properties": {
        "distinct_id": DEVICE,
        "$device_id": DEVICE,
        "$session_id": VISIT,
        "$current_url": URL,
        "$referrer": REFERRER,
        "$screen_width": 1920,
        "$screen_height": 1080,
        "$lib": "web",
        "$lib_version": "1.400.0",
        **PROPERTIES,
    },
}
GA4 = {"name": "page_view", "params": {"page_location": URL, "page_referrer": REFERRER, "session_id": "1", "price": 9}}
UMAMI = {
    "type": "event",
    "payload": {
        "website": "demo",
        "url": URL,
        "referrer": REFERRER,
        "title": TITLE,
        "screen": "1920x1080",
        "language": "en",
    },
}
MATOMO = (
    "?idsite=demo&rec=1&url=https%3A%2F%2Fshop.example%2Fshoes&action_name=Trail&_id=6f1c9f113f0f4c57&res=1920x1080"
)


def batches(count: int) -> Mapping[str, tuple[str, Any]]:
    """By dialect: the name of the function, and the body of `count` events."""
    return {
        "plain": ("collect", [EVENT] * count if count > 1 else EVENT),
        "snowplow": (
            "",
            {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [SNOWPLOW] * count},
        ),
        "segment": ("", {"batch": [MESSAGE] * count, "sentAt": EVENT["sent_at"]}),
        "posthog": ("", {"api_key": "demo", "batch": [POSTHOG] * count}),
        "ga4": ("", {"client_id": DEVICE, "events": [GA4] * count}),
        "umami": ("collect_umami_batch" if count > 1 else "", [UMAMI] * count if count > 1 else UMAMI),
        "matomo": ("", {"requests": [MATOMO] * count}),
        "plausible": ("", {"n": "pageview", "u": URL, "d": "demo", "r": REFERRER}),
        "jitsu": ("", MESSAGE),
    }


@dataclass
class Case:
    """One dialect with one batch size, with the microseconds per event of each round."""

    name: str
    count: int
    run: Callable[[], int]
    micros: list[float] = field(default_factory=list)

    def measure(self, repeats: int) -> None:
        """Run `repeats` requests, and append the processor time per event."""
        began = time.process_time()
        events = sum(self.run() for _ in range(repeats))
        self.micros.append((time.process_time() - began) * 1e6 / events)


def case(dialect: Dialect, endpoint: Endpoint, count: int, body: Any) -> Case:
    """The work of the collector between reading a request and sending its messages. Raise ValueError if it fails."""
    site = parse_site(b"site: demo\nkeys: [{kind: public, key: demo}]", expected="demo")
    settings = Settings.from_env({"EventHubConnection": "-", "Lake": "-", "VISITOR_ID_KEY": "0123456789abcdef"})
    access, processor = Access(site, KeyKind.PUBLIC), EventProcessor.from_settings(settings, 1_000_000)
    request = Request(HEADERS, {}, orjson.dumps(body), RECEIVED, route={"call": "batch", "type": "track"})

    def run() -> int:
        sender = processor.context_reader.of_request(request, "demo", SALT)
        reading = endpoint.split(request, 500)
        for item in map(reading.complete, reading.elements):
            outcome = processor.process(item, dialect, access, sender, RECEIVED, lambda: "id")
            if outcome.verdict.status != "accepted":
                raise ValueError(f"{dialect.name}: {outcome.verdict.message}")
        return len(reading.elements)

    return Case(dialect.name, count, run)


def endpoint_of(dialect: Dialect, function: str) -> Endpoint:
    """The endpoint of this function, or the first one with POST."""
    posts = [endpoint for endpoint in dialect.endpoints if "POST" in endpoint.methods]
    return next((endpoint for endpoint in posts if endpoint.function == function), posts[0])


def main() -> int:
    """Print the table of ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dialects", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    cases = []
    for count in (1, 50):
        for name, (function, body) in batches(count).items():
            new_case = case(DIALECTS[name], endpoint_of(DIALECTS[name], function), count, body)
            if new_case.run() == count:
                cases.append(new_case)
    for _ in range(arguments.rounds):
        for each in cases:
            each.measure(2_000 // each.count)
    base = {each.count: median(each.micros) for each in cases if each.name == "plain"}
    print("dialects: processor time per event from body to message; 1.0 is the plain dialect")
    print(f"  {'':<12}{'single':>10}{'batches of 50':>15}")
    for name in batches(1):
        ratios = {each.count: median(each.micros) / base[each.count] for each in cases if each.name == name}
        cells = [f"{ratios[count]:.2f}" if count in ratios else "-" for count in (1, 50)]
        print(f"  {name:<12}{cells[0]:>10}{cells[1]:>15}")
    print(f"  (plain here: {base[1]:.0f} us single, {base[50]:.0f} us in batches of 50)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
