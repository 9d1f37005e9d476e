"""Logs the process's tally for the operator, while it answers a request."""

from __future__ import annotations

import logging

from clickstream.services import TALLY
from clickstream.tally import Tally

log = logging.getLogger(__name__)


def log_tally(tally: Tally = TALLY) -> None:
    """Log the lines that are due. Called within a request, because the host drops lines that belong to none."""
    for line in tally.lines():
        log.warning(line)
