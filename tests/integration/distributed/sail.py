"""Sail, an engine that speaks Spark Connect, on one machine: as the client's peer in the same environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Self

from local.azurite import ACCOUNT_KEY, ACCOUNT_NAME, Azurite
from local.processes import Child, Service, accepts_connections
from local.stack import ROOT
from tests.support.pandas_folder import with_pandas


class Sail(Service):
    """A Spark Connect server that reads and writes the storage of an Azurite."""

    def __init__(self, folder: Path, port: int, azurite: Azurite, workers: bool) -> None:
        self._folder = folder
        self._port = port
        self._azurite = azurite
        self.has_workers = workers

    @property
    def remote(self) -> str:
        return f"sc://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Return once its port answers. Raise StartFailed when it does not."""
        child = Child(
            "sail",
            [str(Path(sys.executable).parent / "sail"), "spark", "server", "--port", str(self._port)],
            self._folder / "sail.log",
            {
                **with_pandas({**os.environ, "PYTHONPATH": str(ROOT)}),
                "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT_NAME,
                "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY,
                "AZURE_STORAGE_ENDPOINT": self._azurite.blob_endpoint,
                "AZURE_ALLOW_HTTP": "true",
                "SAIL_MODE": "local-cluster" if self.has_workers else "local",
                "EventHubConnection": "none",
                "Lake": self._azurite.connection_string,
                "VISITOR_ID_KEY": "0123456789abcdef",
            },
        )
        self._run(child, lambda: accepts_connections(self._port), seconds=60)
        return self

    def log(self) -> str:
        """The end of what it printed."""
        assert self._child is not None, "it runs"
        return self._child.log_tail(60)
