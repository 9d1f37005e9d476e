"""posthog: every call that sends an event."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

from posthog import Posthog

errors: list[str] = []
posthog = Posthog(
    os.environ["WRITE_KEY"],
    host=os.environ["BASE_URL"],
    gzip=os.environ.get("GZIP") == "1",
    on_error=lambda error, _: errors.append(repr(error)),
)
uuids = {
    "signed up": posthog.capture(
        "signed up",
        distinct_id="grace",
        properties={"plan": "pro", "note": "ü ✓ ?&=", "$current_url": "https://shop.example/b"},
    ),
    "nobody": posthog.capture("nobody"),
    "earlier": posthog.capture("earlier", distinct_id="grace", timestamp=datetime.now(UTC) - timedelta(minutes=1)),
    "identify": posthog.set(distinct_id="grace", properties={"name": "Grace"}),
    "alias": posthog.alias("anonymous-of-grace", "grace"),
    "group": posthog.group_identify("company", "acme", {"size": 3}),
}
flags = posthog.get_all_flags("grace")
posthog.shutdown()
print(json.dumps({"uuids": uuids, "flags": flags, "errors": errors}))
