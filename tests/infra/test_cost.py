"""docs/cost.md holds what its script prints, and what it says of the figures follows from them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cost.md").read_text()


@pytest.fixture(scope="module")
def tables() -> list[str]:
    """With Event Hubs and without."""
    done = subprocess.run([sys.executable, "infra/cost.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip().split("\n\n", 1)


@pytest.fixture(scope="module")
def printed(tables: list[str]) -> str:
    return tables[0]


def dollars(table: str) -> dict[str, list[int]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0]: [int(cell.replace("$", "").replace(",", "")) for cell in row[1:]] for row in rows}


def test_the_page_holds_the_table_that_the_script_prints(printed: str) -> None:
    assert f"<!-- printed by infra/cost.py -->\n{printed}\n\n" in PAGE


def test_the_page_holds_the_table_of_the_spill_alone(tables: list[str]) -> None:
    assert f"<!-- printed by infra/cost.py, without Event Hubs -->\n{tables[1]}\n\n" in PAGE


def test_what_the_page_says_of_doing_without_event_hubs_is_so(tables: list[str]) -> None:
    rows, equal = tables[1].rsplit("\n\n", 1)
    for name, (one, one_with_hubs, writes, ten, ten_with_hubs) in dollars(rows).items():
        if name in ("100,000", "1 M"):
            assert one < one_with_hubs / 3
        assert (one < one_with_hubs) == (name in ("100,000", "1 M", "5 M", "10 M"))
        assert ten < ten_with_hubs
        assert writes == {"100 M": 650}.get(name, writes)
    one_a_request, ten_a_request = (int(number) for number in re.findall(r"(\d+) M", equal))
    assert (one_a_request, ten_a_request) == (13, 131)


def test_the_parts_add_up_to_the_whole(printed: str) -> None:
    for one, _, _, *parts in dollars(printed).values():
        assert abs(sum(parts) - one) <= 3  # each is rounded


def test_what_the_page_says_of_the_figures_is_so(printed: str) -> None:
    for name, (one, ten, _, hubs, capture, functions, storage, watching) in dollars(printed).items():
        if name in ("1 M", "10 M"):
            assert capture == max(hubs, capture, functions, storage, watching)
        if name in ("1 B", "10 B"):
            assert functions > one / 2
            assert ten * 2.5 < one
