"""Looks at the dashboard through a headless Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from local.browser.driver import Driver

PROGRAM = Path(__file__).with_name("driver.mjs")
PHONE = {"viewport": {"width": 390, "height": 844}, "isMobile": True, "hasTouch": True, "deviceScaleFactor": 2}
DARK = {"colorScheme": "dark"}


class LookFailed(AssertionError):
    """A look came to no end, or something happened in the page that never must; the message says what."""


class Looker:
    """One Chromium for all looks at one stack."""

    def __init__(self, base_url: str, log: Path) -> None:
        self._base_url = base_url
        self._driver = Driver(PROGRAM, log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._driver.__exit__()

    def look(self, name: str, **given: Any) -> Any:
        """What `file.function` of `looks/` saw, in a profile of its own; `device` is Chromium's. Raise LookFailed."""
        self._driver.ask({"look": name, "baseUrl": self._base_url, "given": given})
        told = self._driver.read()
        if "failure" in told or told["faults"]:
            raise LookFailed(f"{name}: {told.get('failure', '')} {told['faults']}")
        return told["seen"]
