"""rudder-sdk-python: every call, in batches, packed unless GZIP says no."""

from __future__ import annotations

import json
import os

import rudderstack.analytics as analytics

failures: list[str] = []
analytics.write_key = os.environ["WRITE_KEY"]
analytics.dataPlaneUrl = os.environ["BASE_URL"]
analytics.gzip = os.environ.get("GZIP") != "no"
analytics.on_error = lambda error, items: failures.append(str(error))
USER, DEVICE = "rudderstack-python", "device-of-rudderstack-python"

analytics.track(USER, "Order Done", {"total": 9.5, "note": "ü ✓"}, anonymous_id=DEVICE)
analytics.identify(USER, {"plan": "pro"}, anonymous_id=DEVICE)
analytics.page(USER, "Docs", "Home", {"url": "https://shop.example/docs", "title": "Docs"}, anonymous_id=DEVICE)
analytics.screen(USER, "", "Main", anonymous_id=DEVICE)
analytics.group(USER, "acme", {"seats": 3}, anonymous_id=DEVICE)
analytics.alias("rudderstack-python-before", USER)
analytics.flush()
analytics.shutdown()
print(json.dumps({"failures": failures}))
