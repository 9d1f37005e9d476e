"""Files beside the code, packed where the browser unpacks them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import azure.functions as func

STATIC = Path(__file__).parent / "static"


def static_file(
    req: func.HttpRequest, path: Path, mimetype: str, caching: str, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """The file, or the one beside it whose name ends in `.gz`; 304 to who has it already."""
    packed = "gzip" in req.headers.get("Accept-Encoding", "")
    body = read(path.with_name(f"{path.name}.gz") if packed else path)
    told = {
        "Cache-Control": caching,
        "ETag": f'"{sha256(body).hexdigest()[:16]}"',
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        **(headers or {}),
    }
    if told["ETag"] in req.headers.get("If-None-Match", ""):
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    if packed:
        told["Content-Encoding"] = "gzip"
    return func.HttpResponse(body, mimetype=mimetype, headers=told)


@lru_cache(maxsize=32)
def read(path: Path) -> bytes:
    """The file's bytes, read once per process."""
    return path.read_bytes()
