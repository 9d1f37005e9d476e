"""What became of a client's events: the rows of the table."""

from __future__ import annotations

from typing import Any

import httpx

from local.stack import Stack
from tests.e2e.journey import READ, compact_everything
from tests.target import RemoteStack

LOOPBACK = "127.0.0.0"  # this machine's, cut
TOLD = "203.0.113.0"  # what clients of these tests tell of others


def landed(
    stack: Stack, client: httpx.Client, where: str, *parameters: object, order: str = "created_at, event_name"
) -> list[dict[str, Any]]:
    """The demo site's rows that a condition in SQL holds for, by column, once all that was sent stands in the table.

    `properties`, `context` and `violations` are texts of JSON, moments ISO 8601, as `POST /api/sql` answers.
    """
    compact_everything(stack)
    lake_url = stack.base_url
    if isinstance(stack, RemoteStack):  # which holds rows of others, too
        lake_url = stack.target.lake_url
        where = f"({where}) AND received_at >= TIMESTAMPTZ '{stack.began_at.isoformat()}'"
    asked = {
        "site_id": "demo",
        "sql": f"SELECT * FROM events WHERE {where} ORDER BY {order}",
        "parameters": list(parameters),
    }
    answer = client.post(f"{lake_url}/api/sql", json=asked, headers=READ)
    assert answer.status_code == httpx.codes.OK, answer.text
    told = answer.json()
    columns = [column["name"] for column in told["columns"]]
    rows = [dict(zip(columns, row, strict=True)) for row in told["rows"]]
    if isinstance(stack, RemoteStack):  # which sees another address of this machine than its own stack does
        rows = [row | {"ip": LOOPBACK} if row["ip"] not in (None, TOLD) else row for row in rows]
    return rows
