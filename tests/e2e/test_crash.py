"""A 200 survives anything: what was answered so is in the table, once."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local.stack import Stack
from tests.e2e.journey import compact_everything, select, stack_settings

pytestmark = pytest.mark.e2e
BATCH = 20


def send_until_it_breaks(
    base_url: str, answered: list[str], unanswered: list[list[str]], enough: threading.Event
) -> None:
    """Send batches one after the other; note whose 200 came and whose did not."""
    with httpx.Client(base_url=base_url, timeout=10) as client:
        while True:
            ids = [str(uuid4()) for _ in range(BATCH)]
            batch = [{"name": "crash", "event_id": event_id} for event_id in ids]
            try:
                answer = client.post("/api/events", json=batch, headers={"X-Write-Key": "demo-server"})
            except httpx.HTTPError:
                unanswered.append(ids)
                return
            if answer.status_code == httpx.codes.OK:
                answered += ids
            if len(answered) > 40 * BATCH:
                enough.set()


def test_after_kill_9_under_load_and_a_resend_every_event_is_in_the_table_exactly_once(tmp_path: Path) -> None:
    with Stack(stack_settings(tmp_path)) as stack:
        answered: list[str] = []
        unanswered: list[list[str]] = []
        enough = threading.Event()
        arguments = (stack.base_url, answered, unanswered, enough)
        senders = [threading.Thread(target=send_until_it_breaks, args=arguments) for _ in range(4)]
        for sender in senders:
            sender.start()
        assert enough.wait(60)
        assert stack.functions is not None
        stack.functions.kill()
        for sender in senders:
            sender.join(30)
        assert len(unanswered) == len(senders)
        stack.functions.start()
        with httpx.Client(base_url=stack.base_url, timeout=30) as client:
            for ids in unanswered:
                batch = [{"name": "crash", "event_id": event_id} for event_id in ids]
                answer = client.post("/api/events", json=batch, headers={"X-Write-Key": "demo-server"})
                assert answer.status_code == httpx.codes.OK
            compact_everything(stack)
            found = select(client, "SELECT count(*), count(DISTINCT event_id) FROM events WHERE event_name = 'crash'")
            sent = set(answered) | {event_id for ids in unanswered for event_id in ids}
            assert found == [[len(sent), len(sent)]]
            missing = sent - {str(event_id) for event_id in _ids(client)}
            assert not missing


def _ids(client: httpx.Client) -> list[str]:
    """All ids, in pages under the limit of rows."""
    found: list[str] = []
    while page := select(
        client,
        "SELECT event_id FROM events WHERE event_name = 'crash' AND event_id > ? ORDER BY event_id LIMIT 5000",
        found[-1] if found else "",
    ):
        found += [row[0] for row in page]
    return found
