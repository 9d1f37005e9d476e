"""What the app says of itself."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import azure.functions as func

bp = func.Blueprint()


@bp.function_name("openapi")
@bp.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The description of every route."""
    return func.HttpResponse(_document(), mimetype="application/json", headers={"Access-Control-Allow-Origin": "*"})


@lru_cache(maxsize=1)
def _document() -> bytes:
    return (Path(__file__).parent / "openapi.json").read_bytes()
