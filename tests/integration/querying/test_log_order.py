"""Visits of a log whose pages were asked for within one second begin where the log says they began."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clickstream.querying.engine import QueryEngine
from local.azurite import Azurite
from local.demo.access_log import Line, page_view, read_lines
from tests.integration.querying.asking import ask, values
from tests.integration.querying.lake import NOW, event, make_lake

pytestmark = pytest.mark.integration

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
VISITORS = 60
PAGES = (("/landing", "https://www.google.com/"), ("/pricing", "https://shop.example/landing"))


def test_visits_begin_on_the_page_that_the_log_names_first(azurite: Azurite, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        "".join(
            f'203.0.113.{number} - - [17/Nov/2020:10:{number:02}:34 +0000] "GET {path} HTTP/1.1" 200 512 "{referrer}" '
            f'"{AGENT}"\n'
            for number in range(VISITORS)
            for path, referrer in PAGES
        )
    )
    views = [page_view(line, "shop.example", b"key") for line in read_lines(log) if isinstance(line, Line)]
    moments = [line.occurred_at.astimezone(UTC) for line in read_lines(log) if isinstance(line, Line)]
    lake = make_lake(azurite)
    lake.append(
        *(
            event(
                view["event_id"],
                "blog",
                moment,
                anonymous_id=view["anonymous_id"],
                user_agent=view["user_agent"],
                page_url=view["page_url"],
                page_host="shop.example",
                page_path=urlsplit(view["page_url"]).path,
                referrer=view["referrer"],
                referrer_host=urlsplit(view["referrer"]).hostname,
            )
            for view, moment in zip(views, moments, strict=True)
        )
    )
    engine = QueryEngine(lake.account, lake.settings, lambda: NOW)
    for dimension, value in (("visit:entry_page", "/landing"), ("visit:source", "www.google.com")):
        query = {"metrics": ["visits"], "dimensions": [dimension], "date_range": "all"}
        assert values(ask(engine, query, "blog", "UTC")) == [([value], [VISITORS])], dimension
