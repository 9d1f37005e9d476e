"""snowplow-tracker: every kind of event, by the method that METHOD names."""

from __future__ import annotations

import json
import os
import time
from typing import Literal
from urllib.parse import urlsplit

from snowplow_tracker import (
    Emitter,
    Event,
    PagePing,
    PageView,
    ScreenView,
    SelfDescribing,
    SelfDescribingJson,
    StructuredEvent,
    Subject,
    Tracker,
)

method: Literal["get", "post"] = "get" if os.environ["METHOD"] == "get" else "post"
base = urlsplit(os.environ["BASE_URL"])
succeeded: list[str] = []
emitter = Emitter(
    str(base.hostname),
    protocol="http",
    port=base.port,
    method=method,
    batch_size=1 if method == "get" else 10,
    on_success=lambda events: succeeded.extend(event["eid"] for event in events),
)
subject = Subject()
subject.set_platform("srv").set_user_id("grace").set_lang("en-GB").set_timezone("Europe/London").set_color_depth(24)
subject.set_screen_resolution(1920, 1080).set_viewport(1280, 720).set_ip_address("203.0.113.78")
subject.set_useragent("Mozilla/5.0 (of the visitor)").set_domain_user_id("1c6e4b4d-8a1b-4e38-8daa-906b4d2e3f5c")
subject.set_domain_session_id("session-of-python").set_domain_session_index(3)
subject.set_network_user_id("ae5f7081-2b3c-4d4e-9f60-718293a4b5c6")
tracker = Tracker("backend", emitter, subject=subject, app_id=os.environ["WRITE_KEY"], encode_base64=method == "post")
product = SelfDescribingJson("iglu:com.acme/product/jsonschema/1-0-2", {"sku": "A1", "price": 9.5, "note": "ü ✓ ?&="})
page_url = "https://shop.example/b?utm_source=news&q=ü"
events: dict[str, Event] = {
    "page_view": PageView(page_url, "B: ü", "https://search.example/", context=[product]),
    "page_ping": PagePing(page_url, min_x=0, max_x=10, min_y=20, max_y=3000),
    "struct": StructuredEvent("cart", "add", label="A1", property_="blue", value=9.5),
    "order_placed": SelfDescribing(
        SelfDescribingJson("iglu:com.acme/order_placed/jsonschema/2-1-0", {"total": 19.9, "items": [{"sku": "A1"}]}),
        context=[product],
        true_timestamp=time.time() * 1000 - 60_000,
    ),
    "screen": ScreenView("s1", "Home"),
}
ids = {name: tracker.track(event) for name, event in events.items()}
emitter.flush()
print(json.dumps({"ids": ids, "succeeded": succeeded}))
