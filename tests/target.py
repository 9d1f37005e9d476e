"""What the journeys run against: a stack of their own, or an app that is there already, by its addresses alone.

`python -m tests.against` chooses the second by the variables that are read here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, Self

import httpx
import pytest

from local.stack import Stack

POLL_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Keys:
    """The demo site's keys but its public one, which stands in pages: `demo`."""

    server: str = "demo-server"
    import_: str = "demo-import"
    read: str = "demo-read"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Those of `tests/e2e/sites/demo.yaml`, unless AGAINST_SERVER_KEY and so on have others."""
        local = cls()
        return cls(
            env.get("AGAINST_SERVER_KEY") or local.server,
            env.get("AGAINST_IMPORT_KEY") or local.import_,
            env.get("AGAINST_READ_KEY") or local.read,
        )


@dataclass(frozen=True, slots=True)
class Target:
    """An app that serves the demo site; collection and queries may be two of them."""

    collect_url: str
    lake_url: str
    patience_seconds: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self | None:
        """None where AGAINST_URL names no app."""
        url = env.get("AGAINST_URL", "").rstrip("/")
        lake_url = env.get("AGAINST_LAKE_URL", "").rstrip("/") or url
        return cls(url, lake_url, int(env.get("AGAINST_PATIENCE_SECONDS") or 900)) if url else None


KEYS = Keys.from_env(os.environ)
TARGET = Target.from_env(os.environ)
# Where the trackers' pages are served, so that a deployed app can list their origins; 0 for any free port.
PAGES_PORT = int(os.environ.get("AGAINST_PAGES_PORT") or 0)
own_stack = pytest.mark.skipif(TARGET is not None, reason="needs a stack started in its own way")


class RemoteStack(Stack):
    """An app that runs elsewhere. A test that asks for the inside of a stack is left out, and says for what."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.began_at = self._now()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It goes on."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        pytest.skip(f"needs the inside of a local stack: {name}")

    @property
    def base_url(self) -> str:
        return self.target.collect_url

    def compact(self) -> None:
        pytest.skip("needs the inside of a local stack: compaction on demand")

    def wait_until_complete(self) -> None:
        """Return once all that was received until now is in the tables, which the app's own timer sees to."""
        asked_at = self._now() + timedelta(seconds=1)  # the header has whole seconds
        deadline = time.monotonic() + self.target.patience_seconds
        while (complete := self._complete_until()) is None or complete < asked_at:
            assert time.monotonic() < deadline, f"complete until {complete} only, asked for at {asked_at}"
            time.sleep(POLL_SECONDS)

    def _complete_until(self) -> datetime | None:
        body = {"site_id": "demo", "metrics": ["events"], "date_range": "day"}
        headers = {"Authorization": f"Bearer {KEYS.read}"}
        answer = httpx.post(f"{self.target.lake_url}/api/query", json=body, headers=headers, timeout=180)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # no table yet, or busy
            return None
        assert answer.status_code == httpx.codes.OK, answer.text
        told: Any = answer.json()["meta"]["complete_until"]
        return None if told is None else datetime.fromisoformat(told)

    def _now(self) -> datetime:
        """The app's clock, not this machine's."""
        answer = httpx.get(f"{self.target.lake_url}/health", timeout=180)
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
