"""`python -m clickstream.compacting [run|totals]`: with the settings of the environment."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from clickstream.compacting.compactor import Compactor
from clickstream.compacting.totals import read_totals
from clickstream.delivery.hub_state import EventHubStates
from clickstream.errors import ClickstreamError
from clickstream.lake.storage import StorageAccount
from clickstream.settings import Settings


def now() -> datetime:
    return datetime.now(UTC)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clickstream.compacting", description=__doc__)
    parser.add_argument("command", choices=("run", "totals"), nargs="?", default="run")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_env(os.environ)
        account = StorageAccount.from_connection(settings.lake)
        if arguments.command == "totals":
            result = asdict(read_totals(account, settings.lake_container))
        else:
            hubs = EventHubStates(settings.event_hub_connection)
            result = asdict(Compactor(account, settings, hubs, now).run(now() + timedelta(hours=24)))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    for name, value in result.items():
        print(f"{name:<20} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
