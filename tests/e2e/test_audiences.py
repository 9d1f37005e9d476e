"""A visitor enters an audience, buys and leaves, seen by a real tracker at one end and a real consumer at the other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.eventhub import EventData, EventHubConsumerClient, PartitionContext
from azure.storage.blob import BlobServiceClient
from jsonschema_rs import Draft202012Validator
from segment.analytics.client import Client

from clickstream.audiences.state import Notes
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.specs import AUDIENCE_CHANGES_TABLE
from local.event_hubs.process import EventHubsEmulator
from local.stack import ROOT, Stack
from tests.e2e.journey import compact_everything, wait_for_site
from tests.target import Target

pytestmark = pytest.mark.e2e
DOCUMENT = """
site: {site}
keys: [{{kind: public, key: {site}-public}}]
privacy: {{keep_properties: [email]}}
goals: [{{name: Order, event: Order Completed}}]
audience_messages: {{hub: audience-changes, connection: crm, traits: [email]}}
audiences:
  - name: Cart abandoners
    slug: cart-abandoners
    where: {{all: [{{did: {{event: Product Added}}, within: 7d}}, {{did_not: {{goal: Order}}, within: 7d}}]}}
"""
# Both messages to the byte. Ids and times are replaced, and nothing else.
GOLDEN = (
    '{"data":{"_created":"TIME","_modified":"TIME","email":"ada@shop.example","user_id":"ada","segment_events":'
    '[{"id":"ID","event":"EVENT","enter":"TIME","exit":"TIME","slug":"cart-abandoners"}]},'
    '"meta":{"object":"user","subscription_id":"ID","timestamp":"TIME","message_id":"ID","site":"SITE",'
    '"reason":"late","backfill":false}}'
)
TIME, ID = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"), re.compile(r"\b[0-9a-f]{32}\b")


def test_a_visitor_enters_buys_and_leaves_in_two_messages(
    stack: Stack, client: httpx.Client, target: Target | None, tmp_path: Path
) -> None:
    if target is not None:
        pytest.skip("the consumer's hub is on this machine")
    site = f"carts-{uuid4().hex[:8]}"
    with BlobServiceClient.from_connection_string(stack.azurite.connection_string) as service:
        service.get_blob_client("config", f"sites/{site}.yaml").upload_blob(DOCUMENT.format(site=site))
    wait_for_site(client, site)
    tracker = Client(f"{site}-public", host=stack.base_url, sync_mode=True, timeout=60)
    with EventHubsEmulator(tmp_path / "hub", {"audience-changes": 1}) as crm, consuming(crm) as received:
        # The audience is new, and empty. Otherwise the visitor would be an existing member, whom no message reports.
        repeat(stack, crm, lambda: is_evaluated(stack, site))
        # Both happened before the last evaluation, so each is late.
        for number, (name, ago) in enumerate((("Product Added", 7200), ("Order Completed", 3600)), 1):
            happened = datetime.now(UTC) - timedelta(seconds=ago)
            tracker.track("ada", name, timestamp=happened, context={"traits": {"email": "ada@shop.example"}})
            repeat(stack, crm, lambda number=number: len(received) >= number)  # type: ignore[misc]
    bodies = [data.body_as_str() for data in received]
    assert [ID.sub("ID", TIME.sub("TIME", body)) for body in bodies] == [
        GOLDEN.replace("SITE", site).replace("EVENT", event) for event in ("enter", "exit")
    ]
    documents = [json.loads(body) for body in bodies]
    validator = Draft202012Validator(json.loads((ROOT / "docs" / "audience-message.schema.json").read_text()))
    for document in documents:
        validator.validate(document)
    first, second = documents
    (entered,), (left,) = (document["data"]["segment_events"] for document in documents)
    assert entered["id"] == left["id"]
    assert left["enter"] == entered["enter"] < left["exit"] < entered["exit"]
    created, planned = (datetime.fromisoformat(text[:26]) for text in (first["data"]["_created"], entered["exit"]))
    assert planned - created == timedelta(days=7)
    assert first["meta"]["message_id"] != second["meta"]["message_id"]


def is_evaluated(stack: Stack, site: str) -> bool:
    """Whether the site's audiences were evaluated."""
    account = StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))
    table = Table.open(AUDIENCE_CHANGES_TABLE, account, "lake")
    return table is not None and Notes(table, site).until is not None


def repeat(stack: Stack, crm: EventHubsEmulator, holds: Callable[[], bool]) -> None:
    """Compact, then evaluate and send by the operator's command, which knows the connection, until it holds."""
    environment = {**os.environ, **stack.functions_environment(), "CONNECTION_CRM": crm.connection_string}
    deadline = time.monotonic() + 400
    while not holds():
        assert time.monotonic() < deadline
        compact_everything(stack)
        process = subprocess.run(
            [sys.executable, "-m", "clickstream.audiences", "run"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert process.returncode == 0, process.stderr
        wait_until = time.monotonic() + 5
        while not holds() and time.monotonic() < wait_until:
            time.sleep(0.1)


@contextmanager
def consuming(hub: EventHubsEmulator) -> Iterator[list[EventData]]:
    """What the SDK's consumer receives from the hub."""
    received: list[EventData] = []
    consumer = EventHubConsumerClient.from_connection_string(
        hub.connection_string, consumer_group="$Default", eventhub_name="audience-changes"
    )

    def on_event(context: PartitionContext, event: EventData | None) -> None:
        assert event is not None
        received.append(event)

    thread = threading.Thread(target=lambda: consumer.receive(on_event=on_event, starting_position="-1"))
    thread.start()
    try:
        yield received
    finally:
        consumer.close()
        thread.join(timeout=60)
