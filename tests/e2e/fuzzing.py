"""Random requests over every route, made of what breaks parsers, decoders and stores; the same for the same seed."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote, quote_from_bytes

from functions.openapi import routes
from tests.e2e.amplifiers import ENVELOPES, VALUES

# fmt: off
# Texts by their bytes, so that some are none of UTF-8.
TEXTS: Sequence[bytes] = (
    b"", b" ", b"\x00", b"\xff", b"\xed\xa0\x80", b"%", b"%%%", b"%00", b"null", b"undefined", b"[]", b"{}", b'"', b"'",
    b"-1", b"0", b"1", b"1e999", b"NaN", b"9" * 20, b"9" * 5_000, b"0x10", b"1_000", "\u0663".encode(), b"demo",
    b"[" * 300, b'{"a":' * 300, b'"\\ud800"', b"[99999999999999999999]", b'[["is","event:page",["\\ud800"]]]', b"7d",
    b"pages",
    b"../../etc/passwd", b"'; DROP TABLE events --", b"<script>", b"a" * 8_000, "\u00fc\U0001f600\u202e".encode() * 40,
    b"http://x/?a=" * 5 + b"%", b"%25252561=" * 20, b"a=" * 100, b"a@b.example", b"1.2.3.4", b"2026-13-45T99:99:99Z",
    b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"2026-01-01,2026-01-02",
)
# Tokens of JSON, right and wrong.
ATOMS: Sequence[str] = (
    "null", "true", "0", "-1", "1.5", "1e999", "-1e999", "NaN", "Infinity", "9" * 25, "-" + "9" * 25, "9" * 5_000, "01",
    '""', '"x"', '"\\ud800"', '"\\u0000"', '"\\udc00\\ud800"', '"' + "y" * 9_000 + '"', '"2026-03-01T12:00:00Z"',
    '"a@b.example"', '"http://x/?a=http://x/?a=%"', '"1.2.3.4"', '"demo"', "[]", "{}", "[[[[[]]]]]",
    "[" * 30 + "]" * 30, "'x'",
)
NAMES: Sequence[str] = (
    "name", "type", "event", "properties", "data", "context", "batch", "events", "requests", "payload", "params",
    "props", "event_id", "user_id", "anonymous_id", "userId", "anonymousId", "distinct_id", "created_at", "sent_at",
    "timestamp", "timestamp_micros", "page_url", "url", "u", "referrer", "consent", "gdpr_consent", "gpp", "ip",
    "user_agent", "website", "writeKey", "api_key", "token", "domain", "idsite", "aid", "e", "co", "cx", "ue_pr",
    "ue_px", "schema", "site_id", "sql", "metrics", "dimensions", "date_range", "filters", "pagination", "include",
    "order_by", "user_ids", "linked", "erased", "screen_width", "session_index", "__proto__",
)
PARAMETERS: Sequence[str] = (
    "write_key", "verdict", "data", "idsite", "rec", "token_auth", "api_secret", "measurement_id", "u", "e", "aid",
    "name", "site_id", "date_range", "filters", "limit", "offset", "format", "sql", "compare", "interval", "steps",
    "by", "visit", "page_url", "screen_width", "session_index", "context.page.url", "a.b.c", "compression", "ip",
    "next", "other",
)
HEADERS: Sequence[str] = (
    "Content-Type", "Content-Encoding", "Origin", "Cookie", "X-Forwarded-For", "User-Agent", "Accept-Language",
    "Accept", "Prefer", "SP-Anonymous", "AnonymousId", "SentAt", "DNT", "Sec-GPC", "If-None-Match",
    "X-Forwarded-Proto", "Range", "X-Write-Key", "Authorization", "Host",
)
# fmt: on
TYPES = ("application/json", "text/plain", "application/x-ndjson", "application/x-www-form-urlencoded", "image/png")
WRITE_KEYS = (None, "demo", "demo", "demo-server", "demo-import", "unknown")
READ_KEYS = (None, "demo-read", "demo-read", "demo-share", "demo-admin", "unknown")
PLACES = ("batch", "track", "page", "pages", "funnel", "settings", "demo", "b", "app")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    method: str
    path: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Fuzzer:
    """Makes requests."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def request(self) -> Sent:
        """The next one."""
        _, route, methods = self._random.choice(routes())
        method = self._random.choice(methods).upper()
        body = self._body() if method == "POST" else b""
        return Sent(method, self._path(route), self._headers(), body)

    def _path(self, route: str) -> str:
        steps = []
        for step in route.split("/"):
            plain = step.startswith("{") and self._random.random() < 0.6
            odd = quote_from_bytes(self._random.choice(TEXTS)[:2_000], safe="") or "x"
            steps.append(self._random.choice(PLACES) if plain else odd if "{" in step else step)
        query = "&".join(
            f"{quote(self._random.choice(PARAMETERS))}={quote_from_bytes(self._random.choice(TEXTS))}"
            for _ in range(self._random.choice((0, 0, 1, 2, 5)))
        )
        return f"{'/'.join(steps)}?{query}" if query else "/".join(steps)

    def _headers(self) -> Sequence[tuple[bytes, bytes]]:
        headers: dict[str, bytes] = {}
        if key := self._random.choice(WRITE_KEYS):
            headers["X-Write-Key"] = key.encode()
        if key := self._random.choice(READ_KEYS):
            headers["Authorization"] = b"Bearer " + key.encode()
        if self._random.random() < 0.5:
            headers["Content-Type"] = self._random.choice(TYPES).encode()
        if self._random.random() < 0.3:
            odd = self._random.choice(TEXTS)[:4_000].replace(b"\x00", b"").strip()
            headers[self._random.choice(HEADERS)] = odd or b"x"
        return [(name.encode(), value) for name, value in headers.items()]

    def _body(self) -> bytes:
        kinds = (
            self._json,
            self._json,
            self._event,
            self._event,
            self._amplified,
            self._lines,
            self._form,
            self._bytes,
        )
        body = self._random.choice(kinds)()
        damage = self._random.random()
        if damage < 0.1 and body:
            at = self._random.randrange(len(body))
            return body[:at] + self._random.choice((b"", b"\xff", b"\x00", b'"', b"{", b"]")) + body[at + 1 :]
        if damage < 0.2:
            body = gzip.compress(body)
            return body[: -self._random.choice((0, 1, 8)) or None]
        return body

    def _json(self) -> bytes:
        return self._value(5).encode("utf-8", "surrogatepass")

    def _value(self, depth: int) -> str:
        shape = self._random.random()
        if depth and shape < 0.25:
            return f"[{','.join(self._value(depth - 1) for _ in range(self._random.randrange(4)))}]"
        if depth and shape < 0.7:
            members = (f"{json.dumps(self._name())}:{self._value(depth - 1)}" for _ in range(self._random.randrange(6)))
            return "{" + ",".join(members) + "}"
        return self._random.choice(ATOMS)

    def _name(self) -> str:
        return self._random.choice(NAMES)

    def _event(self) -> bytes:
        """What a dialect takes, with some of its values replaced."""
        _, envelope, _ = self._random.choice(tuple(ENVELOPES.values()))
        found = json.loads(envelope('"x"', self._random.choice((1, 3))).replace("KEY", "demo"))
        text = json.dumps(self._changed(found))
        while '"@"' in text:
            text = text.replace('"@"', self._random.choice(ATOMS), 1)
        return text.encode("utf-8", "surrogatepass")

    def _changed(self, value: Any) -> Any:
        if self._random.random() < 0.1:
            return "@"  # the place of an atom
        if isinstance(value, dict):
            kept = {name: self._changed(item) for name, item in value.items() if self._random.random() < 0.95}
            return kept | ({self._name(): "@"} if self._random.random() < 0.4 else {})
        return [self._changed(item) for item in value] if isinstance(value, list) else value

    def _amplified(self) -> bytes:
        _, envelope, _ = self._random.choice(tuple(ENVELOPES.values()))
        value = self._random.choice(tuple(VALUES.values()))(self._random.choice((100, 2_000, 20_000)))
        body = envelope(value, self._random.choice((1, 5))).replace("KEY", "demo")
        return body.encode("utf-8", "surrogatepass")

    def _lines(self) -> bytes:
        return b"\n".join(self._random.choice((self._json, self._event, self._bytes))() for _ in range(4))

    def _form(self) -> bytes:
        fields = (
            quote(self._random.choice(PARAMETERS)).encode()
            + b"="
            + quote_from_bytes(self._random.choice(TEXTS)).encode()
            for _ in range(self._random.randrange(6))
        )
        form = b"&".join(fields)
        return b"data=" + b64encode(self._json()) if self._random.random() < 0.3 else form

    def _bytes(self) -> bytes:
        return self._random.choice((*TEXTS, self._random.randbytes(200)))
