"""`python -m clickstream.compacting [run|reconcile|retry]`: with the settings of the environment."""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from clickstream.capture.quarantine import Quarantine
from clickstream.compacting.compactor import Compactor
from clickstream.compacting.totals import Totals, summed
from clickstream.errors import ClickstreamError
from clickstream.model.pipeline_hour import PipelineHour
from clickstream.services import Services, now
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import read_progress
from clickstream.table.pipeline_hours import read_hours
from clickstream.terminal import end_line, leave, say

HOUR = timedelta(hours=1)


def main() -> int:
    """Returns the exit code.

    It is 1 if `run` had a failure, if `reconcile` saw a complete hour that does not add up, or if `retry` left a file
    in quarantine.
    """
    parser = argparse.ArgumentParser(prog="python -m clickstream.compacting", description=__doc__)
    parser.add_argument("command", choices=("run", "reconcile", "retry"), nargs="?", default="run")
    parser.add_argument("path", nargs="*", help="of `retry`: paths of files that are put aside; all without any")
    arguments = parser.parse_args()
    if arguments.path and arguments.command != "retry":
        parser.error(f"`{arguments.command}` takes no paths")
    try:
        services = Services(Settings.from_env(os.environ), say)
        if arguments.command == "reconcile":
            return reconcile(services.storage, services.settings)
        return retry(services.compactor, arguments.path) if arguments.command == "retry" else run(services.compactor)
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1


def run(compactor: Compactor) -> int:
    """Compact all waiting files. Returns 1 if anything failed, else 0. Raise Unavailable."""
    report = compactor.run(now() + timedelta(hours=24))
    end_line()
    for name, value in asdict(report).items():
        if name != "errors":
            print(f"{name:<20} {value}")
    print(f"{'peak memory':<20} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    for what, error in report.errors.items():
        print(f"{what}\n{error}", file=sys.stderr)
    return 1 if report.errors else 0


def retry(compactor: Compactor, paths: Collection[str]) -> int:
    """Compact files from quarantine: those of `paths`, or all if it is empty.

    Returns 1 if one stays in quarantine or a path is not there, else 0. Raise Unavailable.
    """
    code = 0
    unknown = set(paths)
    for each in compactor.retry(paths):
        unknown.discard(each.path)
        done = each.done
        print(f"{each.path}: {done.rows} rows, {done.failed} failed, {done.duplicates} duplicates", end="")
        print(f"; still put aside: {each.problem}" if each.problem else "")
        code = 1 if each.problem else code
    for path in sorted(unknown):
        print(f"{path} is not put aside", file=sys.stderr)
    return 1 if unknown else code


def reconcile(account: StorageAccount, settings: Settings) -> int:
    """Print the counts of every hour and site, their sums, and the files in quarantine.

    Returns 1 if the complete hours together have a difference, else 0. Raise Unavailable.
    """
    container = settings.lake_container
    progress = read_progress(account.container(container))
    complete_until = progress.complete_until
    hours = read_hours(account, container)
    by_hour: dict[tuple[datetime, str], list[PipelineHour]] = {}
    for hour in hours:
        by_hour.setdefault((hour.hour, hour.site or "-"), []).append(hour)
    names = [*Totals.__dataclass_fields__, "uncounted", "difference"]
    lines = [["hour", "site", *names]]
    complete = 0
    for (at, site), rows in sorted(by_hour.items()):
        totals = summed(rows)
        is_complete = complete_until is not None and at + HOUR <= complete_until
        complete += totals.difference if is_complete else 0
        lines.append([f"{at:%Y-%m-%dT%H}Z" + ("" if is_complete else "*"), site, *_numbers(totals, names)])
    lines.append(["all", "", *_numbers(summed(hours), names)])
    _print_table(lines)
    for hour in hours:
        if hour.renumbered:
            print(
                f"{hour.hour:%Y-%m-%dT%H}Z {hour.hub}/{hour.hub_partition}: the hub's numbers began anew; see the log"
            )
    print(f"* not complete yet: complete until {complete_until.isoformat() if complete_until else 'nothing'}")
    print(f"counted at {progress.updated_at.isoformat() if progress.updated_at else 'no time'}")
    quarantine = Quarantine(account.container(container))
    for hub in (settings.failed_event_hub_name, settings.event_hub_name):
        for file in quarantine.list(hub):
            note = quarantine.note(file.path)
            what = "whole" if note.records is None else f"{note.records} records"
            print(f"put aside: {file.path}, {what}, {file.size_bytes} bytes, {note.put_aside_at}: {note.reason}")
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
