"""JSON logs, one object a line: nginx with `log_format ... escape=json` and its variables' names, and Caddy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.demo.access_log.escapes import as_bytes, split_target, url_encoded
from local.demo.access_log.line import Line, Malformed, client_of, origin_of
from local.demo.access_log.moments import parse_moment

# Without escape=json nginx writes bytes as \xHH, which is not valid JSON.
_BYTE = re.compile(rb"\\x([0-9A-Fa-f]{2})")


def parse_json(raw: bytes, number: int) -> Line:
    """Parse a line. Raise Malformed."""
    fields = _object(raw, number)
    request = fields.get("request")
    if isinstance(request, dict):
        return _line(raw, number, _from_caddy(fields, request))
    return _line(raw, number, fields)


def _object(raw: bytes, number: int) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        try:
            value = json.loads(_BYTE.sub(_json_byte, raw).decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise Malformed(f"line {number} is not JSON") from None
    if not isinstance(value, dict):
        raise Malformed(f"line {number} is not a JSON object")
    return value


def _json_byte(match: re.Match[bytes]) -> bytes:
    byte = int(match[1], 16)
    return bytes([byte]) if byte >= 0x80 else b"\\u00" + match[1]


def _from_caddy(fields: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Caddy's fields under the names of nginx's variables."""
    headers = request.get("headers")
    first = {
        name.lower(): values[0]
        for name, values in (headers.items() if isinstance(headers, dict) else ())
        if isinstance(values, list) and values
    }
    return {
        "msec": fields.get("ts"),
        "status": fields.get("status"),
        "request_method": request.get("method"),
        "request_uri": request.get("uri"),
        "host": request.get("host"),
        "scheme": "https" if isinstance(request.get("tls"), dict) else "http",
        "remote_addr": request.get("client_ip") or request.get("remote_ip") or request.get("remote_addr"),
        "http_referer": first.get("referer"),
        "http_user_agent": first.get("user-agent"),
        "http_x_forwarded_for": first.get("x-forwarded-for"),
    }


def _line(raw: bytes, number: int, fields: Mapping[str, Any]) -> Line:
    request = _text(fields, "request").split(" ")
    method = _text(fields, "request_method", "method") or request[0]
    target = _text(fields, "request_uri", "uri") or (request[1] if len(request) > 1 else "")
    status = _text(fields, "status")
    if not method or not status.isdecimal():
        raise Malformed(f"line {number} has no method or no status")
    origin, path = split_target(target)
    host = _text(fields, "http_host", "host", "server_name")
    secure = _text(fields, "scheme") == "https" or bool(_text(fields, "ssl_protocol"))
    return Line(
        number=number,
        text=raw.decode("latin-1"),
        visitor=client_of(_text(fields, "http_x_forwarded_for"), _text(fields, "remote_addr")),
        occurred_at=_moment(fields, number),
        method=method,
        target=url_encoded(as_bytes(path)),
        status=int(status),
        origin=origin or origin_of(host, secure=secure),
        referrer=url_encoded(as_bytes(_text(fields, "http_referer", "http_referrer", "referer", "referrer"))),
        user_agent=_text(fields, "http_user_agent", "user_agent", "agent"),
    )


def _text(fields: Mapping[str, Any], *names: str) -> str:
    """The first named field that is not empty, as text."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value) not in ("", "-"):
            return str(value)
    return ""


def _moment(fields: Mapping[str, Any], number: int) -> datetime:
    try:
        return parse_moment(
            _text(fields, "msec", "ts", "timestamp", "time_iso8601", "time", "@timestamp", "time_local")
        )
    except ValueError:
        raise Malformed(f"line {number} has no readable time") from None
