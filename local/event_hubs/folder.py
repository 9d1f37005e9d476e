"""Capture to a local folder instead of a storage account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4


class Folder:
    """Files below one folder, which is created if missing. Failures raise OSError; the caller retries."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    def write(self, name: str, data: bytes) -> str:
        """Create the file atomically and return its URL. Raise FileExistsError if the name exists."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name(f".{uuid4().hex}")
        try:
            whole.write_bytes(data)
            os.link(whole, path)
        finally:
            whole.unlink(missing_ok=True)
        return path.as_uri()

    def notify(self, event: Mapping[str, object]) -> None:
        """Do nothing: a folder has no queue."""
