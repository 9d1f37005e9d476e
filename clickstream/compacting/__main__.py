"""`python -m clickstream.compacting [run|reconcile]`: with the settings of the environment."""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from clickstream.compacting.compactor import Compactor
from clickstream.compacting.totals import Totals, summed
from clickstream.delivery.hub_state import EventHubStates
from clickstream.errors import ClickstreamError
from clickstream.lake.pipeline_hours import read_hours
from clickstream.lake.progress_file import read_progress
from clickstream.lake.storage import StorageAccount
from clickstream.pipeline_hour import PipelineHour
from clickstream.settings import Settings
from clickstream.terminal import end_line, leave, say

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def main() -> int:
    """Returns the exit code: of `reconcile` 1 where an hour that is complete does not add up."""
    parser = argparse.ArgumentParser(prog="python -m clickstream.compacting", description=__doc__)
    parser.add_argument("command", choices=("run", "reconcile"), nargs="?", default="run")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_env(os.environ)
        account = StorageAccount.from_connection(settings.lake)
        if arguments.command == "reconcile":
            return reconcile(account, settings.lake_container)
        hubs = EventHubStates(settings.event_hub_connection)
        report = Compactor(account, settings, hubs, now, say=say).run(now() + timedelta(hours=24))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    end_line()
    for name, value in asdict(report).items():
        print(f"{name:<20} {value}")
    print(f"{'peak memory':<20} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0


def reconcile(account: StorageAccount, container: str) -> int:
    """Print every hour and site, and the sums. Returns 1 where a complete hour is off. Raise Unavailable."""
    complete_until = read_progress(account.container(container)).complete_until
    hours = read_hours(account, container)
    by_hour: dict[tuple[datetime, str], list[PipelineHour]] = {}
    for hour in hours:
        by_hour.setdefault((hour.hour, hour.site or "-"), []).append(hour)
    names = [*Totals.__dataclass_fields__, "difference"]
    lines = [["hour", "site", *names]]
    complete = 0
    for (at, site), rows in sorted(by_hour.items()):
        totals = summed(rows)
        is_complete = complete_until is not None and at + HOUR <= complete_until
        complete += totals.difference if is_complete else 0
        lines.append([f"{at:%Y-%m-%dT%H}Z" + ("" if is_complete else "*"), site, *_numbers(totals, names)])
    lines.append(["all", "", *_numbers(summed(hours), names)])
    _print_table(lines)
    print(f"* not complete yet: complete until {complete_until.isoformat() if complete_until else 'nothing'}")
    return 1 if complete else 0


def _numbers(totals: Totals, names: Sequence[str]) -> list[str]:
    return [str(getattr(totals, name)) for name in names]


def _print_table(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, second, *numbers in lines:
        texts = [first.ljust(widths[0]), second.ljust(widths[1])]
        print(
            "  ".join([*texts, *(text.rjust(width) for text, width in zip(numbers, widths[2:], strict=True))]).rstrip()
        )


if __name__ == "__main__":
    leave(main())
