"""The start page: what this app serves, with links."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape

import azure.functions as func

from clickstream.errors import Unauthorized, Unavailable
from clickstream.services import Services, services
from functions._http import answers_problems
from functions._static import POLICY, STATIC, read

bp = func.Blueprint()
PAGE = STATIC / "start.html"
STYLE = STATIC / "start.css"
# The read key of the local stack's site.
DEMO_READ_KEY = "demo-read"
Link = tuple[str, str, str]
"""Address, label, and one sentence about it."""

DASHBOARD: Link = ("/dashboard", "Dashboard", "The numbers of a site, for one of its read keys.")
OPENED: Link = (f"/dashboard#key={DEMO_READ_KEY}", "Dashboard", "The numbers of the demo site.")
DEMO: Link = (
    "/demo",
    "Demo shop",
    "A shop with the tracking script. Shows each event that it sends, with its verdict.",
)
SCRIPT: Link = ("/t.js", "Tracking script", "What a page loads to be measured.")
OPENAPI: Link = ("/openapi.json", "API", "Every route, as an OpenAPI description.")
REPORTS: Link = ("/api/reports", "Reports", "Every canned report, with its parameters and columns.")
READY: Link = ("/health/ready", "Health", "The state of delivery, compaction and sites.")


# An empty template is no route on Azure; an optional parameter of no characters is.
@bp.function_name("start")
@bp.route("{empty:maxlength(0)?}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def start(req: func.HttpRequest) -> func.HttpResponse:
    """The start page. Links what this app has by its role."""
    style = read(STYLE)
    text = (
        read(PAGE).decode().replace("{{style}}", style.decode()).replace("{{links}}", _list(await _links(services())))
    )
    allowed = f"style-src 'sha256-{b64encode(sha256(style).digest()).decode()}'"
    policy = [allowed if part.startswith("style-src") else part for part in POLICY]
    headers = {"Content-Security-Policy": "; ".join((*policy, "form-action 'none'", "frame-ancestors 'none'"))}
    return func.HttpResponse(text, mimetype="text/html", headers=headers)


async def _links(shared: Services) -> Sequence[Link]:
    collects, reads = shared.settings.role != "lake", shared.settings.role != "collect"
    shop = (DEMO,) if collects and shared.settings.demo else ()
    seen = (OPENED if shop and await _opens_demo(shared) else DASHBOARD,) if reads else ()
    return (
        *seen,
        *shop,
        *((SCRIPT, OPENAPI) if collects else ()),
        *((REPORTS,) if reads else ()),
        READY,
    )


async def _opens_demo(shared: Services) -> bool:
    """Whether the local stack's key opens a site here. On Azure no key is this short."""
    try:
        return bool(await shared.sites.opened(DEMO_READ_KEY))
    except (Unauthorized, Unavailable):
        return False


def _list(links: Sequence[Link]) -> str:
    return "\n".join(
        f'      <li><a href="{escape(address)}">{escape(label)}</a> <span>{escape(text)}</span></li>'
        for address, label, text in links
    )
