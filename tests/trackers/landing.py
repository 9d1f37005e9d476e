"""What became of a client's events: the rows of the table."""

from __future__ import annotations

from typing import Any

import httpx

from local.stack import Stack
from tests.e2e.journey import READ, compact_everything


def landed(
    stack: Stack, client: httpx.Client, where: str, *parameters: object, order: str = "created_at, event_name"
) -> list[dict[str, Any]]:
    """The demo site's rows that a condition in SQL holds for, by column, once all that was sent stands in the table.

    `properties`, `context` and `violations` are texts of JSON, moments ISO 8601, as `POST /api/sql` answers.
    """
    compact_everything(stack)
    sql = f"SELECT * FROM events WHERE {where} ORDER BY {order}"
    answer = client.post("/api/sql", json={"site_id": "demo", "sql": sql, "parameters": list(parameters)}, headers=READ)
    assert answer.status_code == httpx.codes.OK, answer.text
    told = answer.json()
    columns = [column["name"] for column in told["columns"]]
    return [dict(zip(columns, row, strict=True)) for row in told["rows"]]
