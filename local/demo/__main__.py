"""`make demo`: the main job end to end. Exits with 0 only if the reconciliation adds up.

At a terminal the stack then keeps running until Ctrl-C, so that the dashboard can be opened.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from clickstream.enriching.loader import PLACES
from clickstream.settings import Connection, Settings
from clickstream.storage.account import StorageAccount
from clickstream.terminal import leave
from local.browser.driver import BrowserFailed, find_chromium
from local.demo.access_log import Malformed, Unreadable, check_readable, page_view, read_lines, reason_left_out
from local.demo.places import database
from local.demo.report import Reports, print_table
from local.demo.sending import Sent, send_all
from local.demo.shoppers import shop
from local.demo.visits import visits
from local.processes import StartFailed
from local.stack import Stack, StackSettings, interruptible, serve

if TYPE_CHECKING:
    from clickstream.compacting.totals import Totals

SITE = "demo"
VISITS = 900
BROWSER_VISITS = 15
PATIENCE_SECONDS = 180
BY_TRACKER = """
SELECT coalesce(tracker, '(none)') AS tracker, count(DISTINCT anonymous_id) AS visitors,
    count(*) FILTER (event_type = 'page_view') AS pageviews, count(*) AS events,
    count(*) FILTER (is_bot) AS bots
FROM events GROUP BY 1 ORDER BY events DESC, tracker
"""


@dataclass(slots=True)
class LogCounts:
    """Counts of the log's lines. `left_out` counts lines that are not page views, by reason."""

    lines: int = 0
    malformed: int = 0
    page_views: int = 0
    first_malformed: str = ""
    left_out: Counter[str] = field(default_factory=Counter)


def log_events(path: Path, host: str, key: bytes, counts: LogCounts) -> Iterator[dict[str, Any]]:
    """The log's page views as events. Reading them lazily updates `counts`. `key` is the key of visitor ids."""
    for line in read_lines(path):
        counts.lines += 1
        if isinstance(line, Malformed):
            counts.malformed += 1
            counts.first_malformed = counts.first_malformed or str(line)
        elif (reason := reason_left_out(line)) is not None:
            counts.left_out[reason] += 1
        else:
            counts.page_views += 1
            yield page_view(line, host, key)


async def send_shop_traffic(base_url: str, sent: Sent) -> None:
    """Import generated visits of eight weeks, and send some live events in each plain form, one of them invalid."""
    past_visits = visits(VISITS, datetime.now(UTC), Random())
    await send_all(base_url, f"{SITE}-import", (event for visit in past_visits for event in visit.events), sent)
    key = {"X-Write-Key": SITE}
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
        two_fields = {"name": "button_click", "data": {"label": "Buy"}}
        lines = b'{"name":"page_view","page_url":"https://shop.example/bags"}\n{"name":"search","data":{"q":"tent"}}'
        answers = [
            await client.post("/api/events", json=two_fields, headers=key),
            await client.post("/api/events", content=lines, headers=key),
            await client.post("/api/events", json=[two_fields, {"name": 5, "oops": True}], headers=key),
            await client.get(
                "/api/pixel.gif", params={"write_key": SITE, "name": "mail_open", "campaign": "spring", "verdict": "1"}
            ),
        ]
    for answer in answers:
        answer.raise_for_status()
        sent.accepted += answer.json()["accepted"]
        sent.failed += answer.json()["failed"]


def send_browser_traffic(stack: Stack, sent: Sent) -> None:
    """Let a real browser visit the shop at `/demo`, if one is installed. Raise StartFailed if the visits fail."""
    try:
        find_chromium()
    except BrowserFailed as missing:
        print(f"  skipped the browser visits. {missing}", flush=True)
        return
    try:
        sent.by_browser = shop(stack.base_url, BROWSER_VISITS, stack.settings.state_dir / "demo" / "browser.log")
    except BrowserFailed as failure:
        raise StartFailed(f"the browser visits failed: {failure}") from failure


def supply_places(stack: Stack) -> None:
    """Upload the made up database of places, unless there is one."""
    with suppress(ResourceExistsError):
        service = BlobServiceClient.from_connection_string(stack.azurite.connection_string)
        service.get_blob_client("config", PLACES).upload_blob(database())


def compact_leftovers(stack: Stack) -> None:
    """Wait until the tables hold what a run that was ended early has left, which would be counted as this run's.

    Raise StartFailed after PATIENCE_SECONDS.
    """
    from clickstream.storage.progress import read_progress

    lake = lake_of(stack).container("lake")
    complete_at = datetime.now(UTC) - Settings.from_env(stack.functions_environment()).delivery_time
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (until := read_progress(lake).complete_until) is None or until < complete_at:
        if time.monotonic() > deadline:
            raise StartFailed(f"events of an earlier run were not compacted after {PATIENCE_SECONDS} s")
        stack.compact()
        time.sleep(0.5)


def wait_for_compaction(stack: Stack, before: Totals, events: int) -> Totals:
    """Wait until `events` are counted as answered and all durable events have arrived. Return this run's counts.

    Raise StartFailed after PATIENCE_SECONDS.
    """
    from clickstream.compacting.totals import read_totals

    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        counts = read_totals(lake_of(stack), "lake").since(before)
        if counts.answered >= events and counts.arrived >= counts.answered + counts.unanswered:
            return counts
        if time.monotonic() > deadline:
            raise StartFailed(f"not all events were compacted after {PATIENCE_SECONDS} s: {counts}")
        stack.compact()
        time.sleep(0.5)


def adds_up(sent: int, counts: Totals) -> bool:
    """Whether every sent event is a row, a failed event or a copy of one.

    Copies come from clients that sent again without an answer, and from messages that both hub and spill accepted. A
    copy of a copy can be `uncounted`, a limit of the reconciliation that loses no event.
    """
    return not counts.difference and counts.rows + counts.failed <= sent <= counts.answered


def lake_of(stack: Stack) -> StorageAccount:
    """The stack's storage account."""
    return StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))


def run(log: Path | None, host: str) -> int:
    """Run the whole job. Return the exit code: 0 if the reconciliation adds up, else 1."""
    from clickstream.compacting.totals import read_totals

    settings = StackSettings.from_env(os.environ)
    print("starting the local stack", flush=True)
    with Stack(settings, lambda line: print(line, flush=True)) as stack:
        supply_places(stack)
        compact_leftovers(stack)
        before = read_totals(lake_of(stack), "lake")
        sent, counts = Sent(), LogCounts()
        print("sending", flush=True)
        if log is None:
            asyncio.run(send_shop_traffic(stack.base_url, sent))
            print(f"visiting {stack.base_url}/demo with a browser", flush=True)
            send_browser_traffic(stack, sent)
        else:
            key = stack.functions_environment()["VISITOR_ID_KEY"].encode()
            asyncio.run(send_all(stack.base_url, f"{SITE}-import", log_events(log, host, key, counts), sent))
        print("waiting for Capture and compaction", flush=True)
        counts_of_run = wait_for_compaction(stack, before, sent.events)
        print_reports(Reports(stack.base_url, SITE, f"{SITE}-read"))
        if log is not None:
            print_table(
                "The log",
                ["lines read", "page views", "left out", "malformed"],
                [[counts.lines, counts.page_views, counts.left_out.total(), counts.malformed]],
            )
            if counts.left_out:
                print_table(
                    "Left out, because they are not page views", ["what", "lines"], counts.left_out.most_common()
                )
            if counts.malformed:
                print(f"  first malformed: {counts.first_malformed}")
        good = adds_up(sent.events, counts_of_run)
        numbers = {
            "sent": sent.events,
            **asdict(counts_of_run),
            "uncounted": counts_of_run.uncounted,
            "difference": counts_of_run.difference,
        }
        shown = {name: number for name, number in numbers.items() if number or name in ("rows", "failed", "difference")}
        print_table("Reconciliation of this run", ["counted", "events"], [[*item] for item in shown.items()])
        print(f"  sent = answered = acknowledged + spilled = rows + failed + duplicates: {'yes' if good else 'NO'}")
        if good and sys.stdin.isatty():  # interactive
            print("\nThe stack keeps running with this data until Ctrl-C.", flush=True)
            with suppress(KeyboardInterrupt):
                print(serve(stack), file=sys.stderr)
                return 1
    return 0 if good else 1


def print_reports(reports: Reports) -> None:
    """Print the main reports over all rows of the table."""
    by = {"order_by": [["pageviews", "desc"]], "pagination": {"limit": 10}}
    totals = ["visitors", "visits", "pageviews", "events"]
    reports.print("Totals, without bots", totals)
    reports.print("Bots", totals, filters=[["is", "event:bot", ["true"]]])
    reports.print("Top pages", ["pageviews", "visitors"], dimensions=["event:page"], **by)
    reports.print("Visitors per week", ["visitors", "visits", "pageviews"], dimensions=["time:week"])
    reports.print("Top sources", ["visits", "pageviews"], dimensions=["visit:source_name"], **by)
    reports.print("Top countries", ["visitors", "pageviews"], dimensions=["visit:country"], **by)
    reports.print("Revenue of orders", ["total_revenue", "events"], filters=[["is", "event:goal", ["Purchase"]]])
    reports.print_sql("Events by tracker (t-1 is the tracking script in a real browser)", BY_TRACKER)


def main() -> int:
    """Return the exit code: 0, 1 for a failure, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--log", type=Path, help="a web server's access log, plain or compressed; see docs/access-logs.md"
    )
    parser.add_argument("--host", default="example.com", help="host of the pages, if the log has none")
    arguments = parser.parse_args()
    if arguments.log is not None and not arguments.log.is_file():
        parser.error(f"{arguments.log} is not a file")
    interruptible()
    try:
        if arguments.log is not None:
            check_readable(arguments.log)
        return run(arguments.log, arguments.host)
    except (StartFailed, Unreadable) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    leave(main())
