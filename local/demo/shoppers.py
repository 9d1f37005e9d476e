"""Visitors with a real browser, who walk through the shop at `/demo`."""

from __future__ import annotations

from pathlib import Path

from local.browser.driver import BrowserFailed, Driver

PROGRAM = Path(__file__).with_name("shoppers.mjs")


def shop(base_url: str, visits: int, log: Path) -> int:
    """Make so many visits. Returns the number of events that their visitors counted. Raise BrowserFailed."""
    with Driver(PROGRAM, log) as driver:
        driver.ask({"baseUrl": base_url, "visits": visits})
        outcome = driver.read()
    if "failure" in outcome:
        raise BrowserFailed(outcome["failure"])
    events: int = outcome["events"]
    return events
