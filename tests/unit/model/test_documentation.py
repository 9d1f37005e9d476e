"""The document of the tables says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from clickstream.model.schema import TIMESTAMP, Column
from clickstream.table.specs import ALL_TABLES, TableSpec

DOCUMENT = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
WORDS = {
    pa.string(): "text",
    pa.int64(): "int64",
    pa.bool_(): "boolean",
    pa.binary(): "bytes",
    pa.date32(): "date",
    TIMESTAMP: "timestamp (µs, UTC)",
}


def line(column: Column) -> tuple[str, ...]:
    kind = WORDS[column.type] + ("" if column.nullable else ", never null")
    return column.name, kind, column.source, column.example, column.doc


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_every_column_is_documented_in_order_with_its_type_source_example_and_meaning(table: TableSpec) -> None:
    section = DOCUMENT.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| `([^|]+)` \| ([^|]+) \|$", section, re.MULTILINE)
    assert documented == [line(column) for column in table.columns]
