"""`python -m clickstream.audiences run | release SITE SLUG | backfill SITE SLUG`: who is in which audience, and the
messages about it, with the settings of the environment.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from clickstream.errors import ClickstreamError
from clickstream.services import Services
from clickstream.settings import Settings
from clickstream.terminal import leave


def parse(command_line: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exit if it names no command."""
    parser = argparse.ArgumentParser(prog="python -m clickstream.audiences", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="evaluate all audiences and send what waits, as after a compaction")
    for name, text in {
        "release": "make the changes that wait because they are too many",
        "backfill": "report every member again, at the rate of the site",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("site")
        command.add_argument("slug")
    return parser.parse_args(command_line)


def answer(services: Services, command_line: argparse.Namespace) -> Any:
    """What the command prints. Raise ClickstreamError."""
    match command_line.command:
        case "release":
            services.audience_asking.release(command_line.site, command_line.slug)
        case "backfill":
            services.audience_asking.backfill(command_line.site, command_line.slug)
    return {**asdict(services.evaluator.run()), "sent": services.audience_sender.run()}


def main() -> int:
    """Returns the exit code."""
    command_line = parse(sys.argv[1:])
    try:
        print(json.dumps(answer(Services(Settings.from_env(os.environ)), command_line), indent=1))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
