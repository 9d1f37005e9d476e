"""The collector as clients of every protocol use it: requests by path, and the events that they become."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from clickstream.collecting.collector import Collector
from clickstream.collecting.dialect import Dialect, Endpoint
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.request import Request
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings
from clickstream.sites.directory import SiteDirectory
from tests.functional.memory import PATIENT, Clock, MemoryCounts, MemoryDocuments, MemorySalts, MemorySink

NOW = datetime(2026, 10, 28, 10, 0, tzinfo=UTC)
SITE = """
site: shop
keys:
- {kind: public, key: shop-web}
- {kind: server, key: shop-server}
- {kind: import, key: shop-import}
"""
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass
class Border:
    """A collector of one site."""

    site: str = SITE
    settings: Mapping[str, str] = field(default_factory=dict)
    events: MemorySink = field(default_factory=MemorySink)
    failed: MemorySink = field(default_factory=MemorySink)
    now: datetime = NOW

    def __post_init__(self) -> None:
        numbers = count(1)
        documents = MemoryDocuments({"sites/shop.yaml": self.site.encode()})
        environment = {"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef", **self.settings}
        self.collector = Collector(
            Settings.from_env(environment),
            SiteDirectory(documents, 30, Clock(), PATIENT, allow_short_keys=True),
            DailySalts(MemorySalts(), lambda: self.now),
            self.events,
            self.failed,
            MemoryCounts(),
            lambda: f"00000000-0000-7000-8000-{next(numbers):012d}",
            lambda: self.now,
        )

    async def send(
        self,
        path: str,
        body: object = None,
        *,
        key: str | None = "shop-web",
        address: str = "198.51.100.7",
        agent: str = BROWSER,
        **headers: str,
    ) -> list[dict[str, Any]]:
        """Send a request, a GET if there is no body. Returns the bodies of its events on the hub.

        `key` is sent in a header; None if the request has its own.
        """
        before = len(self.events.messages)
        parts = urlsplit(path)
        dialect, endpoint, route = _endpoint(parts.path.strip("/"))
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        key_header = {} if key is None else {"x-write-key": key}
        request = Request(
            {"user-agent": agent, "x-forwarded-for": address, **key_header, **named},
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            self.now,
            "GET" if body is None else "POST",
            route,
        )
        await self.collector.collect(request, dialect, endpoint)
        return self.events.bodies()[before:]

    async def send_one(self, path: str, body: object = None, **more: Any) -> dict[str, Any]:
        """Send a request of one event."""
        (event,) = await self.send(path, body, **more)
        return event


def _endpoint(path: str) -> tuple[Dialect, Endpoint, Mapping[str, str]]:
    for dialect in DIALECTS.values():
        for endpoint in dialect.endpoints:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(endpoint.route))
            if match := re.fullmatch(pattern, path):
                return dialect, endpoint, match.groupdict()
    raise LookupError(path)


# --- one event in each protocol --------------------------------------------------------------------------------------


def plain(name: str, properties: Mapping[str, Any] | None = None, /, **fields: Any) -> tuple[str, object]:
    return "/api/events", {"name": name, "properties": properties or {}, **fields}


def segment(name: str, properties: Mapping[str, Any] | None = None, /, **fields: Any) -> tuple[str, object]:
    return "/v1/track", {"event": name, "properties": properties or {}, "anonymousId": "d1", **fields}


def jitsu(name: str, properties: Mapping[str, Any] | None = None, /, **fields: Any) -> tuple[str, object]:
    return "/api/s/track", {"event": name, "properties": properties or {}, "anonymousId": "d1", **fields}


def posthog(name: str, properties: Mapping[str, Any] | None = None, /, **fields: Any) -> tuple[str, object]:
    return "/i/v0/e", {"event": name, "distinct_id": "u1", "properties": properties or {}, **fields}


def ga4(name: str, parameters: Mapping[str, Any] | None = None, /, **fields: Any) -> tuple[str, object]:
    return "/mp/collect", {"client_id": "d1.1", **fields, "events": [{"name": name, "params": parameters or {}}]}


def plausible(name: str, properties: Mapping[str, Any] | None = None, /, **fields: Any) -> tuple[str, object]:
    return "/api/event", {"n": name, "u": "https://shop.example/", "d": "shop-web", "p": properties or {}, **fields}


def umami(name: str, data: Mapping[str, Any] | None = None, /, **fields: Any) -> tuple[str, object]:
    payload = {
        "website": "shop-web",
        "name": name,
        "url": "/",
        "hostname": "shop.example",
        "data": data or {},
        **fields,
    }
    return "/api/send", {"type": "event", "payload": payload}


def matomo(**parameters: Any) -> tuple[str, object]:
    fields = {"idsite": "shop-web", "rec": "1", "_id": "0123456789abcdef", "url": "https://shop.example/", **parameters}
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return f"/matomo.php?{urlencode(written)}", None


def snowplow(code: str, **codes: Any) -> tuple[str, object]:
    schema = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
    return "/com.snowplowanalytics.snowplow/tp2", {"schema": schema, "data": [{"e": code, "duid": "d1", **codes}]}


def self_describing(
    schema: str, data: Mapping[str, Any], entities: Sequence[tuple[str, Mapping[str, Any]]] = (), **codes: Any
) -> tuple[str, object]:
    """A self-describing event of Snowplow's, with entities; schemas as `vendor/name`."""
    event = {"schema": f"iglu:{schema}/jsonschema/1-0-0", "data": data}
    contexts = [{"schema": f"iglu:{name}/jsonschema/1-0-0", "data": each} for name, each in entities]
    unstruct = {"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": event}
    co = {"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": contexts}
    return snowplow("ue", ue_pr=json.dumps(unstruct), **({"co": json.dumps(co)} if contexts else {}), **codes)
