"""Capture without a storage account."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.event_hubs.folder import Folder


def test_a_captured_file_is_never_overwritten_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "captured")
    url = folder.write("local/events/0/file.avro", b"first")
    with pytest.raises(FileExistsError):
        folder.write("local/events/0/file.avro", b"second")
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert (file.as_uri(), file.read_bytes()) == (url, b"first")
