"""Static files of the package, compressed for browsers that accept it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import azure.functions as func

from functions._http import accepts_gzip, has_already

STATIC = Path(__file__).parent / "static"
# Nothing from other hosts, and nothing inline.
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
)


def static_file(
    req: func.HttpRequest, path: Path, mimetype: str, caching: str, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """The file, or its compressed copy with the ending `.gz`; 304 if the browser has it already."""
    packed = accepts_gzip(req)
    body = read(path.with_name(f"{path.name}.gz") if packed else path)
    sent = {
        "Cache-Control": caching,
        "ETag": f'"{sha256(body).hexdigest()[:16]}"',
        "Vary": "Accept-Encoding",
        **(headers or {}),
    }
    if has_already(req, sent["ETag"]):
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
    if packed:
        sent["Content-Encoding"] = "gzip"
    return func.HttpResponse(body, mimetype=mimetype, headers=sent)


@lru_cache(maxsize=32)
def read(path: Path) -> bytes:
    """The file's bytes, read once per process."""
    return path.read_bytes()
