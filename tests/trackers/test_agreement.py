"""What is made of user agents agrees with public lists as far as docs/enrichment.md says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.agreement import rates

ROOT = Path(__file__).parents[2]


def test_the_rates_are_those_that_the_pages_state() -> None:
    stated = (ROOT / "docs" / "enrichment.md").read_text()
    found = [f"| {rate.name} | {rate.agree} | {rate.cases} | {rate.agree / rate.cases:.1%} |" for rate in rates()]
    assert [line for line in found if line not in stated] == []
    overview = (ROOT / "README.md").read_text()
    assert [rate.name for rate in rates() if f"{rate.agree / rate.cases:.1%}" not in overview] == []
