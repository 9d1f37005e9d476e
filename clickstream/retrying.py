"""Optimistic retry: the one way to repeat a change that another process has overtaken."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from clickstream.errors import Conflict, Unavailable

log = logging.getLogger(__name__)
Result = TypeVar("Result")
TRIES_AFTER_CONFLICT = 20


def retry_on_conflict(attempt: Callable[[], Result], what: str, tries: int = TRIES_AFTER_CONFLICT) -> Result:
    """Call `attempt` until it raises no Conflict. Each call must read `what` anew. Raise Unavailable after `tries`.

    It does not wait between tries: a conflict means that another process has finished its change, so every round of
    tries brings one process to its end.
    """
    for _ in range(tries):
        try:
            return attempt()
        except Conflict as conflict:
            log.info("trying again: %s", conflict.message)
    raise Unavailable(f"others changed {what} {tries} times")
