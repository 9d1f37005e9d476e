"""Queries as callers send them, and answers as they get them."""

from __future__ import annotations

import json
from typing import Any

import orjson

from clickstream.querying.engine import QueryEngine
from clickstream.querying.request import parse_query
from tests.integration.querying.rows import scope


def ask(
    engine: QueryEngine,
    query: dict[str, Any],
    site: str = "shop",
    zone: str = "UTC",
    *,
    split_at_midnight: bool = False,
    with_rates: bool = False,
) -> dict[str, Any]:
    """The document that the query is answered with."""
    request = parse_query(json.dumps({"site_id": site, **query}).encode())
    here = scope(site, zone, split_at_midnight=split_at_midnight, with_rates=with_rates)
    answer: dict[str, Any] = orjson.loads(orjson.dumps(engine.query(request, here).document()))
    return answer


def values(answer: dict[str, Any]) -> list[tuple[list[str], list[Any]]]:
    """The groups: their dimensions' values and their metrics."""
    return [(row["dimensions"], row["metrics"]) for row in answer["results"]]
