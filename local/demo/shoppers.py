"""Visits of the shop at `/demo` by a real browser."""

from __future__ import annotations

from pathlib import Path

from local.browser.driver import BrowserFailed, Driver

PROGRAM = Path(__file__).with_name("shoppers.mjs")


def shop(base_url: str, visits: int, log: Path) -> int:
    """Make `visits` visits. Return the number of events that the tracking script counted. Raise BrowserFailed."""
    with Driver(PROGRAM, log) as driver:
        driver.ask({"baseUrl": base_url, "visits": visits})
        outcome = driver.read()
    if "failure" in outcome:
        raise BrowserFailed(outcome["failure"])
    events: int = outcome["events"]
    return events
