"""What the app says of itself, and the tracking script with a shop to try it in."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import azure.functions as func

from clickstream.errors import NotFound
from functions._http import answers_problems
from functions._static import STATIC, read, static_file

bp = func.Blueprint()
FOLDER = Path(__file__).parent
# A day, and a week more while it is fetched anew: the address stays the same when the script changes.
SCRIPT_CACHING = "public, max-age=86400, stale-while-revalidate=604800"
MISSING = "missing"
DEMO_PAGES = {
    "": ("Start", "<h1>Demo shop</h1><p>Each page has the tracking script, as any site's.</p>"),
    "bags": ("Bags", "<h1>Bags</h1><p>For the road.</p>"),
    "tents": ("Tents", "<h1>Tents</h1><p>For the night.</p>"),
    "cart": ("Cart", '<h1>Cart</h1><form id="order" action="/demo/cart"><button>Order</button></form>'),
    "app": (
        "App",
        '<h1 id="route">Start</h1><p><a data-route href="/demo/app?view=bags">Bags</a> '
        '<a data-route href="/demo/app?view=tents">Tents</a></p>',
    ),
    MISSING: ("Not found", "<h1>There is no such page</h1><p>The script tells that, too.</p>"),
}


@bp.function_name("openapi")
@bp.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The description of every route."""
    document = read(FOLDER / "openapi.json")
    return func.HttpResponse(document, mimetype="application/json", headers={"Access-Control-Allow-Origin": "*"})


@bp.function_name("script")
@bp.route("t.js", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def script(req: func.HttpRequest) -> func.HttpResponse:
    """The tracking script, packed where the browser unpacks it. Any origin may read it, as integrity checks need."""
    headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    return static_file(req, STATIC / "t.js", "text/javascript", SCRIPT_CACHING, headers)


@bp.function_name("demo")
@bp.route("demo", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def demo(req: func.HttpRequest) -> func.HttpResponse:
    """A small shop with the script, which shows what is sent and the verdict of each event."""
    return _shop("")


@bp.function_name("demo_page")
@bp.route("demo/{page}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def demo_page(req: func.HttpRequest) -> func.HttpResponse:
    """A page of the shop, or the script that shows what is sent."""
    page = req.route_params["page"]
    if page == "live.js":
        return func.HttpResponse(read(STATIC / "demo" / page), mimetype="text/javascript")
    return _shop(page)


def _shop(page: str) -> func.HttpResponse:
    if page not in DEMO_PAGES:
        raise NotFound("the shop has no such page")
    title, body = DEMO_PAGES[page]
    text = read(STATIC / "demo" / "page.html").decode().replace("{{title}}", title).replace("{{body}}", body)
    status = HTTPStatus.NOT_FOUND if page == MISSING else HTTPStatus.OK
    return func.HttpResponse(text, status_code=status, mimetype="text/html")
