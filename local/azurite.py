"""Azurite, the storage emulator: blobs and queues on two ports, data in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Self

from local.processes import Child, Service, StartFailed, accepts_connections, require_free_port

ACCOUNT_NAME = "devstoreaccount1"
# The account key every Azurite ships with; published by Microsoft, opens nothing but an emulator.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

PACKAGE = Path(__file__).parent / "node_modules" / "azurite"


class Azurite(Service):
    """One running Azurite. The same folder keeps its data from one run to the next."""

    def __init__(self, folder: Path, blob_port: int, queue_port: int) -> None:
        self.folder = folder
        self.blob_port = blob_port
        self.queue_port = queue_port

    @property
    def blob_endpoint(self) -> str:
        """The account's address for blobs, without a slash at its end."""
        return f"http://127.0.0.1:{self.blob_port}/{ACCOUNT_NAME}"

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={self.blob_endpoint};QueueEndpoint=http://127.0.0.1:{self.queue_port}/{ACCOUNT_NAME};"
        )

    def start(self) -> Self:
        """Return once both ports answer. Raise StartFailed with the reason when they do not."""
        node = shutil.which("node")
        if node is None:
            raise StartFailed("Node.js is missing: Azurite needs `node` 20 or newer on the PATH")
        if not PACKAGE.is_dir():
            raise StartFailed("Azurite is not installed: run `make install`")
        self.folder.mkdir(parents=True, exist_ok=True)
        require_free_port(self.blob_port, "AZURITE_BLOB_PORT")
        require_free_port(self.queue_port, "AZURITE_QUEUE_PORT")
        child = Child(
            "azurite",
            [
                node, str(PACKAGE / "dist" / "src" / "azurite.js"),
                "--location", str(self.folder), "--silent", "--skipApiVersionCheck", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--blobPort", str(self.blob_port),
                "--queueHost", "127.0.0.1", "--queuePort", str(self.queue_port),
                "--tablePort", "0",
            ],
            self.folder.with_suffix(".log"),
        )  # fmt: skip
        self._run(
            child, lambda: accepts_connections(self.blob_port) and accepts_connections(self.queue_port), seconds=60
        )
        return self
