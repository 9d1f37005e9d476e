"""The dashboard: its page, the page of a share link, their assets, and what a read key opens."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import azure.functions as func

from clickstream.errors import NotFound
from functions._http import answers_problems, bearer_key, json_answer
from functions._services import services
from functions._static import STATIC, static_file

if TYPE_CHECKING:
    from clickstream.sites.directory import Access

bp = func.Blueprint()
FOLDER = STATIC / "dashboard"
ASSET = re.compile(r"dashboard-[A-Z0-9]+\.(?P<kind>js|css)")
MEDIA_TYPES = {"js": "text/javascript", "css": "text/css"}
# The name of an asset changes with its content, the page's never.
ASSET_CACHING = "public, max-age=31536000, immutable"
PAGE_CACHING = "no-cache"
# Nothing of another host, nothing inline, and no text is ever taken for markup.
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)


@bp.function_name("dashboard")
@bp.route("dashboard", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """The page; it asks for a read key itself."""
    return _page(req, ())


@bp.function_name("share")
@bp.route("share/{site}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def share(req: func.HttpRequest) -> func.HttpResponse:
    """The same page for a link whose fragment is a key, which pages of the site's `embed_origins` may frame."""
    return _page(req, await services().sites.framed_by(req.route_params["site"]))


@bp.function_name("dashboard_asset")
@bp.route("dashboard/assets/{file}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def dashboard_asset(req: func.HttpRequest) -> func.HttpResponse:
    """A script or a style sheet of the page."""
    found = ASSET.fullmatch(req.route_params["file"])
    if found is None or not (path := FOLDER / found[0]).is_file():
        raise NotFound("the dashboard has no such file")
    return static_file(req, path, MEDIA_TYPES[found["kind"]], ASSET_CACHING)


@bp.function_name("sites")
@bp.route("api/sites", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def sites(req: func.HttpRequest) -> func.HttpResponse:
    """The sites that a read key opens, and what is defined in each to ask by."""
    opened = await services().sites.opened(bearer_key(req))
    return json_answer({"sites": [_described(access) for access in opened]}, headers={"Cache-Control": "no-store"})


def _described(access: Access) -> dict[str, Any]:
    site = access.site
    return {
        "site": site.site,
        "key_kind": access.kind,
        "time_zone": site.time_zone,
        "goals": [{"name": goal.name, "revenue": goal.revenue} for goal in site.goals],
        "funnels": [funnel.name for funnel in site.funnels],
        "segments": [segment.name for segment in site.segments],
    }


def _page(req: func.HttpRequest, embed_origins: Iterable[str]) -> func.HttpResponse:
    ancestors = " ".join(embed_origins) or "'none'"
    headers = {
        "Content-Security-Policy": "; ".join((*POLICY, f"frame-ancestors {ancestors}")),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
    }
    return static_file(req, FOLDER / "page.html", "text/html", PAGE_CACHING, headers)
