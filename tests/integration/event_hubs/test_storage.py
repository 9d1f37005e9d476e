"""Capture's storage, called directly."""

from __future__ import annotations

from uuid import uuid4

import pytest

from local.azurite import Azurite
from local.event_hubs.avro import write_file
from local.event_hubs.config import Capture
from local.event_hubs.storage import Storage
from local.processes import free_port

pytestmark = pytest.mark.integration


def storage_at(connection_string: str) -> Storage:
    container = f"files-{uuid4().hex[:8]}"
    return Storage(Capture.model_validate({"StorageConnectionString": connection_string, "Container": container}))


def test_a_file_whose_answer_was_lost_is_not_written_twice_under_another_name(azurite: Azurite) -> None:
    storage = storage_at(azurite.connection_string)
    ours, anothers = write_file([], b"o" * 16), write_file([], b"a" * 16)
    url = storage.write("local/events/0/file.avro", ours)
    assert storage.write("local/events/0/file.avro", ours) == url
    with pytest.raises(FileExistsError):
        storage.write("local/events/0/file.avro", anothers)


def test_storage_that_is_away_is_an_error_to_be_tried_again(azurite: Azurite) -> None:
    away = azurite.connection_string.replace(str(azurite.blob_port), str(free_port()))
    with pytest.raises(OSError, match="ServiceRequestError"):
        storage_at(away).write("file.avro", b"x")
