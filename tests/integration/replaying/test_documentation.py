"""What docs/failed-events.md tells a newcomer to run, runs; and what it says of requests and answers is whole."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from clickstream.querying.engine import QueryEngine
from clickstream.querying.request import parse_sql
from clickstream.querying.scope import SiteScope
from clickstream.replaying.request import Filters, ReplayRequest, parse_replay
from local.azurite import Azurite
from tests.integration.querying.lake import NOW, failed_event, make_lake
from tests.integration.replaying.world import World

pytestmark = pytest.mark.integration
PAGE = (Path(__file__).parents[3] / "docs" / "failed-events.md").read_text()


def test_every_statement_of_the_page_runs(azurite: Azurite) -> None:
    lake = make_lake(azurite)
    lake.append_failed(failed_event("f1", "shop"))
    engine = QueryEngine(lake.account, lake.settings, lambda: NOW)
    statements = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert len(statements) == 3
    for sql in statements:
        asyncio.run(
            engine.sql(parse_sql(json.dumps({"site_id": "shop", "sql": sql}).encode()), SiteScope("shop", "UTC"))
        )


def test_every_request_of_the_page_is_one() -> None:
    bodies = re.findall(r"/api/replay .*?-d '(.*?)'", PAGE, re.DOTALL)
    assert len(bodies) == 2
    for body in bodies:
        parse_replay(body.encode())


def test_every_field_of_request_and_answer_is_described(azurite: Azurite) -> None:
    described = set(re.findall(r"`([a-z_.]+)`", "".join(re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE))))
    asked = {*ReplayRequest.model_fields, *(f"filters.{name}" for name in Filters.model_fields)}
    assert asked <= described
    assert set(World(azurite).replay()) <= described
