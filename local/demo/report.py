"""What the demo prints: reports from the query API, and the reconciliation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx


class Reports:
    """Asks the functions and prints what they answer."""

    def __init__(self, base_url: str, site: str, read_key: str) -> None:
        self._client = httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {read_key}"}, timeout=60)
        self._site = site

    def ask(self, metrics: Sequence[str], **more: Any) -> Sequence[Mapping[str, Any]]:
        """The rows of one query over all time. Raise httpx.HTTPStatusError when it is refused."""
        answer = self._client.post(
            "/api/query", json={"site_id": self._site, "metrics": list(metrics), "date_range": "all", **more}
        )
        answer.raise_for_status()
        rows: Sequence[Mapping[str, Any]] = answer.json()["results"]
        return rows

    def print(self, title: str, metrics: Sequence[str], **more: Any) -> None:
        """One report as a table."""
        rows = self.ask(metrics, **more)
        print_table(title, [*more.get("dimensions", []), *metrics], [[*r["dimensions"], *r["metrics"]] for r in rows])

    def print_sql(self, title: str, sql: str) -> None:
        """What a statement answers, as a table. Raise httpx.HTTPStatusError when it is refused."""
        answer = self._client.post("/api/sql", json={"site_id": self._site, "sql": sql})
        answer.raise_for_status()
        told = answer.json()
        print_table(title, [column["name"] for column in told["columns"]], told["rows"])


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table with its columns as wide as they need, numbers to the right."""
    cells = [[("" if cell is None else str(cell))[:70] for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(columns)]
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    print(f"\n{title}")
    for line in [list(columns), *cells]:
        aligned = (f"{c:>{w}}" if n else f"{c:<{w}}" for c, w, n in zip(line, widths, numeric, strict=True))
        print(f"  {'  '.join(aligned)}".rstrip())
