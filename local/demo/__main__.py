"""`make demo`: the main job end to end. Exits 0 only when every number adds up."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx

from clickstream.lake.storage import StorageAccount
from clickstream.settings import Connection
from clickstream.terminal import leave
from local.browser.driver import BrowserFailed, find_chromium
from local.demo.access_log import Malformed, page_view, read_lines
from local.demo.report import Reports, print_table
from local.demo.sending import Sent, send_all
from local.demo.shoppers import shop
from local.demo.visits import visits
from local.processes import StartFailed
from local.stack import Stack, StackSettings, interruptible

SITE = "demo"
VISITS = 400
BROWSER_VISITS = 15
PATIENCE_SECONDS = 180
BY_TRACKER = """
SELECT coalesce(tracker, '(none)') AS tracker, count(DISTINCT anonymous_id) AS visitors,
    count(*) FILTER (event_type = 'page_view') AS pageviews, count(*) AS events
FROM events GROUP BY 1 ORDER BY events DESC, tracker
"""


@dataclass(slots=True)
class LogCounts:
    """What was found in the log."""

    lines: int = 0
    malformed: int = 0
    page_views: int = 0
    first_malformed: str = ""


def log_events(path: Path, host: str, key: bytes, counts: LogCounts) -> Iterator[dict[str, Any]]:
    """The log's page views as events, counted while they are read."""
    for line in read_lines(path):
        counts.lines += 1
        if isinstance(line, Malformed):
            counts.malformed += 1
            counts.first_malformed = counts.first_malformed or str(line)
        elif line.is_page_view:
            counts.page_views += 1
            yield page_view(line, host, key)


async def send_shop_traffic(base_url: str, sent: Sent) -> None:
    """Visits of the last week by the import key, and some live events in each plain form; one of them is broken."""
    made = visits(VISITS, datetime.now(UTC), Random())
    await send_all(base_url, f"{SITE}-import", (event for visit in made for event in visit.events), sent)
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
    """Visits of the shop at `/demo` by a real browser, where there is one. Raise StartFailed when it fails."""
    try:
        find_chromium()
    except BrowserFailed as missing:
        print(f"  no browser visits the shop. {missing}", flush=True)
        return
    try:
        sent.by_browser = shop(stack.base_url, BROWSER_VISITS, stack.settings.state_dir / "demo" / "browser.log")
    except BrowserFailed as failure:
        raise StartFailed(f"the browser's visits: {failure}") from failure


def wait_for_compaction(stack: Stack, captured_before: int, events: int) -> None:
    """Return once everything sent is captured and compacted. Raise StartFailed when that takes too long."""
    from clickstream.compacting.totals import read_totals

    account = lake_of(stack)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while read_totals(account, "lake").captured - captured_before < events:
        if time.monotonic() > deadline:
            raise StartFailed(f"not all events were compacted after {PATIENCE_SECONDS} s")
        stack.compact()
        time.sleep(0.5)


def lake_of(stack: Stack) -> StorageAccount:
    """The stack's storage account."""
    return StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))


def run(log: Path | None, host: str) -> int:
    """The whole job. Returns the exit code: 0 when the numbers add up, 1 when they do not."""
    from clickstream.compacting.totals import Totals, read_totals

    settings = StackSettings.from_env(os.environ)
    print("starting the local stack", flush=True)
    with Stack(settings, lambda line: print(line, flush=True)) as stack:
        before = read_totals(lake_of(stack), "lake")
        hub_before = stack.event_hubs.captured()
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
        wait_for_compaction(stack, before.captured, sent.events)
        after = read_totals(lake_of(stack), "lake")
        print_reports(Reports(stack.base_url, SITE, f"{SITE}-read"))
        if log is not None:
            print_table(
                "The log",
                ["lines read", "page views", "malformed"],
                [[counts.lines, counts.page_views, counts.malformed]],
            )
            if counts.malformed:
                print(f"  first malformed: {counts.first_malformed}")
        captured = stack.event_hubs.captured() - hub_before
        counts_of_run = after.since(before)
        print_table(
            "Reconciliation of this run",
            ["sent", "hub", *Totals.__dataclass_fields__, "difference"],
            [[sent.events, captured, *astuple(counts_of_run), counts_of_run.difference]],
        )
        became = counts_of_run.rows + counts_of_run.failed + counts_of_run.duplicates
        adds_up = sent.events == counts_of_run.received == captured == became and not counts_of_run.difference
        print(f"  sent = received = captured = rows + failed + duplicates: {'yes' if adds_up else 'NO'}", flush=True)
    return 0 if adds_up else 1


def print_reports(reports: Reports) -> None:
    """The main reports, over all that the table holds."""
    by = {"order_by": [["pageviews", "desc"]], "pagination": {"limit": 10}}
    totals = ["visitors", "visits", "pageviews", "events"]
    reports.print("Totals, without bots", totals)
    reports.print("Bots", totals, filters=[["is", "event:bot", ["true"]]])
    reports.print("Top pages", ["pageviews", "visitors"], dimensions=["event:page"], **by)
    reports.print("Visitors per day", ["visitors", "visits", "pageviews"], dimensions=["time:day"])
    reports.print("Top referrers", ["visits", "pageviews"], dimensions=["visit:source"], **by)
    reports.print_sql("What told the events (t-1 is the tracking script in a real browser)", BY_TRACKER)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--log", type=Path, help="a web server's access log, combined format, plain or .gz")
    parser.add_argument("--host", default="example.com", help="the host that the log's pages belong to")
    arguments = parser.parse_args()
    if arguments.log is not None and not arguments.log.is_file():
        parser.error(f"{arguments.log} is no file")
    interruptible()
    try:
        return run(arguments.log, arguments.host)
    except StartFailed as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    leave(main())
