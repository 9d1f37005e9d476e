"""Bodies as they come over the wire to the text inside. Content decides, for trackers mislabel it."""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import parse_qsl

from clickstream.errors import InvalidRequest, RequestTooLarge, UnsupportedEncoding

GZIP_MAGIC = b"\x1f\x8b"
MAX_FORM_FIELDS = 100


def decode_body(body: bytes, headers: Mapping[str, str], max_bytes: int) -> bytes:
    """The body, unpacked where it is gzip, whatever its headers say: several clients send gzip without saying so.

    Raise RequestTooLarge when it has more than `max_bytes` packed or unpacked, UnsupportedEncoding for another
    encoding or for two at once, InvalidRequest (bad_encoding) for gzip that cannot be unpacked to its end.
    """
    if len(body) > max_bytes:
        raise RequestTooLarge(f"a request has at most {max_bytes} bytes, not {len(body)}")
    stated = headers.get("content-encoding", "").strip().lower()
    if stated not in ("", "identity", "gzip", "x-gzip"):
        raise UnsupportedEncoding(f"a body comes as it is or as gzip, not as {stated[:40]!r}")
    if body.startswith(GZIP_MAGIC):
        return _unpack(body, max_bytes)
    if stated not in ("", "identity") and body:
        raise InvalidRequest("the body is called gzip and is none", code="bad_encoding", pointer="")
    return body


def _unpack(packed: bytes, max_bytes: int) -> bytes:
    """All members of a gzip file (RFC 1952), stopping as soon as there is too much."""
    text = bytearray()
    while packed:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            text += unpacker.decompress(packed, max_bytes + 1 - len(text))
        except zlib.error as error:
            raise InvalidRequest(f"the gzip body is damaged: {error}", code="bad_encoding", pointer="") from None
        if len(text) > max_bytes:
            raise RequestTooLarge(f"a request has at most {max_bytes} bytes once it is unpacked")
        if not unpacker.eof:
            raise InvalidRequest("the gzip body ends too early", code="bad_encoding", pointer="")
        packed = unpacker.unused_data
    return bytes(text)


def decode_base64(text: str) -> bytes:
    """Base64 in either alphabet, with or without padding. Raise InvalidRequest (bad_encoding)."""
    plain = text.strip().replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        raise InvalidRequest(f"not base64: {error}", code="bad_encoding", pointer="") from None


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form; of a field given twice, the last one. Raise InvalidRequest (bad_encoding)."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError as error:
        raise InvalidRequest(f"not a form: {error}", code="bad_encoding", pointer="") from None
    return dict(pairs)
