"""What a stranger with a page's key could do by events that look like marks of an erasure: nothing."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.table.pipeline_hours import read_hours
from local.stack import Stack
from tests.e2e.journey import compact_everything, select

pytestmark = pytest.mark.e2e
WRITE = {"X-Write-Key": "demo"}


def test_events_that_look_like_marks_of_erasure_stop_no_compaction_and_reach_no_books(
    stack: Stack, client: httpx.Client
) -> None:
    account = StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string))
    compact_everything(stack)
    erased_before = sum(hour.erased for hour in read_hours(account, "lake"))  # by other tests of the stack
    mark, ghost = uuid4().hex, f"ghost-{uuid4().hex}"
    forged: list[dict[str, Any]] = [
        {"erased": True, "received_at": "x"},
        {"erased": True, "received_at": None, "request_accepted": 1.5},
        {"erased": True, "pad": "x" * 40_000},
        {"erased": True, "site": ghost, "received_at": "2020-01-01T00:00:00Z", "request_accepted": 1_000_000},
        {
            "erased": {"site": ghost, "received_at": "2020-01-01T00:00:00+00:00", "request_accepted": 5},
            "code": "0" * 64,
        },
    ]
    for each in forged:
        answer = client.post("/api/events", content=json.dumps({**each, "mark": mark}).encode(), headers=WRITE)
        assert answer.status_code == httpx.codes.BAD_REQUEST
    assert client.post("/api/events", json={"name": mark}, headers=WRITE).status_code == httpx.codes.OK
    compact_everything(stack)
    kept = select(client, f"SELECT count(*) FROM failed_events WHERE contains(decode(payload, 'replace'), '{mark}')")
    padded = select(client, "SELECT count(*) FROM failed_events WHERE payload_truncated AND stage = 'collect'")
    assert kept[0][0] >= len(forged) - 1 and padded[0][0] >= 1, "the mark of the padded one is cut off"
    assert select(client, f"SELECT count(*) FROM events WHERE event_name = '{mark}'") == [[1]]
    hours = read_hours(account, "lake")
    assert not [hour for hour in hours if hour.site == ghost or hour.hour.year == 2020]
    assert sum(hour.erased for hour in hours) == erased_before
    ready = client.get("/health/ready").json()
    assert all(hub["works"] and hub["put_aside"]["files"] == 0 for hub in ready["compaction"].values())
