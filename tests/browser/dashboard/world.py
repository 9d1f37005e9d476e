"""Sites to look at: of events at random, of hostile visitors, of a real web log, and one without any event."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from local.demo.__main__ import LogCounts, log_events
from local.demo.sending import Sent, send_all
from local.stack import ROOT, Stack
from tests.browser.dashboard import hostile
from tests.e2e.journey import compact_everything
from tests.integration.querying.lake import Lake
from tests.integration.querying.rows import GOALS, RATES, ROWS, SEGMENTS

KEY = "look-read"
SHARE = "look-share"
SHOP_KEY = "shop-read"
ADMIN = "shop-admin"
FRESH_KEY = "fresh-public"
# The shop has four visitors in the days that are looked at.
SMALLEST = 3
ZONE = "Europe/Berlin"
LOG_HOST = "example.com"
DID_BUY = {"all": [{"did": {"goal": "Purchase"}, "within": "400d"}, {"did_not": {"event": "refund"}, "within": "30d"}]}
# No setting has this connection, so a run fails, and the operator has to act.
EXPORT = {"export": "events", "to": {"connection": "nowhere", "container": "exports", "filename": "events-{TIMESTAMP}"}}
HOSTILE_ADMIN = "hostile-admin"
HOSTILE_GOAL = "<img src=x onerror=canary=40>"


def documents(friend: str) -> Mapping[str, dict[str, Any]]:
    """The sites' documents; pages of the origin `friend` may frame the shop's."""

    def site(name: str, **more: Any) -> dict[str, Any]:
        keys = [{"kind": "import", "key": f"{name}-import"}, {"kind": "read", "key": KEY}]
        return {"site": name, "keys": keys, **more}

    goals = [
        {"name": name, "event": event, **({"revenue": worth} if worth else {})}
        for name, (event, worth) in GOALS.items()
    ]
    shop = site(
        "shop",
        time_zone=ZONE,
        goals=goals,
        funnels=[{"name": "Buying", "steps": [{"page": "/*"}, {"page": "/a"}, {"goal": "Purchase"}]}],
        segments=[{"name": name, "filters": filters} for name, filters in SEGMENTS.items()],
        currency="EUR",
        rates={code: {str(since): float(rate) for since, rate in by_day} for code, by_day in RATES.items()},
        embed_origins=[friend],
        smallest_shared_group=SMALLEST,
        audiences=[
            {"name": "Buyers", "slug": "buyers", "of": "everyone", "where": DID_BUY},
            {"name": "Regulars", "slug": "known", "where": {"any": [{"did": {}, "within": "400d"}, {"in": "buyers"}]}},
        ],
        jobs=[{**EXPORT, "name": "nightly", "keep_updated": {"every": "day", "at": "02:30"}}],
    )
    shop["keys"] += [
        {"kind": "read", "key": SHOP_KEY},
        {"kind": "share", "key": SHARE},
        {"kind": "admin", "key": ADMIN},
    ]
    hostile_keys = [*site("hostile")["keys"], {"kind": "admin", "key": HOSTILE_ADMIN}]
    definition = {"name": "defined", "properties": {"count": {"type": "integer"}}}
    return {
        "shop": shop,
        "hostile": site(
            "hostile",
            keys=hostile_keys,
            goals=[{"name": HOSTILE_GOAL, "event": "defined"}],
            funnels=[{"name": HOSTILE_GOAL, "steps": [{"page": "/*"}, {"goal": HOSTILE_GOAL}]}],
            audiences=[{"name": HOSTILE_GOAL, "slug": "all", "where": {"did": {}, "within": "400d"}}],
            segments=[{"name": HOSTILE_GOAL, "filters": [["is", "event:page", [HOSTILE_GOAL]]]}],
            annotations=[{"at": datetime.now(UTC).date().isoformat(), "text": HOSTILE_GOAL}],
            jobs=[{**EXPORT, "name": "hostile", "description": HOSTILE_GOAL}],
            events={"mode": "warn", "definitions": [definition]},
        ),
        "blog": site("blog", time_zone=ZONE, goals=goals),
        "empty": site("empty"),
        "kept": {"site": "kept", "keys": [{"kind": "read", "key": "kept-read"}, {"kind": "admin", "key": ADMIN}]},
        "fresh": {
            **site("fresh", origins=["https://*.shop.example", friend]),
            "keys": [{"kind": "public", "key": FRESH_KEY}, {"kind": "read", "key": KEY}],
        },
        "weblog": site("weblog"),
    }


def write_documents(folder: Path, friend: str) -> Path:
    """The folder, with one file for each site."""
    folder.mkdir(parents=True)
    for name, document in documents(friend).items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return folder


def texts_of(language: str) -> set[str]:
    """The texts of a language's file, except those with something to fill in."""
    source = (ROOT / "dashboard" / "src" / "languages" / f"{language}.ts").read_text()
    return {text.strip() for text in re.findall(r': "([^"{]{3,})"', source)}


def find_log() -> Path | None:
    """A real web server's log that lies beside the checkout."""
    return next(iter(sorted(ROOT.parent.glob("*/data/access-log*.log.gz"))), None)


@dataclass(frozen=True, slots=True)
class World:
    """The stack, and what there is to be seen of its sites."""

    stack: Stack
    port: int
    """Where pages of other origins are served."""
    log: Path | None

    @property
    def friend(self) -> str:
        """The origin whose pages may frame the shop's."""
        return f"http://friend.example:{self.port}"

    def fill(self) -> None:
        """Send and store all events but the log's; return once they are in the tables."""
        self._send("hostile", hostile.events(datetime.now(UTC)))
        # People are derived after the compaction that brought their events.
        deadline = time.monotonic() + 300
        while not self.report("people", site_id="hostile", limit="1"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        settings = Settings.from_env(self.stack.functions_environment())
        Lake(self.stack.azurite, settings, StorageAccount.from_connection(settings.lake)).append(*ROWS)

    def fill_weblog(self, log: Path) -> None:
        """Send and store the events of a log; return once they are in the table."""
        key = self.stack.functions_environment()["VISITOR_ID_KEY"].encode()
        self._send("weblog", log_events(log, LOG_HOST, key, LogCounts()))

    def _send(self, site: str, events: Iterable[Any]) -> None:
        asyncio.run(send_all(self.stack.base_url, f"{site}-import", events, Sent()))
        compact_everything(self.stack)

    def query(self, site: str, **body: Any) -> dict[str, Any]:
        """What the API answers."""
        return self._post("/api/query", {"site_id": site, **body})

    def report(self, name: str, **parameters: str) -> list[dict[str, Any]]:
        """The rows of a canned report, by column."""
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = httpx.get(f"{self.stack.base_url}/api/reports/{name}", params=parameters, headers=headers, timeout=180)
        assert answer.status_code == httpx.codes.OK, answer.text
        columns = [column["name"] for column in answer.json()["columns"]]
        return [dict(zip(columns, row, strict=True)) for row in answer.json()["rows"]]

    def rows(self, site: str) -> list[dict[str, Any]]:
        """The site's rows as they are in the table."""
        told = self._post("/api/sql", {"site_id": site, "sql": "SELECT * FROM events"})
        columns = [column["name"] for column in told["columns"]]
        moments = [column["name"] for column in told["columns"] if column["name"].endswith("_at")]
        rows = [dict(zip(columns, row, strict=True)) for row in told["rows"]]
        return [{**row, **{name: row[name] and datetime.fromisoformat(row[name]) for name in moments}} for row in rows]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = httpx.post(self.stack.base_url + path, json=body, headers=headers, timeout=180)
        assert answer.status_code == httpx.codes.OK, answer.text
        document: dict[str, Any] = answer.json()
        return document
