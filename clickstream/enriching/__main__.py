"""`python -m clickstream.enriching rerun --from DATE --to DATE`: enrich old rows again, by the lists of today."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from datetime import date

from clickstream.enriching.rerunning import chosen_steps, rerun
from clickstream.enriching.steps import STEPS
from clickstream.errors import ClickstreamError
from clickstream.services import Services
from clickstream.settings import Settings
from clickstream.terminal import leave


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clickstream.enriching", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rerunning = commands.add_parser("rerun", help="enrich the rows of some dates again")
    rerunning.add_argument("--from", dest="first", type=date.fromisoformat, required=True, help="UTC date, the first")
    rerunning.add_argument("--to", dest="last", type=date.fromisoformat, required=True, help="UTC date, the last")
    names = ", ".join(step.name for step in STEPS)
    rerunning.add_argument("--steps", nargs="+", default=[], help=f"of {names}; without it all")
    arguments = parser.parse_args()
    try:
        services = Services(Settings.from_env(os.environ))
        total = rerun(
            services.storage,
            (services.settings.lake_container, services.settings.config_container),
            (arguments.first, arguments.last),
            chosen_steps(arguments.steps),
            say,
        )
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    for name, value in asdict(total).items():
        print(f"{name:<20} {value}")
    return 0


if __name__ == "__main__":
    leave(main())
