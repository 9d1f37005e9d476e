"""segment-analytics-python: every call, in batches; packed where GZIP says so."""

from __future__ import annotations

import json
import os

import segment.analytics as analytics

failures: list[str] = []
analytics.write_key = os.environ["WRITE_KEY"]
analytics.host = os.environ["BASE_URL"]
analytics.gzip = os.environ.get("GZIP") == "yes"
analytics.on_error = lambda error, items: failures.append(str(error))
USER, DEVICE = "segment-python", "device-of-segment-python"
CONTEXT = {"ip": "203.0.113.9", "page": {"url": "https://shop.example/cart?utm_source=news", "title": "Cart"}}

analytics.track(USER, "Order Done", {"total": 9.5, "note": "ü ✓"}, context=CONTEXT, anonymous_id=DEVICE)
analytics.identify(USER, {"plan": "pro"}, anonymous_id=DEVICE)
analytics.page(USER, "Docs", "Home", {"url": "https://shop.example/docs", "title": "Docs"}, anonymous_id=DEVICE)
analytics.screen(USER, "", "Main", anonymous_id=DEVICE)
analytics.group(USER, "acme", {"seats": 3}, anonymous_id=DEVICE)
analytics.alias("segment-python-before", USER)
analytics.flush()
analytics.shutdown()
print(json.dumps({"failures": failures}))
