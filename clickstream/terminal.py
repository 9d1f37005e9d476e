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

    A thread of the storage client or of Arrow that asks for Python's lock while the interpreter ends is ended by it,
    which native code cannot bear: the process aborts, and what was done and told looks failed. Python 3.14 lets such
    threads wait instead (https://docs.python.org/3.14/c-api/init.html#cautions-regarding-runtime-finalization).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
