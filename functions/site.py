"""What the app says of itself, and the tracking script with a shop to try it in."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import azure.functions as func

bp = func.Blueprint()
FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
# A day, and a week more while it is fetched anew: the address stays the same when the script changes.
SCRIPT_CACHING = "public, max-age=86400, stale-while-revalidate=604800"
DEMO_PAGES = frozenset({"bags", "tents", "cart", "app", "missing"})


@bp.function_name("openapi")
@bp.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The description of every route."""
    document = _read(FOLDER / "openapi.json")
    return func.HttpResponse(document, mimetype="application/json", headers={"Access-Control-Allow-Origin": "*"})


@bp.function_name("script")
@bp.route("t.js", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def script(req: func.HttpRequest) -> func.HttpResponse:
    """The tracking script, packed where the browser unpacks it. Any origin may read it, as integrity checks need."""
    packed = "gzip" in req.headers.get("Accept-Encoding", "")
    body = _read(STATIC / ("t.js.gz" if packed else "t.js"))
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": SCRIPT_CACHING,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": f'"{sha256(body).hexdigest()[:16]}"',
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if headers["ETag"] in req.headers.get("If-None-Match", ""):
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return func.HttpResponse(body, mimetype="text/javascript", headers=headers)


@lru_cache(maxsize=8)
def _read(path: Path) -> bytes:
    return path.read_bytes()
