"""A request of a snowplow client."""

from __future__ import annotations

PAYLOAD_DATA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"


UNSTRUCT = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"


CONTEXTS = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0"


ORDER = {"schema": "iglu:com.acme/order_placed/jsonschema/2-1-0", "data": {"total": 19.9, "note": "ü?>~"}}


PRODUCT = {"schema": "iglu:com.acme/product/jsonschema/1-0-2", "data": {"sku": "A1"}}


# As @snowplow/browser-tracker 4.10.1 sends a page view by GET.
BROWSER_GET = (
    "stm=1795246500000&e=pv&url=https%3A%2F%2Fshop.example%2Fa%3Fq%3D1&page=Shoes&refr=https%3A%2F%2Fsearch.example%2F"
    "&eid=3c6a5f0e-3c0b-4c79-9a4f-1c3f0c6a9f11&tv=js-4.10.1&tna=web&aid=demo&p=web&cookie=1&cs=UTF-8&lang=en-GB"
    "&res=1920x1080&cd=24&tz=Europe%2FBerlin&dtm=1795246499990&vp=1280x720&ds=1265x4000&vid=2"
    "&sid=5f0e3c6a-0b3c-494c-af4f-0c6a9f111c3f&duid=0e3c6a5f-3c0b-494c-9a4f-6a9f111c3f0c&uid=ada"
)


SESSION = {
    "schema": "iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-2",
    "data": {
        "userId": "device",
        "sessionId": "session",
        "eventIndex": 4,
        "sessionIndex": 2,
        "previousSessionId": "before",
        "storageMechanism": "COOKIE_1",
        "firstEventId": "first",
        "firstEventTimestamp": "2026-03-01T00:00:00.000Z",
    },
}


def payload(*events: object) -> dict[str, object]:
    return {"schema": PAYLOAD_DATA, "data": list(events)}
