"""An event is followed from the answer of its request to its row, and from there to the bytes that were captured."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import fastavro
import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.stack import ROOT, Stack
from tests.e2e.journey import compact_everything, select

pytestmark = pytest.mark.e2e
PAGE = (ROOT / "docs" / "operating.md").read_text()
(QUERY,) = re.findall(r"```sql\n(SELECT 'events'.*?)```", PAGE, re.S)
TABLES = {"events": "event_id", "failed_events": "failed_event_id"}


def record(stack: Stack, path: str, number: int) -> Any:
    """The body of the record of this sequence number in a captured file."""
    service = BlobServiceClient.from_connection_string(stack.azurite.connection_string)
    data = service.get_blob_client("capture", path).download_blob().readall()
    records: Any = fastavro.reader(io.BytesIO(data))
    (body,) = [each["Body"] for each in records if each["SequenceNumber"] == number]
    return json.loads(body)


def test_the_id_of_an_answer_leads_to_the_row_and_to_what_was_captured(stack: Stack) -> None:
    with httpx.Client(base_url=stack.base_url, headers={"X-Write-Key": "demo"}, timeout=180) as client:
        answer = client.post("/api/events?verdict=1", json=[{"name": "followed"}, {"name": 7}])
        assert answer.headers["X-Collector-Path"] == "hub"
        verdicts = answer.json()["events"]
        assert [verdict["status"] for verdict in verdicts] == ["accepted", "failed"]
        compact_everything(stack)
        for (table, key), verdict in zip(TABLES.items(), verdicts, strict=True):
            ((found_in, found, _, partition, number, path),) = select(client, QUERY, verdict["event_id"])
            assert (found_in, found) == (table, verdict["event_id"])
            assert f"/{partition}/" in path
            assert record(stack, path, number)[key] == verdict["event_id"]
