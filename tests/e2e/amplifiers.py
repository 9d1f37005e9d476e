"""Requests that are small, or as large as they may be, and made to cost as much as they can."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote, quote_plus

LIMIT = 4_194_304
LINE_LIMIT = 60_000  # what the server takes as one line of a request, or as all of its headers
SNOWPLOW = "iglu:com.snowplowanalytics.snowplow"
TRACK = '{"type":"track","event":"x","userId":"u"}'
PAYLOAD_DATA = f"{SNOWPLOW}/payload_data/jsonschema/1-0-4"


@dataclass(frozen=True, slots=True)
class Amplifier:
    """One request."""

    name: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


def filled(part: str, size: int, between: str = "") -> str:
    """The part again and again, up to so many bytes."""
    return between.join([part] * (size // (len(part) + len(between)) or 1))


def numbered(part: str, size: int, between: str = ",") -> str:
    """The part again and again with a number in the place of `@`, up to so many bytes."""
    found, length = [], 0
    for number in range(size):
        found.append(part.replace("@", f"{number:x}"))
        length += len(found[-1]) + len(between)
        if length >= size:
            break
    return between.join(found)


def array(part: str, size: int) -> str:
    """An array of the part again and again."""
    return f"[{filled(part, size, ',')}]"


def texts(text: str, size: int) -> str:
    """An array of the text again and again."""
    return array(json.dumps(text[: size - 4]), size)


def members(part: str, size: int) -> str:
    """An object of members, each with another name."""
    return "{" + numbered(part, size) + "}"


def nested_json(levels: int) -> str:
    text = json.dumps({"email": "a@b.example"})
    for _ in range(levels):
        text = json.dumps({"a": text, "b": "c@d.example"})
    return text


def nested_base64(levels: int) -> str:
    text = json.dumps({"email": "a@b.example"})
    for _ in range(levels):
        text = json.dumps({"a": b64encode(text.encode()).decode(), "b": "c@d.example"})
    return b64encode(text.encode()).decode()


# JSON of so many bytes.
VALUES: Mapping[str, Callable[[int], str]] = {
    "empty objects": lambda size: array("{}", size),
    "empty arrays": lambda size: array("[]", size),
    "objects of one key": lambda size: array('{"a":0}', size),
    "zeros": lambda size: array("0", size),
    "keys": lambda size: members('"@":0', size),
    "keys of arrays": lambda size: members('"@":[[]]', size),
    "one key again and again": lambda size: "{" + filled('"a":0', size, ",") + "}",
    "deep arrays": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "deep objects": lambda size: '{"a":' * (size // 6) + "1" + "}" * (size // 6),
    "arrays 14 deep": lambda size: array("[" * 14 + "]" * 14, size),
    "a number": lambda size: "9" * size,
    "a fraction": lambda size: "0." + "1" * size,
    "numbers of 4000 digits": lambda size: array("9" * 4000, size),
    "numbers of 400 digits": lambda size: array("9" * 400, size),
    "exponents": lambda size: array("1e308", size),
    "no finite numbers": lambda size: array("NaN", size),
    "a text": lambda size: json.dumps("x" * size),
    "commas in a text": lambda size: json.dumps("," * size),
    "wide characters": lambda size: json.dumps("\U0001f600" * (size // 4), ensure_ascii=False),
    "escaped characters": lambda size: '"' + filled("\\u0041", size) + '"',
    "surrogates": lambda size: '"' + filled("\\ud800", size) + '"',
    "backslashes": lambda size: '"' + filled("\\\\", size) + '"',
    "control characters": lambda size: json.dumps("\x00" * (size // 6)),
    "texts of 8 kB": lambda size: texts("x y " * 2_040, size),
    "percent signs": lambda size: texts("%25252561=" * 800, size),
    "one long text of percent signs": lambda size: json.dumps(filled("%41", size)),
    "addresses in addresses": lambda size: texts("http://x/?a=" * 600 + "%", size),
    "parameters": lambda size: texts("a=" * 4_000, size),
    "mail addresses": lambda size: texts("a@b.example", size),
    "half mail addresses": lambda size: texts("a@" * 4_000, size),
    "mail addresses in texts": lambda size: texts("Write to jane@b.example, " * 300, size),
    "addresses of mail": lambda size: texts("https://a.example/?q=a%40b.example&r=b%2540c.example " * 100, size),
    "dots and dashes": lambda size: texts("a.-" * 2_700, size),
    "IP addresses": lambda size: texts("1.2.3.4", size),
    "colons": lambda size: texts("1:" * 4_000, size),
    "digits": lambda size: texts("1234 " * 1_600, size),
    "JSON in texts": lambda size: texts(nested_json(6), size),
    "base64 of JSON": lambda size: texts(nested_base64(6), size),
    "names of secrets": lambda size: members('"@password":"x"', size),
    "names of many words": lambda size: members('"@' + "aB" * 200 + '":"x"', size),
}


# Envelopes: an event whose own properties are this JSON, and many of it. The key is in the header, or nowhere.
Envelope = Callable[[str, int], str]


def many(event: str, count: int) -> str:
    return ",".join([event] * count)


def plain(value: str, count: int) -> str:
    return "[" + many('{"name":"x","properties":{"p":' + value + "}}", count) + "]"


def unstruct(value: str) -> str:
    schema = f"{SNOWPLOW}/unstruct_event/jsonschema/1-0-0"
    return '{"schema":"' + schema + '","data":{"schema":"iglu:a/b/jsonschema/1-0-0","data":{"p":' + value + "}}}"


def snowplow(value: str, count: int) -> str:
    event = '{"e":"ue","aid":"KEY","ue_pr":' + unstruct(value) + "}"
    return '{"schema":"' + PAYLOAD_DATA + '","data":[' + many(event, count) + "]}"


def snowplow_base64(value: str, count: int) -> str:
    packed = b64encode(unstruct(value).encode("utf-8", "surrogatepass")).decode()
    return '{"schema":"' + PAYLOAD_DATA + '","data":[' + many('{"e":"ue","ue_px":"' + packed + '"}', count) + "]}"


def segment(value: str, count: int) -> str:
    event = '{"type":"track","event":"x","userId":"u","properties":{"p":' + value + "}}"
    return '{"batch":[' + many(event, count) + '],"writeKey":"KEY"}'


def segment_context(value: str, count: int) -> str:
    """What all share is large, and each event small."""
    return '{"context":{"p":' + value + '},"batch":[' + many(TRACK, count) + "]}"


def posthog(value: str, count: int) -> str:
    event = '{"event":"x","distinct_id":"d","properties":{"p":' + value + "}}"
    return '{"batch":[' + many(event, count) + '],"api_key":"KEY"}'


def ga4(value: str, count: int) -> str:
    return '{"client_id":"c","events":[' + many('{"name":"x","params":{"p":' + value + "}}", count) + "]}"


def ga4_shared(value: str, count: int) -> str:
    shared = '{"client_id":"c","user_properties":{"p":' + value + '},"events":['
    return shared + many('{"name":"x"}', count) + "]}"


def umami(value: str, count: int) -> str:
    event = '{"type":"event","payload":{"website":"KEY","name":"x","data":{"p":' + value + "}}}"
    return "[" + many(event, count) + "]"


def umami_title(value: str, count: int) -> str:
    title = json.dumps(value[: LIMIT // count // 4])
    event = '{"type":"event","payload":{"title":' + title + ',"url":' + title + "}}"
    return "[" + many(event, count) + "]"


def matomo(value: str, count: int) -> str:
    """Query strings whose custom variables are JSON."""
    variables = quote_plus(value.encode("utf-8", "surrogatepass"))
    return '{"requests":[' + many(json.dumps("?rec=1&idsite=KEY&action_name=x&cvar=" + variables), count) + "]}"


def plausible(value: str, count: int) -> str:
    return '{"name":"x","url":"https://a.example/","domain":"KEY","props":{"p":' + value + "}}"


def jitsu(value: str, count: int) -> str:
    return '{"event":"x","type":"track","properties":{"p":' + value + "}}"


ENVELOPES: Mapping[str, tuple[str, Envelope, int]] = {
    "plain": ("/api/events", plain, 500),
    "snowplow": ("/com.snowplowanalytics.snowplow/tp2", snowplow, 500),
    "snowplow base64": ("/com.snowplowanalytics.snowplow/tp2", snowplow_base64, 500),
    "segment": ("/v1/batch", segment, 500),
    "segment context": ("/v1/batch", segment_context, 500),
    "posthog": ("/batch", posthog, 500),
    "ga4": ("/mp/collect", ga4, 500),
    "ga4 user properties": ("/mp/collect", ga4_shared, 500),
    "umami": ("/api/batch", umami, 500),
    "umami titles": ("/api/batch", umami_title, 500),
    "matomo": ("/matomo.php", matomo, 500),
    "plausible": ("/api/event", plausible, 1),
    "jitsu": ("/api/s/track", jitsu, 1),
}
OVERHEAD = 400


# Makes a request. Most are never sent, and to make one takes some 15 ms.
Maker = Callable[[], Amplifier]
Group = Callable[[int], Iterator[Maker]]


def of_value(name: str, path: str, value: Callable[[int], str], room: int) -> Amplifier:
    """A body that is this JSON."""
    return Amplifier(name, path, value(room).encode("utf-8", "surrogatepass"))


def in_envelope(
    name: str, path: str, envelope: Envelope, value: Callable[[int], str], room: int, count: int
) -> Amplifier:
    """So many events of a dialect with this JSON."""
    return of_value(name, path, lambda room: envelope(value(room), count), room)


def of_values(size: int) -> Iterator[Maker]:
    """Every kind of value in every dialect: in one event, and in as many as a request may have."""
    for dialect, (path, envelope, most) in ENVELOPES.items():
        for kind, value in VALUES.items():
            for count in sorted({1, most}):
                if "base64" in dialect:
                    room = (size // count - OVERHEAD) * 3 // 4
                elif dialect == "matomo":
                    room = (size // count - OVERHEAD) // 3
                else:
                    room = size // count - OVERHEAD
                if dialect in ("segment context", "ga4 user properties"):
                    room = size - count * 60 - OVERHEAD
                yield partial(in_envelope, f"{dialect}: {kind} in {count}", path, envelope, value, room, count)


def of_bodies(size: int) -> Iterator[Maker]:
    """Bodies that no dialect would send."""
    for kind, value in VALUES.items():
        for path in ("/api/events", "/v1/batch", "/batch", "/api/batch", "/matomo.php", "/debug/mp/collect"):
            yield partial(of_value, f"{path}: {kind}", path, value, size - 100)
    for line in ("x", "", " ", "{", "0", "{}", "[]", '{"a":NaN}', '"\\ud800"', "\u00ff"):
        lines = filled(f"{line}\n", size).encode()
        yield partial(Amplifier, f"lines of {line!r}", "/api/events", lines, {"Content-Type": "application/x-ndjson"})
        yield partial(Amplifier, f"lines of {line!r} unsaid", "/api/events", b"{}\n" + lines)
    for part in ("%41", "a=%41&", "&", "=", "a&", "a=1&", "+", "%", "data=", "data=%7B%7D&", "idsite=x&", "\u00ff"):
        form = filled(part, size).encode()
        for path in ("/matomo.php", "/e", "/capture"):
            yield partial(Amplifier, f"{path}: form of {part!r}", path, form)
    yield partial(
        Amplifier, "/e: form of base64", "/e", b"data=" + quote_plus(b64encode(b"[{}," * (size // 8))).encode()
    )
    yield partial(Amplifier, "/e: base64", "/e", b64encode(b"[" + b"{}," * (size // 4 - 40) + b"{}]"))
    yield partial(Amplifier, "/e: base64 of nothing", "/e", filled("_-", size).encode())
    for name in ('"writeKey"', '"api_key"', '"website"', '"aid"', '"d"', "idsite=", '"writeKey":"x",'):
        body = filled(name, size).encode()
        for path in (
            "/v1/batch",
            "/batch",
            "/api/send",
            "/com.snowplowanalytics.snowplow/tp2",
            "/api/event",
            "/piwik.php",
        ):
            yield partial(Amplifier, f"{path}: {name} again and again", path, body)


def of_gzip(size: int) -> Iterator[Maker]:
    """What unpacks to more than it is."""
    member = gzip.compress(b"", 1)
    whole = {
        "empty members": member * (size // len(member)),
        "spaces": gzip.compress(b" " * size),
        "far too many spaces": gzip.compress(b" " * (25 * size)),
        "gzip of gzip": gzip.compress(gzip.compress(b" " * (25 * size))),
        "lines": gzip.compress(b"x\n" * (size // 2)),
        "tiny events": gzip.compress(b"[" + b"{}," * (size // 3 - 1) + b"{}]"),
        "stored": gzip.compress(b"x" * (size - 1000), 0),
        "a long header": b"\x1f\x8b\x08\x10" + bytes(6) + b"x" * (size - 100),
        "a broken end": gzip.compress(b" " * size)[:-4] + b"0000",
        "500 equal events": gzip.compress(plain('"' + "x" * 2_000 + '"', 500).encode()),
    }
    for name, body in whole.items():
        for path in ("/api/events", "/v1/batch", "/batch", "/matomo.php", "/debug/mp/collect"):
            yield partial(Amplifier, f"{path}: gzip, {name}", path, body, {"Content-Encoding": "gzip"})
    envelope = json.dumps({"schema": PAYLOAD_DATA, "data": [{}] * (size // 4)}).encode()
    query = "&".join(f"p{number}=1" for number in range(300))
    for events in (envelope, json.dumps({"schema": PAYLOAD_DATA, "data": [{"e": "pv"}] * 500}).encode()):
        for parameters in (query, "u=" + "x" * (LINE_LIMIT - 1_000)):
            yield partial(
                Amplifier,
                f"snowplow: {len(events)} bytes of events by {len(parameters)} of parameters",
                f"/com.snowplowanalytics.snowplow/tp2?{parameters}",
                gzip.compress(events),
            )
    contexts = {
        "keys by messages": (members('"@":0', size // 4), many("{}", 1_500)),
        "keys by 500 messages": (members('"@":0', 1_500), many(TRACK, 500)),
        "texts by messages": (json.dumps({str(number): "x" * 8_000 for number in range(190)}), many(TRACK, 500)),
        "texts by failing messages": (json.dumps({str(number): "x" * 8_000 for number in range(190)}), many("{}", 500)),
    }
    for name, (context, messages) in contexts.items():
        batch = '{"context":' + context + ',"batch":[' + messages + "]}"
        yield partial(Amplifier, f"segment: {name}", "/v1/batch", gzip.compress(batch.encode()))


def of_queries(size: int) -> Iterator[Maker]:
    """Query strings as long as the server takes them."""
    room = min(size, LINE_LIMIT)
    queries = {
        "percent signs": "page_url=" + filled("%2541", room),
        "addresses": "page_url=" + quote(filled("http://x/?a=", room // 2) + "%", safe=""),
        "parameters": numbered("@=1", room, "&"),
        "one parameter again and again": filled("a=1", room, "&"),
        "dots": filled("a.", room) + "b=1",
        "levels": numbered(f"{'a.' * 14}@=1", room, "&"),
        "JSON": "data=" + quote(VALUES["deep arrays"](room // 4), safe=""),
        "base64": "data=" + b64encode(b"[" + b"{}," * (room // 5) + b"{}]").decode(),
        "numbers": "session_index=" + "9" * (room - 100) + "&screen_width=" + "9" * 50,
        "mail": "title=" + filled("a@b.example%20", room),
        "host": "u=" + quote("http://" + "\u00fc" * (room // 8) + "/", safe=""),
        "label": "u=" + quote("http://" + "a." * (room // 4) + "example/", safe=""),
        "surrogates": "name=" + filled("%ED%A0%80", room),
        "filters": "filters=" + quote("[" * (room // 4), safe=""),
        "a number in filters": "filters=" + "9" * (room - 100),
    }
    paths = (
        "/api/pixel.gif", "/i", "/ice.png", "/r/tp2", "/pixel/v1/track", "/matomo.php", "/e", "/capture",
        "/sourceConfig", "/api/reports/pages", "/api/reports/none", "/api/reports", "/health", "/health/ready",
        "/t.js", "/dashboard", "/api/sites",
    )  # fmt: skip
    for kind, query in queries.items():
        for path in paths:
            yield partial(Amplifier, f"{path}?{kind}", f"{path}?{query}", method="GET")


def of_headers(size: int) -> Iterator[Maker]:
    """Headers as long as the server takes them."""
    room = min(size, LINE_LIMIT)
    headers = {
        "cookies": {"Cookie": filled("a=b; ", room)},
        "our cookie": {"Cookie": filled("cs_id=5f0e3c6a-0b3c-494c-af4f-0c6a9f111c3f; ", room)},
        "semicolons": {"Cookie": ";" * room},
        "hops": {"X-Forwarded-For": filled("1.1.1.1, ", room)},
        "commas": {"X-Forwarded-For": "," * room},
        "an agent": {"User-Agent": filled("Mozilla/5.0 (X11; ", room)},
        "an agent of addresses": {"User-Agent": filled("http://x/?a=", room)},
        "an agent of percent signs": {"User-Agent": filled("%25252561=", room)},
        "languages": {"Accept-Language": filled("de-CH,", room)},
        "an origin": {"Origin": "https://" + filled("a-a.", room) + "example"},
        "an origin of one label": {"Origin": "https://" + "a" * room},
        "a key": {"X-Write-Key": "x" * room},
        "basic": {"Authorization": "Basic " + b64encode(b"x" * (room * 3 // 4)).decode()},
        "bearer": {"Authorization": "Bearer " + "x" * room},
        "a type": {"Content-Type": "ndjson" * (room // 6)},
        "an encoding": {"Content-Encoding": "gzip, " * (room // 6)},
        "what is accepted": {"Accept": filled("text/csv;q=0.1, ", room)},
        "a device": {"AnonymousId": b64encode(b"x" * (room * 3 // 4)).decode()},
        "a moment": {"SentAt": "2026-03-01T" + "0" * room},
        "a host": {"Host": "a." * (room // 2)},
        "preferences": {"Prefer": "return=representation" + "," * room},
        "tags": {"If-None-Match": '"x", ' * (room // 5)},
        "many": {f"X-{number}": "y" for number in range(room // 12)},
    }
    small = [
        ("/api/events", b'[{"name":"x"},{"name":"y"}]', "POST"),
        ("/v1/batch", b'{"batch":[' + b",".join([b'{"type":"track","event":"x"}'] * 500) + b"]}", "POST"),
        ("/api/batch", b"[" + b",".join([b'{"type":"event","payload":{"url":"/a"}}'] * 500) + b"]", "POST"),
        ("/api/events", b"", "OPTIONS"),
        ("/api/pixel.gif?name=x", b"", "GET"),
        ("/api/query", b"{}", "POST"),
        ("/api/reports/pages", b"", "GET"),
        ("/dashboard", b"", "GET"),
        ("/t.js", b"", "GET"),
        ("/sourceConfig", b"", "GET"),
        ("/health", b"", "GET"),
    ]
    for kind, stated in headers.items():
        for path, body, method in small:
            yield partial(Amplifier, f"{method} {path}: {kind} in the headers", path, body, stated, method)


def of_other_routes(size: int) -> Iterator[Maker]:
    """Routes that take no events."""
    room = min(size, LINE_LIMIT)
    bodies = ("deep arrays", "keys", "a number", "a text", "surrogates", "empty objects")
    for path in (
        "/api/query",
        "/api/sql",
        "/api/replay",
        "/api/erase",
        "/api/export-person",
        "/api/jobs/x/run",
        "/api/audiences/x/release",
        "/decide",
        "/flags",
        "/s",
        "/v1/m",
    ):
        for kind in bodies:
            yield partial(of_value, f"{path}: {kind}", path, VALUES[kind], size - 100)
    for path in (
        "/demo/",
        "/share/",
        "/dashboard/assets/",
        "/api/reports/",
        "/array/",
        "/v1/projects/",
        "/v1/",
        "/com.a/",
    ):
        end = {"/array/": "/config.js", "/v1/projects/": "/settings"}.get(path, "")
        for part in ("x", "%41", "%2541", "%ED%A0%80", "<"):
            yield partial(
                Amplifier, f"{path}{part}...", f"{path}{filled(quote(part, safe='%'), room)}{end}", method="GET"
            )
    faults = '{"name":"' + "1" * 60 + '","params":' + members('"1@":"x"', 9_000) + "}"
    whole = {
        "faults": '{"events":[' + many(faults, 50) + "]}",
        "unknown fields": members('"@":0', 500_000),
        "items": '{"events":[' + many('{"name":"x","params":{"items":[' + many("{}", 200) + "]}}", 50) + "]}",
        "user properties": '{"user_properties":' + members('"@":{}', 500_000) + "}",
        "consent": '{"consent":' + members('"@":{}', 500_000) + "}",
    }
    for name, body in whole.items():
        yield partial(Amplifier, f"ga4 debug: {name}", "/debug/mp/collect", body.encode())


GROUPS: tuple[Group, ...] = (of_values, of_bodies, of_gzip, of_queries, of_headers, of_other_routes)
