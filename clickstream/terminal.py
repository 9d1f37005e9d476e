"""How far long work is, told to whoever waits for it."""

from __future__ import annotations

import sys


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
