"""What is there is written down, and what is written down is there."""

from __future__ import annotations

import re
from pathlib import Path

from local.functions_host.indexing import index_app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ROOT_ROUTE = "{empty:maxlength(0)?}"


def test_every_route_is_documented_and_no_other() -> None:
    pages = [(DOCS / "api.md").read_text(), (DOCS / "protocols.md").read_text()]
    documented = {route for page in pages for route in re.findall(r"^\| `([A-Z]+ /[^`]*)`", page, re.MULTILINE)}
    functions = index_app(ROOT, {"COMPACT_SCHEDULE": "0 */5 * * * *"})
    routes = {
        f"{method} /{function.route.replace(ROOT_ROUTE, '')}"
        for function in functions
        if function.kind == "httpTrigger"
        for method in function.methods - {"OPTIONS"}
    }
    assert documented == routes


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "local").glob("*/README.md")]
    assert len(pages) > 8
    for page in pages:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_file_named_in_the_architecture_is_there() -> None:
    named = re.findall(r"`((?:tests|clickstream|functions|local)/[\w./]+)`", (DOCS / "architecture.md").read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
