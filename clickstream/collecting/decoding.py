"""Decompress and decode request bodies. Gzip is detected by its magic bytes, because trackers mislabel their bodies."""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import parse_qsl

from clickstream.errors import InvalidRequest, LengthRequired, RequestTooLarge, UnsupportedEncoding

GZIP_MAGIC = b"\x1f\x8b"
MAX_GZIP_MEMBERS = 16
# JSON of events compresses to a tenth or a twentieth. A body that unpacks to more than 1 MiB has at most this ratio.
MAX_GZIP_RATIO = 100
UNPACKED_FREELY_BYTES = 1_048_576
MAX_FORM_FIELDS = 100
MAX_FORM_ESCAPES = 100_000


def decode_body(body: bytes, headers: Mapping[str, str], max_bytes: int) -> bytes:
    """The body, unpacked if it is gzip, whatever its headers say: several clients send gzip without Content-Encoding.

    Raise LengthRequired for an empty body with chunked transfer encoding: the Functions host passes on a body only if
    the request has a Content-Length. Raise RequestTooLarge if it has more than `max_bytes` packed or
    unpacked, or unpacks to many times its size; UnsupportedEncoding for another encoding or for two at once;
    InvalidRequest (bad_encoding) for gzip that cannot be unpacked to its end.
    """
    if not body and "chunked" in headers.get("transfer-encoding", "").lower():
        raise LengthRequired("the body came in pieces, and the platform hands on none whose length is not stated")
    if len(body) > max_bytes:
        raise RequestTooLarge(f"a request has at most {max_bytes} bytes, not {len(body)}")
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise UnsupportedEncoding(f"a body comes as it is or as gzip, not as {encoding[:40]!r}")
    if body.startswith(GZIP_MAGIC):
        return _unpack(body, min(max_bytes, max(UNPACKED_FREELY_BYTES, MAX_GZIP_RATIO * len(body))))
    if encoding not in ("", "identity") and body:
        raise InvalidRequest("the body is called gzip and is none", code="bad_encoding", pointer="")
    return body


def _unpack(packed: bytes, max_bytes: int) -> bytes:
    """All members of a gzip file (RFC 1952), stopping as soon as there is too much."""
    text = bytearray()
    start = 0
    for _ in range(MAX_GZIP_MEMBERS):
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            text += unpacker.decompress(memoryview(packed)[start:], max_bytes + 1 - len(text))
        except zlib.error as error:
            raise InvalidRequest(f"the gzip body is damaged: {error}", code="bad_encoding", pointer="") from None
        if len(text) > max_bytes:
            raise RequestTooLarge(f"{len(packed)} bytes of gzip may unpack to at most {max_bytes} bytes here")
        if not unpacker.eof:
            raise InvalidRequest("the gzip body ends too early", code="bad_encoding", pointer="")
        start = len(packed) - len(unpacker.unused_data)
        if start == len(packed):
            return bytes(text)
    raise InvalidRequest(f"a gzip body has at most {MAX_GZIP_MEMBERS} members", code="bad_encoding", pointer="")


def decode_base64(text: str) -> bytes:
    """Base64 in either alphabet, with or without padding. Raise InvalidRequest (bad_encoding)."""
    plain = text.strip().replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        raise InvalidRequest(f"not base64: {error}", code="bad_encoding", pointer="") from None


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form; the last value of a repeated field. Raise InvalidRequest (bad_encoding)."""
    if body.count(b"%") > MAX_FORM_ESCAPES:
        raise InvalidRequest(
            f"a form has at most {MAX_FORM_ESCAPES} percent-encoded characters", code="bad_encoding", pointer=""
        )
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError as error:
        raise InvalidRequest(f"not a form: {error}", code="bad_encoding", pointer="") from None
    return dict(pairs)
