"""How commands speak to whoever waits for them, and how they end."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def say(line: str) -> None:
    """One line on the error stream: written over the last on a terminal, a line of its own elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def end_line() -> None:
    """What is printed next stands below what was said."""
    if sys.stderr.isatty():
        print(file=sys.stderr)


def leave(code: int) -> NoReturn:
    """End the process now, with all that was printed.

    Threads of Arrow that still read ahead would be stopped in the middle by the interpreter's end, and then abort the
    process: what was done and told would look failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
