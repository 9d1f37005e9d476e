"""Progress lines and exit of commands."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def say(line: str) -> None:
    """Write one line of progress to standard error; on a terminal it overwrites the previous one."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def end_line() -> None:
    """End the line of progress on a terminal, so that later output starts below it."""
    if sys.stderr.isatty():
        print(file=sys.stderr)


def leave(code: int) -> NoReturn:
    """Flush the output and exit at once, without finalizing the interpreter.

    While it finalizes, the interpreter ends threads that wait for the GIL. If such a thread runs native code of the
    storage client or of Arrow, the process aborts, and a successful command exits with an error. Python 3.14 lets such
    threads wait instead (https://docs.python.org/3.14/c-api/init.html#cautions-regarding-runtime-finalization).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
