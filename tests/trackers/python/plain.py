"""No tracker at all: the plain dialect by httpx."""

from __future__ import annotations

import json
import os

import httpx

event = {"event_id": os.environ["EVENT_ID"], "name": "from_python", "user_id": "ada"}
answer = httpx.post(
    f"{os.environ['BASE_URL']}/api/events", json=event, headers={"X-Write-Key": os.environ["WRITE_KEY"]}
)
print(json.dumps({"status": answer.status_code, "event_id": event["event_id"]}))
