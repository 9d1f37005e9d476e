"""`python -m clickstream.maintaining`: all that is due, with the settings of the environment."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from datetime import timedelta

from clickstream.errors import ClickstreamError
from clickstream.services import Services, now
from clickstream.settings import Settings
from clickstream.terminal import end_line, leave, say


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clickstream.maintaining", description=__doc__)
    parser.add_argument("--minutes", type=int, default=24 * 60, help="begin nothing after so many")
    arguments = parser.parse_args()
    try:
        services = Services(Settings.from_env(os.environ), say)
        report = services.maintainer.run(now() + timedelta(minutes=arguments.minutes))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    end_line()
    result = asdict(report)
    for table, done in result.pop("tables").items():
        for name, value in done.items():
            print(f"{table + ' ' + name:<32} {value}")
    for name, value in result.items():
        print(f"{name:<32} {value}")
    return 0


if __name__ == "__main__":
    leave(main())
