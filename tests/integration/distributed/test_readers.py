"""The snippets of docs/events.md, run as they stand: every engine gives the same counts and sums."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clickstream.storage.account import table_uri
from clickstream.table.delta import Table
from clickstream.table.maintenance import checkpoint, merge
from clickstream.table.specs import EVENTS_TABLE
from local.azurite import Azurite
from local.processes import free_port
from local.stack import ROOT
from tests.integration.distributed.sail import Sail
from tests.integration.querying.lake import Lake, event, make_lake
from tests.support.pandas_folder import with_pandas

pytestmark = pytest.mark.integration
SECTION = (ROOT / "docs" / "events.md").read_text().split("\n## Reading\n")[1].split("\n## ")[0]
SNIPPETS = dict(re.findall(r"\n### ([^\n]+)\n+```python\n(.*?)```", SECTION, re.DOTALL))
FIRST = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Filled:
    """A table with all that a log can hold, and what is to be found in it."""

    lake: Lake
    expected: list[list[Any]]


def random_rows(chance: random.Random, number: int) -> Iterator[Mapping[str, Any]]:
    for n in range(200):
        yield event(
            f"{number}-{n}",
            chance.choice(["shop", "blog"]),
            FIRST + timedelta(seconds=chance.randrange(3 * 86_400)),
            anonymous_id=chance.choice([None, "a", "b", f"visitor {n}", "Ünï"]),
            screen_width=chance.choice([None, 0, 390, 2**40]),
        )


@pytest.fixture(scope="module")
def filled(azurite: Azurite) -> Filled:
    """Rows added by several commits, some removed, some files merged, a checkpoint in between."""
    lake, chance = make_lake(azurite), random.Random(4)
    rows = [row for number in range(5) for row in random_rows(chance, number)]
    for start in range(0, 800, 200):
        lake.append(*rows[start : start + 200])
    gone = {row["event_id"]: row["event_date"] for row in rows[:50]}
    ids: dict[date, list[str]] = {}
    for event_id, day in gone.items():
        ids.setdefault(day, []).append(event_id)
    writer = Table.open_or_create(EVENTS_TABLE, lake.account, lake.settings.lake_container)
    assert writer.remove("event_id", ids) == 50
    table = Table.open(EVENTS_TABLE, lake.account, lake.settings.lake_container)
    assert table is not None
    merge(table, [file for file in table.files() if file.day == FIRST.date()])
    assert checkpoint(table, after_commits=1)
    lake.append(*rows[800:])
    days: dict[date, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["site"] == "shop" and row["event_id"] not in gone:
            days.setdefault(row["event_date"], []).append(row)
    return Filled(
        lake,
        [
            [
                day.isoformat(),
                len(found),
                sum(row["screen_width"] or 0 for row in found),
                len({row["anonymous_id"] for row in found} - {None}),
            ]
            for day, found in sorted(days.items())
        ],
    )


@pytest.fixture(scope="module")
def sail(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sail]:
    with Sail(tmp_path_factory.mktemp("sail"), free_port(), azurite, workers=False) as running:
        yield running


def test_the_page_has_a_snippet_for_each_engine() -> None:
    assert list(SNIPPETS) == ["DuckDB", "Polars", "pandas and pyarrow", "Spark, Databricks, Sail"]


@pytest.mark.parametrize("engine", SNIPPETS)
def test_every_engine_gives_the_same_counts_and_sums(engine: str, filled: Filled, sail: Sail, tmp_path: Path) -> None:
    options = filled.lake.account.delta_options()
    program = "\n".join(
        [
            f"uri = {table_uri(filled.lake.settings.lake_container, 'events')!r}",
            f"options = {options!r}",
            SNIPPETS[engine],
            "import json",
            "found = [[str(day)[:10], int(count), int(sum_), int(ids)] for day, count, sum_, ids in rows]",
            "print(json.dumps(found), flush=True)",
            # Threads of an engine may outlive the interpreter, which then ends with an error.
            "import os; os._exit(0)",
        ]
    )
    script = tmp_path / "snippet.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**with_pandas(os.environ), "SPARK_REMOTE": sail.remote},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == filled.expected
