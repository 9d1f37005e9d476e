"""`python -m clickstream.replaying SITE`: replay a site's failed events, with the settings of the environment."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from clickstream.errors import ClickstreamError
from clickstream.problems import check_body
from clickstream.replaying.replayer import Replayed
from clickstream.replaying.request import INVALID, MAX_LIMIT, Filters, ReplayRequest
from clickstream.services import TALLY, Services
from clickstream.settings import Settings
from clickstream.terminal import leave

FILTERS = {
    "class": "failure_class",
    "pointer": "pointer",
    "name": "event_name",
    "dialect": "dialect",
    "from": "received_from",
    "to": "received_to",
    "message": "message_contains",
}


def parse(arguments: Sequence[str]) -> tuple[ReplayRequest, bool]:
    """Parse the command line: the request, and whether to repeat it until all failed events are examined.

    Raise InvalidRequest; exit if the command line is not valid.
    """
    parser = argparse.ArgumentParser(prog="python -m clickstream.replaying", description=__doc__)
    parser.add_argument("site")
    parser.add_argument("--id", action="append", help="a failed event's id; may be given several times")
    for option, name in FILTERS.items():
        parser.add_argument(f"--{option}", dest=name, help=Filters.model_fields[name].description)
    parser.add_argument("--limit", type=int, help="the most to replay; without it all are replayed")
    parser.add_argument("--dry-run", action="store_true", help="report what would happen, change nothing")
    options = vars(parser.parse_args(arguments))
    filters = {name: options[name] for name in FILTERS.values() if options[name] is not None}
    if options["id"]:
        filters["failed_event_ids"] = options["id"]
    fields = {"site_id": options["site"], "filters": filters, "dry_run": options["dry_run"]}
    limit = MAX_LIMIT if options["limit"] is None else options["limit"]
    return check_body({**fields, "limit": limit}, ReplayRequest, INVALID), options["limit"] is None


async def replay(services: Services, request: ReplayRequest, everything: bool) -> Replayed:
    """The result of one replay or, with `everything`, the sum of as many as it takes. Raise as Replayer, NotFound."""
    site = services.site(request.site_id)
    try:
        replayed = await services.replayer.replay(request, site)
        while everything and replayed.next is not None:
            further = await services.replayer.replay(request.model_copy(update={"after": replayed.next}), site)
            replayed = further.after(replayed)
        return replayed
    finally:
        await services.event_sink.close()
        for line in TALLY.lines():
            print(line, file=sys.stderr)


def table(replayed: Replayed) -> str:
    """The result as lines for a terminal."""
    numbers = {"examined": replayed.examined, **replayed.counts, "removed": replayed.removed}
    lines = [f"{name:<16}{number}" for name, number in {**numbers, "remaining": replayed.remaining}.items()]
    for example in replayed.examples:
        columns = [example.outcome, example.row.failed_event_id, example.code, example.pointer]
        lines.append("  " + "  ".join([*filter(None, columns), example.reason or ""]).rstrip())
    return "\n".join(lines)


def main() -> int:
    """Returns the exit code."""
    try:
        request, everything = parse(sys.argv[1:])
        print(table(asyncio.run(replay(Services(Settings.from_env(os.environ)), request, everything))))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
