"""From requests of any protocol to rows and counts, without network, by the same steps as compaction."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from clickstream.capture.spill import encode_spill, parse_spill_name
from clickstream.collecting.collector import Collector
from clickstream.collecting.dialect import Dialect, Endpoint, Verdict
from clickstream.collecting.dialects import ga4, jitsu, matomo, plain, plausible, posthog, segment, snowplow, umami
from clickstream.collecting.request import Request
from clickstream.compacting.ledger import COUNTED_COLUMNS, Ledger
from clickstream.compacting.reading import read_events, read_failed_events
from clickstream.enriching.steps import Knowledge, enrich
from clickstream.erasing.erased import ErasureKeys
from clickstream.errors import ClickstreamError
from clickstream.model.pipeline_hour import PipelineHour
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings
from clickstream.sites.directory import SiteDirectory
from clickstream.table.parquet_files import write_file
from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE, TableSpec
from tests.functional.memory import PATIENT, Clock, MemoryCounts, MemoryDocuments, MemorySalts, MemorySink

RECEIVED = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
KEY = "public-key"
SITE = b"""
site: shop
keys:
- {kind: public, key: public-key}
- {kind: server, key: server-key-0123456789}
- {kind: import, key: import-key-0123456789}
redirect_hosts: [shop.test]
"""
SETTINGS = Settings.from_env({"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef"})
MARKS = ErasureKeys.derive(SETTINGS.visitor_id_key).marks
HEADERS = {
    "x-write-key": KEY,
    "x-forwarded-for": "198.51.100.77",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
}
Original = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """One route: how a client of the protocol sends an event there."""

    dialect: Dialect
    endpoint: Endpoint
    method: str
    event: Callable[[], Original]
    """A good event, in the protocol's own words."""
    state: Callable[[Original], tuple[bytes, Mapping[str, str]]]
    """Body and parameters of a request that states one event."""
    route: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.method} {self.endpoint.route}"


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def in_body(original: Original) -> tuple[bytes, Mapping[str, str]]:
    return as_json(original), {}


def in_query(original: Original) -> tuple[bytes, Mapping[str, str]]:
    """Members of an object as parameters, with a dot between the names, as pixels have them."""
    flat: dict[str, str] = {}
    for name, value in original.items():
        inner = {f"{name}.{key}": item for key, item in value.items()} if isinstance(value, dict) else {name: value}
        flat |= {key: item if isinstance(item, str) else json.dumps(item) for key, item in inner.items()}
    return b"", flat


def in_form(original: Original) -> tuple[bytes, Mapping[str, str]]:
    return urlencode(in_query(original)[1], errors="replace").encode(), {}


def in_data(original: Original) -> tuple[bytes, Mapping[str, str]]:
    return b"", {"data": b64encode(as_json(original)).decode()}


def within(name: str, **beside: Any) -> Callable[[Original], tuple[bytes, Mapping[str, str]]]:
    return lambda original: (as_json({**beside, name: [original]}), {})


def _plain() -> Original:
    return {"name": "sale", "anonymous_id": "a1", "properties": {"price": 9.5}, "context": {"library": "x"}}


def _ga4() -> Original:
    return {"name": "sale", "client_id": "a1", "params": {"price": 9.5}}


def _segment() -> Original:
    return {
        "type": "track",
        "event": "sale",
        "anonymousId": "a1",
        "properties": {"price": 9.5},
        "context": {"app": "x"},
    }


def _posthog() -> Original:
    return {"event": "sale", "distinct_id": "a1", "properties": {"price": 9.5}}


def _matomo() -> Original:
    return {"rec": "1", "action_name": "sale", "url": "https://shop.test/a", "_id": "0123456789abcdef"}


def _plausible() -> Original:
    return {"name": "sale", "url": "https://shop.test/a", "domain": "shop.test", "props": {"plan": "x"}}


def _umami() -> Original:
    payload = {"website": "w", "name": "sale", "url": "/a", "hostname": "shop.test", "data": {"price": 9.5}}
    return {"type": "event", "payload": payload}


def _snowplow() -> Original:
    data = {"schema": "iglu:com.example/sale/jsonschema/1-0-0", "data": {"price": 9.5}}
    unstruct = {"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": data}
    return {"e": "ue", "p": "web", "tv": "js-4", "duid": "a1", "ue_pr": json.dumps(unstruct)}


SNOWPLOW_BODY = {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"}
_STATED: Mapping[tuple[str, str], tuple[Callable[[Original], tuple[bytes, Mapping[str, str]]], Mapping[str, str]]] = {
    ("plain", "POST"): (in_body, {}),
    ("plain", "GET"): (in_query, {}),
    ("ga4", "POST"): (within("events"), {}),
    ("segment", "POST"): (within("batch"), {"call": "batch"}),
    ("segment", "GET"): (in_query, {"call": "track"}),
    ("jitsu", "POST"): (in_body, {"type": "track"}),
    ("posthog", "POST"): (in_body, {}),
    ("posthog", "GET"): (in_data, {}),
    ("matomo", "GET"): (in_query, {}),
    ("matomo", "POST"): (in_form, {}),
    ("plausible", "POST"): (in_body, {}),
    ("umami", "POST"): (in_body, {}),
    ("snowplow", "POST"): (within("data", **SNOWPLOW_BODY), {"vendor": "x", "version": "tp2"}),
    ("snowplow", "GET"): (in_query, {}),
}
_EVENTS: Mapping[str, Callable[[], Original]] = {
    "plain": _plain,
    "ga4": _ga4,
    "segment": _segment,
    "jitsu": _segment,
    "posthog": _posthog,
    "matomo": _matomo,
    "plausible": _plausible,
    "umami": _umami,
    "snowplow": _snowplow,
}


def ways() -> Iterator[Way]:
    """Every public route that takes events, by each of its methods."""
    modules = (ga4, jitsu, matomo, plain, plausible, posthog, segment, snowplow, umami)
    for dialect in (module.DIALECT for module in modules):
        for endpoint in dialect.endpoints:
            for method in endpoint.methods:
                state, route = _STATED[dialect.name, "GET" if method == "HEAD" else method]
                if endpoint.route.endswith("api/batch"):
                    state = lambda original: (as_json([original]), {})  # noqa: E731
                yield Way(dialect, endpoint, method, _EVENTS[dialect.name], state, route)


WAYS = tuple(ways())


@dataclass
class Read:
    """The results of compacting all messages."""

    events: pa.Table
    failed: pa.Table
    erased: int
    hours: list[PipelineHour]


@dataclass
class Offline:
    """A collector, and compaction of what it sent."""

    documents: Mapping[str, bytes] = field(default_factory=lambda: {"sites/shop.yaml": SITE})
    events: MemorySink = field(default_factory=MemorySink)
    failed: MemorySink = field(default_factory=MemorySink)
    counts: MemoryCounts = field(default_factory=MemoryCounts)
    verdicts: list[Verdict] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        numbers = count(1)
        sites = SiteDirectory(MemoryDocuments(dict(self.documents)), 30, Clock(), PATIENT)
        salts = DailySalts(MemorySalts(), lambda: RECEIVED)
        self.collector = Collector(
            SETTINGS,
            sites,
            salts,
            self.events,
            self.failed,
            self.counts,
            lambda: f"made-{next(numbers)}",
            lambda: RECEIVED,
        )

    async def send(self, way: Way, original: Original | bytes, **headers: str) -> None:
        """One request with an event, or with this body."""
        body, parameters = (original, {}) if isinstance(original, bytes) else way.state(original)
        if way.endpoint.function == "collect_snowplow_click":
            parameters = {"u": "https://shop.test/", **parameters}
        request = Request({**HEADERS, **headers}, parameters, body, RECEIVED, way.method, way.route)
        try:
            collected = await self.collector.collect(request, way.dialect, way.endpoint)
        except ClickstreamError:
            self.refused += 1
        else:
            self.verdicts += collected.verdicts

    def read(self) -> Read:
        """Compact all messages so far to rows, through files in Capture's format. The next call reads later ones."""
        parts = [self._read_hub("events", EVENTS_TABLE), self._read_hub("failed-events", FAILED_TABLE)]
        self.events.messages.clear()
        self.failed.messages.clear()
        return Read(
            parts[0].events,
            pa.concat_tables([part.failed for part in parts]),
            sum(part.erased for part in parts),
            [hour for part in parts for hour in part.hours],
        )

    def _read_hub(self, hub: str, spec: TableSpec) -> Read:
        sink = self.events if spec is EVENTS_TABLE else self.failed
        data = encode_spill(sink.messages, RECEIVED)
        file = parse_spill_name(f"{hub}/2026/03/01/12/01a1fd37-af07-70ce-9183-8c1d672d2e47.avro", len(data))
        assert file is not None
        reader = read_events if spec is EVENTS_TABLE else read_failed_events
        read = reader(lambda files: [(file, data)], [file], MARKS)
        assert not read.damaged
        counts = Ledger(hub)
        counts.add_erased(read.rows.erased)
        events = enrich(read.rows.events, Knowledge()) if spec is EVENTS_TABLE else read.rows.events.slice(0, 0)
        for rows in (events, read.rows.failed):
            counts.add("captured", rows.select(COUNTED_COLUMNS))
        if spec is EVENTS_TABLE:
            _written(events, EVENTS_TABLE)
        _written(read.rows.failed, FAILED_TABLE)
        return Read(events, read.rows.failed, read.rows.erased.num_rows, counts.hours())


def _written(rows: pa.Table, spec: TableSpec) -> None:
    for column in spec.columns:
        if column.name not in rows.column_names:  # made at the commit
            rows = rows.append_column(column.name, pa.nulls(rows.num_rows, column.type))
    rows = rows.select(spec.schema.names).cast(spec.schema)
    rows = rows.drop_columns([spec.partition])
    write_file([rows], rows.schema, pa.BufferOutputStream())
