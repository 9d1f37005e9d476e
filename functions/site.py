"""The description of the app, the tracking script, and a demo shop."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import azure.functions as func

from clickstream.errors import NotFound
from clickstream.services import services
from functions._http import answers_problems
from functions._static import POLICY, STATIC, read, static_file

bp = func.Blueprint()
FOLDER = Path(__file__).parent
# A day, and a week more while a new one is fetched, because a changed script keeps its address.
SCRIPT_CACHING = "public, max-age=86400, stale-while-revalidate=604800"
MISSING = "missing"
# Without personal data. Cacheable like most pages of a site, because browsers unload `no-store` pages differently.
DEMO_CACHING = {"Cache-Control": "no-cache"}
DEMO_FILES = {"live.js": "text/javascript", "shop.css": "text/css", "prices.csv": "text/csv"}
DEMO_POLICY = (*POLICY, "form-action 'self'", "frame-ancestors 'none'")
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
    MISSING: ("Not found", "<h1>There is no such page</h1><p>The script reports this, too.</p>"),
}


@bp.function_name("openapi")
@bp.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The description of every route."""
    document = read(FOLDER / "openapi.json")
    return func.HttpResponse(document, mimetype="application/json", headers={"Access-Control-Allow-Origin": "*"})


@bp.function_name("script")
@bp.route("t.js", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def script(req: func.HttpRequest) -> func.HttpResponse:
    """The tracking script, compressed for browsers that accept it. Any origin may read it, for integrity checks."""
    headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    return static_file(req, STATIC / "t.js", "text/javascript", SCRIPT_CACHING, headers)


@bp.function_name("debug_script")
@bp.route("t.debug.js", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def debug_script(req: func.HttpRequest) -> func.HttpResponse:
    """The tracking script with messages in the console: what is sent, and what becomes of it."""
    headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    return static_file(req, STATIC / "t.debug.js", "text/javascript", "no-cache", headers)


@bp.function_name("vitals_script")
@bp.route("t.vitals.js", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def vitals_script(req: func.HttpRequest) -> func.HttpResponse:
    """The optional module of the tracking script that measures web vitals."""
    headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    return static_file(req, STATIC / "t.vitals.js", "text/javascript", SCRIPT_CACHING, headers)


@bp.function_name("demo")
@bp.route("demo", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def demo(req: func.HttpRequest) -> func.HttpResponse:
    """A small shop with the script, which shows the events that it sends and their verdicts."""
    return _shop("")


@bp.function_name("demo_page")
@bp.route("demo/{page}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def demo_page(req: func.HttpRequest) -> func.HttpResponse:
    """A page of the shop, its style sheet, or the script that shows the sent events."""
    return _shop(req.route_params["page"])


def _shop(page: str) -> func.HttpResponse:
    if not services().settings.demo:
        raise NotFound("there is no demo here; the setting DEMO turns it on")
    if page in DEMO_FILES:
        return func.HttpResponse(read(STATIC / "demo" / page), mimetype=DEMO_FILES[page], headers=DEMO_CACHING)
    if page not in DEMO_PAGES:
        raise NotFound("the shop has no such page")
    title, body = DEMO_PAGES[page]
    text = read(STATIC / "demo" / "page.html").decode().replace("{{title}}", title).replace("{{body}}", body)
    status = HTTPStatus.NOT_FOUND if page == MISSING else HTTPStatus.OK
    headers = {
        **DEMO_CACHING,
        "Content-Security-Policy": "; ".join(DEMO_POLICY),
        "Referrer-Policy": "strict-origin-when-cross-origin",  # browsers' default, as on any site
    }
    return func.HttpResponse(text, status_code=status, mimetype="text/html", headers=headers)
