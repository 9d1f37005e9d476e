"""The timer `maintain` in the running stack."""

from __future__ import annotations

import time

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.event_hubs.avro import write_file
from local.stack import Stack

pytestmark = pytest.mark.e2e


def test_the_timer_deletes_old_captured_files_once_they_are_compacted(stack: Stack, client: httpx.Client) -> None:
    # Empty files, as Capture writes them for a quiet partition; of a namespace that nothing else in the stack uses.
    paths = [f"quiet/events/0/2020/01/01/00/00/0{second}.avro" for second in range(3)]
    with BlobServiceClient.from_connection_string(stack.azurite.connection_string) as service:
        container = service.get_container_client("capture")
        for path in paths:
            container.upload_blob(path, write_file([], b"\x07" * 16))
        deadline = time.monotonic() + 120
        while (left := list(container.list_blob_names(name_starts_with="quiet/"))) != paths[2:]:
            assert time.monotonic() < deadline, left
            stack.compact()
            client.post("/admin/functions/maintain", json={"input": ""}).raise_for_status()
            time.sleep(0.5)
