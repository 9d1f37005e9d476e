"""Print reports of the query API, and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

CELL_CHARACTERS = 48


class Reports:
    """Queries one site and prints the answers."""

    def __init__(self, base_url: str, site: str, read_key: str) -> None:
        self._client = httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {read_key}"}, timeout=60)
        self._site = site

    def query(self, metrics: Sequence[str], **more: Any) -> Sequence[Mapping[str, Any]]:
        """The rows of one query over all time. Raise httpx.HTTPStatusError if it is refused."""
        answer = self._client.post(
            "/api/query", json={"site_id": self._site, "metrics": list(metrics), "date_range": "all", **more}
        )
        answer.raise_for_status()
        rows: Sequence[Mapping[str, Any]] = answer.json()["results"]
        return rows

    def print(self, title: str, metrics: Sequence[str], **more: Any) -> None:
        """Print the answer to one query as a table. Raise httpx.HTTPStatusError if it is refused."""
        rows = self.query(metrics, **more)
        print_table(title, [*more.get("dimensions", []), *metrics], [[*r["dimensions"], *r["metrics"]] for r in rows])

    def print_sql(self, title: str, sql: str) -> None:
        """Print the result of a statement as a table. Raise httpx.HTTPStatusError if it is refused."""
        answer = self._client.post("/api/sql", json={"site_id": self._site, "sql": sql})
        answer.raise_for_status()
        result = answer.json()
        print_table(title, [column["name"] for column in result["columns"]], result["rows"])


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table with aligned columns, numbers to the right, cells cut so that most tables fit 100 columns."""
    cells = [[("" if cell is None else str(cell))[:CELL_CHARACTERS] for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(columns)]
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    print(f"\n{title}")
    for line in [list(columns), *cells]:
        aligned = (f"{c:>{w}}" if n else f"{c:<{w}}" for c, w, n in zip(line, widths, numeric, strict=True))
        print(f"  {'  '.join(aligned)}".rstrip())
