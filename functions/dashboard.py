"""The dashboard: its page, the page of share links, their assets, and the sites that a read key opens."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import azure.functions as func

from clickstream.errors import NotFound
from clickstream.services import services
from clickstream.sites.document import KeyKind
from functions._access import tried
from functions._http import answers_problems, json_answer
from functions._static import POLICY, STATIC, static_file

if TYPE_CHECKING:
    from clickstream.sites.directory import Access

bp = func.Blueprint()
FOLDER = STATIC / "dashboard"
ASSET = re.compile(r"(?:dashboard|world)-[A-Z0-9]+\.(?P<kind>js|css)")
MEDIA_TYPES = {"js": "text/javascript", "css": "text/css"}
# An asset's name changes with its content; the page's name never does.
ASSET_CACHING = "public, max-age=31536000, immutable"
PAGE_CACHING = "no-cache"
# No text is parsed as markup.
PAGE_POLICY = (*POLICY, "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'")


@bp.function_name("dashboard")
@bp.route("dashboard", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """The page, which asks the user for a read key."""
    return _page(req, ())


@bp.function_name("share")
@bp.route("share/{site}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def share(req: func.HttpRequest) -> func.HttpResponse:
    """The same page for share links, whose fragment is a key. Pages of the site's `embed_origins` may frame it."""
    return _page(req, await services().sites.framed_by(req.route_params["site"]))


@bp.function_name("dashboard_asset")
@bp.route("dashboard/assets/{file}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def dashboard_asset(req: func.HttpRequest) -> func.HttpResponse:
    """A script or a style sheet of the page, or the outlines of its map."""
    asset = ASSET.fullmatch(req.route_params["file"])
    if asset is None or not (path := FOLDER / asset[0]).is_file():
        raise NotFound("the dashboard has no such file")
    return static_file(req, path, MEDIA_TYPES[asset["kind"]], ASSET_CACHING)


@bp.function_name("sites")
@bp.route("api/sites", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def sites(req: func.HttpRequest) -> func.HttpResponse:
    """The sites that a read key opens, each with its goals, funnels and segments."""
    opened = await tried(req, services().sites.opened)
    return json_answer({"sites": [_described(access) for access in opened]})


def _described(access: Access) -> dict[str, Any]:
    from clickstream.querying.goals import scope_of
    from clickstream.querying.sharing import closed_dimensions

    site, scope = access.site, scope_of(access)
    sharing = scope.sharing
    described: dict[str, Any] = {
        "site": site.site,
        "key_kind": access.kind,
        "time_zone": site.time_zone,
        "goals": [
            {"name": goal.name, "revenue": goal.revenue if sharing is None or sharing.revenue else None}
            for goal in scope.goals.values()
        ],
        "funnels": list(scope.funnels),
        "segments": list(scope.segments),
    }
    if access.kind is KeyKind.READ:
        described["setup"] = {
            "public_keys": [key.key for key in site.keys if key.kind is KeyKind.PUBLIC and not key.is_digest],
            "origins": site.origins,
            "unknown_consent": site.privacy.unknown_consent,
        }
        described["annotations"] = [annotation.model_dump() for annotation in site.annotations]
        described["audiences"] = [
            # The models of conditions are parsed one by one, so pydantic does not know them here.
            audience.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
            for audience in site.audiences
        ]
    if sharing is not None:
        described |= {
            "smallest_group": sharing.smallest_group,
            "shared_properties": sorted(sharing.properties),
            "closed_dimensions": closed_dimensions(sharing),
        }
    return described


def _page(req: func.HttpRequest, embed_origins: Iterable[str]) -> func.HttpResponse:
    ancestors = " ".join(embed_origins) or "'none'"
    headers = {
        "Content-Security-Policy": "; ".join((*PAGE_POLICY, f"frame-ancestors {ancestors}")),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    return static_file(req, FOLDER / "page.html", "text/html", PAGE_CACHING, headers)
