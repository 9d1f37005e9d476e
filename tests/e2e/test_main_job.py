"""The main job: an access log through the whole chain, its answers equal to a count made straight from the log."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pytest

from local.demo.__main__ import LogCounts, log_events
from local.demo.sending import Sent, send_all
from local.processes import free_port
from local.stack import ROOT, Stack
from tests.e2e.journey import READ, stack_settings
from tests.target import KEYS, RemoteStack, Target

pytestmark = pytest.mark.e2e
HOST = "www.example.com"
EVERYONE = [["is", "event:bot", ["true", "false"]]]
# What the real log holds of files that are no pages.
NO_PAGE = (
    r".+\.(atom|bz2|css|deb|docx?|eot|exe|gif|gz|ico|jar|jpe?g|js|json|log|mp[34g]|odp|otf|pdf|png|rpm|rss|svg|swf|tar|tgz"
    r"|ttf|txt|woff|xml|xsl|ya?ml|zip)"
)
AGENT = 'Mozilla/5.0 (X11; Linux) \\"quoted\\" Firefox/1.0'


def small_log() -> str:
    """One line of every kind that the rules distinguish."""

    def line(minute: int, request: str, status: int = 200, referrer: str = "-", address: str = "192.0.2.1") -> str:
        moment = datetime(2024, 3, 30, 22, 0, tzinfo=UTC) + timedelta(minutes=minute)
        return f'{address} - - [{moment:%d/%b/%Y:%H:%M:%S +0000}] "{request}" {status} 512 "{referrer}" "{AGENT}"'

    lines = [
        line(0, "GET / HTTP/1.1", referrer="https://news.example/item?id=1"),
        line(1, "GET /about.html?x=1&y=2 HTTP/1.1", 304, f"http://{HOST}/"),
        line(1, "GET /about.html?x=1&y=2 HTTP/1.1", 304, f"http://{HOST}/"),
        line(40, "GET /blog/ HTTP/1.0", referrer="https://search.example/"),
        line(41, "GET /index.php HTTP/1.1", address="192.0.2.2"),
        line(42, "GET /image.png HTTP/1.1"),
        line(43, "POST /form HTTP/1.1"),
        line(44, "GET /missing HTTP/1.1", 404),
        line(45, "HEAD / HTTP/1.1"),
        line(200, "GET /feed.xml HTTP/1.1"),
        line(150, "GET /late HTTP/1.1", address="2001:db8::7"),
        '192.0.2.1 - - [cut off "GET / HTTP/1.1" 200',
        "",
    ]
    return "\n".join(lines) + "\n"


def whole_log(folder: Path) -> Path:
    """The small log, after a real one if there is one beside the checkout."""
    log = folder / "access.log"
    real = [gzip.decompress(path.read_bytes()) for path in sorted(ROOT.parent.glob("*/data/access-log*.log.gz"))[:1]]
    log.write_bytes(b"".join([*real, small_log().encode()]))
    return log


@dataclass
class Counted:
    """A log counted by hand."""

    lines: int = 0
    page_views: int = 0
    pages: Counter[str] = field(default_factory=Counter)
    visitors: set[tuple[str, str]] = field(default_factory=set)
    days: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    visits: Counter[str] = field(default_factory=Counter)


def count(path: Path) -> Counted:
    """Page views, pages, visitors, days and visits by source, by rules of its own."""
    counted = Counted()
    by_visitor: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
    for text in read(path):
        counted.lines += 1
        parts = re.split(r'(?<!\\)"', text)
        if len(parts) != 7:
            continue
        method, *rest = parts[1].split(" ")
        target, status = " ".join(rest[:-1]), int(parts[2].split()[0])
        last = target.split("?")[0].split("/")[-1]
        if method != "GET" or not (200 <= status <= 299 or status == 304):
            continue
        if re.fullmatch(NO_PAGE, last, re.IGNORECASE):
            continue
        visitor = (parts[0].split()[0], parts[5])
        moment = datetime.strptime(parts[0].split("[")[1].rstrip("] "), "%d/%b/%Y:%H:%M:%S %z")
        counted.page_views += 1
        counted.pages[urlsplit(f"http://{HOST}{target}").path] += 1
        counted.visitors.add(visitor)
        counted.days.setdefault(moment.astimezone(UTC).date().isoformat(), set()).add(visitor)
        referrer = re.sub(r"\\x(..)", r"%\1", parts[3])  # servers write bytes beyond ASCII so
        host = urlsplit(referrer).hostname if referrer not in ("", "-") else None
        by_visitor.setdefault(visitor, []).append((moment, "(direct)" if host in (None, HOST) else str(host)))
    for views in by_visitor.values():
        counted.visits.update(sources_of_visits(sorted(views, key=lambda view: view[0])))
    return counted


def sources_of_visits(views: Sequence[tuple[datetime, str]]) -> Iterator[str]:
    last = None
    for moment, source in views:
        if last is None or moment - last > timedelta(minutes=30):
            yield source
        last = moment


def read(path: Path) -> Iterator[str]:
    with path.open("rb") as raw:
        for line in raw:
            yield line.decode("utf-8", "replace").rstrip("\n")


def run_demo(log: Path, state: Path) -> dict[str, int]:
    """The counts that the command prints, except zeros. It must exit with 0.

    `delivered` is what the hub or, on a busy machine, the spill took.
    """
    env = {
        **os.environ,
        **{name: str(free_port()) for name in ("PORT", "AZURITE_BLOB_PORT", "AZURITE_QUEUE_PORT", "EVENT_HUBS_PORT")},
        "STATE_DIR": str(state),
        "CAPTURE_WINDOW_SECONDS": "1",
    }
    command = [sys.executable, "-m", "local.demo", "--log", str(log), "--host", HOST]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sent = answered = acknowledged + spilled = rows + failed + duplicates: yes" in done.stdout
    table = done.stdout.split("Reconciliation of this run\n")[1].partition("  sent = ")[0]
    counts = [line.split() for line in table.splitlines()[1:]]
    numbers_of = {name: int(number) for name, number in counts if int(number)}
    numbers_of["delivered"] = numbers_of.pop("acknowledged", 0) + numbers_of.pop("spilled", 0)
    return numbers_of


@contextmanager
def after_the_log(log: Path, total: int, state: Path) -> Iterator[httpx.Client]:
    """A stack that was sent the log twice by the demo, which counted what became of it."""
    told = dict.fromkeys(("sent", "answered", "delivered", "captured"), total)
    assert run_demo(log, state) == {**told, "rows": total}
    again = run_demo(log, state)
    assert again.pop("renumbered", 0) <= 4, "the emulator's numbers begin anew with each start, in four partitions"
    assert again == {**told, "duplicates": total}, "the same log again adds no row"
    with Stack(stack_settings(state)) as stack, httpx.Client(base_url=stack.base_url, timeout=180) as client:
        yield client
        hours = client.get("/api/reports/reconciliation", params={"site_id": "demo", "format": "csv"}, headers=READ)
        rows = list(csv.DictReader(io.StringIO(hours.text)))
        assert sum(int(row["compacted"]) for row in rows) == total
        assert {row["difference"] for row in rows} == {"0"}


@contextmanager
def after_the_log_at(target: Target, log: Path, total: int) -> Iterator[httpx.Client]:
    """An app that was sent the log twice. Its hours contain events of others, so they are not compared."""
    for _ in range(2):
        sent = Sent()
        events = log_events(log, HOST, b"the same visitors each time", LogCounts())
        asyncio.run(send_all(target.collect_url, KEYS.import_, events, sent))
        assert sent.accepted == total
    RemoteStack(target).wait_until_complete()
    with httpx.Client(base_url=target.lake_url, timeout=180) as client:
        yield client


def test_the_answers_equal_a_count_made_straight_from_the_log(tmp_path: Path, target: Target | None) -> None:
    log = whole_log(tmp_path)
    counted = count(log)
    total = counted.page_views
    assert total
    # A stack of its own holds the log alone; what another app holds of the log's days is the log's.
    date_range: Any = "all" if target is None else [min(counted.days), max(counted.days)]
    opened = after_the_log(log, total, tmp_path / "state") if target is None else after_the_log_at(target, log, total)
    with opened as client:

        def ask(metrics: list[str], dimension: str | None = None) -> dict[str, list[int]] | list[int]:
            body = {"site_id": "demo", "metrics": metrics, "date_range": date_range, "filters": EVERYONE}
            answer = client.post(
                "/api/query", json={**body, "dimensions": [dimension] if dimension else []}, headers=READ
            )
            assert answer.status_code == httpx.codes.OK, answer.text
            rows = answer.json()["results"]
            return {row["dimensions"][0]: row["metrics"] for row in rows} if dimension else rows[0]["metrics"]

        visits = sum(counted.visits.values())
        assert ask(["visitors", "visits", "pageviews", "events"]) == [len(counted.visitors), visits, total, total]
        assert ask(["pageviews"], "event:page") == {page: [views] for page, views in counted.pages.items()}
        assert ask(["visitors"], "time:day") == {day: [len(who)] for day, who in counted.days.items()}
        assert ask(["visits"], "visit:source") == {source: [number] for source, number in counted.visits.items()}
        parameters = {
            "site_id": "demo",
            "date_range": date_range if isinstance(date_range, str) else ",".join(date_range),
            "filters": json.dumps(EVERYONE),
            "format": "arrow",
        }
        answer = client.get("/api/reports/pages", params=parameters, headers=READ)
        report = pa.ipc.open_stream(answer.content).read_all()
        assert dict(zip(report["page"].to_pylist(), report["pageviews"].to_pylist(), strict=True)) == counted.pages


def test_the_small_log_holds_what_the_rules_tell_apart(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(small_log())
    counted = count(log)
    assert (counted.lines, counted.page_views) == (13, 6)
    assert counted.pages == {"/": 1, "/about.html": 2, "/blog/": 1, "/index.php": 1, "/late": 1}
    assert {day: len(who) for day, who in counted.days.items()} == {"2024-03-30": 2, "2024-03-31": 1}
    assert counted.visits == {"news.example": 1, "search.example": 1, "(direct)": 2}
