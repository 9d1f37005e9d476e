"""What is made of user agents agrees with public lists as far as docs/enrichment.md says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.agreement import mistakes, rates

ROOT = Path(__file__).parents[2]


def test_the_rates_are_those_that_the_pages_state() -> None:
    stated = (ROOT / "docs" / "enrichment.md").read_text()
    measured = list(rates())
    found = [f"| {rate.name} | {rate.agree} | {rate.cases} | {rate.agree / rate.cases:.1%} |" for rate in measured]
    assert [line for line in found if line not in stated] == []
    overview = (ROOT / "README.md").read_text()
    assert [rate.name for rate in measured if f"{rate.agree / rate.cases:.1%}" not in overview] == []
    both = list(mistakes(measured))
    assert [str(line) for line in both if str(line) not in stated or str(line) not in overview] == []
    of_browsers, of_bots = (line.mistaken / line.cases for line in both)
    assert of_browsers <= 0.002
    assert of_bots <= 0.01
