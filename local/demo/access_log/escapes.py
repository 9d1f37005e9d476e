"""Undo the escapes of server logs. Each character of these texts is one byte (Latin-1)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
# All but the characters of URLs (RFC 3986) and the percent sign, because text may be encoded already.
_NOT_IN_URLS = re.compile(r"[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]")
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def unescaped(text: str) -> str:
    r"""Replace the escapes `\xHH` (nginx, Apache), `\"` and `\\` (Apache) by their bytes."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else _SIGNS.get(match[2], match[2]), text)


def decoded(text: str) -> str:
    """Decode the bytes as UTF-8, with replacement characters for invalid ones."""
    return text.encode("latin-1").decode("utf-8", "replace")


def url_encoded(text: str) -> str:
    """Percent-encode the bytes, so that a page has the same URL in every log format."""
    encoded = _NOT_IN_URLS.sub(lambda match: f"%{ord(match[0]):02X}", text)
    return _ENCODED.sub(lambda match: match[0].upper(), encoded)


def as_bytes(text: str) -> str:
    """Encode any text as UTF-8, one character per byte."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def split_target(target: str) -> tuple[str | None, str]:
    """Origin, and path with query, of a request target: a path, or an absolute URL as proxies get it.

    The origin is None for a path. The path is empty for other targets.
    """
    if target.startswith("/"):
        return None, target
    try:
        parts = urlsplit(target)
        if parts.scheme.lower() in ("http", "https") and parts.hostname:
            path = parts._replace(scheme="", netloc="", fragment="").geturl()
            return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}", path or "/"
    except ValueError:
        pass
    return None, ""
