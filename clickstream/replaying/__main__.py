"""`python -m clickstream.replaying SITE`: replay a site's failed events, with the settings of the environment."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from clickstream.collecting.judging import Judge
from clickstream.delivery.durable import DurableSink
from clickstream.delivery.event_hub import EventHub
from clickstream.delivery.spill import Spill
from clickstream.errors import ClickstreamError, NotFound
from clickstream.lake.site_documents import PREFIX, SUFFIX, EditableBlobSiteDocuments
from clickstream.lake.spill_files import SpillFiles
from clickstream.lake.storage import StorageAccount
from clickstream.replaying.failed_rows import FailedRows
from clickstream.replaying.repairing import OUTCOMES
from clickstream.replaying.replayer import Replayer
from clickstream.replaying.request import MAX_LIMIT, Filters, ReplayRequest, refusal
from clickstream.settings import Settings
from clickstream.sites.document import Site, parse_site
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
MAX_EXAMPLES = 20
SUMS = ("examined", *OUTCOMES, "removed")


def now() -> datetime:
    return datetime.now(UTC)


def parse(arguments: Sequence[str]) -> tuple[ReplayRequest, bool]:
    """The request that a command line states, and whether to go on until all are looked at.

    Raise InvalidRequest; exits on a line that states no request.
    """
    parser = argparse.ArgumentParser(prog="python -m clickstream.replaying", description=__doc__)
    parser.add_argument("site")
    parser.add_argument("--id", action="append", help="a failed event's id; may be given several times")
    for option, name in FILTERS.items():
        parser.add_argument(f"--{option}", dest=name, help=Filters.model_fields[name].description)
    parser.add_argument("--limit", type=int, help="stop after so many; without it all are replayed")
    parser.add_argument("--dry-run", action="store_true", help="judge and tell, change nothing")
    stated = vars(parser.parse_args(arguments))
    filters = {name: stated[name] for name in FILTERS.values() if stated[name] is not None}
    if stated["id"]:
        filters["failed_event_ids"] = stated["id"]
    asked = {"site_id": stated["site"], "filters": filters, "dry_run": stated["dry_run"]}
    try:
        limit = MAX_LIMIT if stated["limit"] is None else stated["limit"]
        return ReplayRequest.model_validate({**asked, "limit": limit}), stated["limit"] is None
    except ValidationError as error:
        raise refusal(error) from None


async def replay(settings: Settings, request: ReplayRequest, everything: bool) -> Mapping[str, Any]:
    """The answer of one replay; or of as many as look at everything, as one. Raise what they raise, and NotFound."""
    account = StorageAccount.from_connection(settings.lake)
    site = _site(settings, account, request.site_id)
    sink = _sink(settings, account)
    judge = Judge.from_settings(settings, sink.max_message_bytes)
    replayer = Replayer(FailedRows(account, settings.lake_container), judge, sink)
    try:
        answer = await replayer.replay(request, site)
        while everything and answer["next"] is not None:
            further = await replayer.replay(request.model_copy(update={"after": answer["next"]}), site)
            sums = {name: answer[name] + further[name] for name in SUMS}
            answer = {**further, **sums, "examples": [*answer["examples"], *further["examples"]][:MAX_EXAMPLES]}
        return answer
    finally:
        await sink.close()


def _site(settings: Settings, account: StorageAccount, name: str) -> Site:
    documents = EditableBlobSiteDocuments(account.container(settings.config_container))
    path = f"{PREFIX}{name}{SUFFIX}"
    if path not in documents.versions():
        raise NotFound(f"there is no site {name!r}")
    return parse_site(documents.fetch(path).text, expected=name)


def _sink(settings: Settings, account: StorageAccount) -> DurableSink:
    hub, files = settings.event_hub_name, SpillFiles(account.container(settings.spill_container))
    return DurableSink(
        EventHub(settings.event_hub_connection, hub, settings.send_deadline_ms / 1000, now),
        Spill(files, hub, settings.spill_deadline_ms / 1000, now),
    )


def table(answer: Mapping[str, Any]) -> str:
    """The answer as lines for a terminal."""
    lines = [f"{name:<16}{answer[name]}" for name in (*SUMS, "remaining")]
    for example in answer["examples"]:
        told = [example["outcome"], example["failed_event_id"], example.get("code"), example.get("pointer")]
        lines.append("  " + "  ".join([*filter(None, told), example.get("message", "")]).rstrip())
    return "\n".join(lines)


def main() -> int:
    """Returns the exit code."""
    try:
        request, everything = parse(sys.argv[1:])
        print(table(asyncio.run(replay(Settings.from_env(os.environ), request, everything))))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
