"""Azurite, the storage emulator: blobs and queues on two ports, data in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from local.processes import Child, StartFailed, accepts_connections

ACCOUNT_NAME = "devstoreaccount1"
# The account key every Azurite ships with; published by Microsoft, opens nothing but an emulator.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

PACKAGE = Path(__file__).parent / "node_modules" / "azurite"


class Azurite:
    """One running Azurite. The same folder keeps its data from one run to the next."""

    def __init__(self, folder: Path, blob_port: int, queue_port: int) -> None:
        self.folder = folder
        self.blob_port = blob_port
        self.queue_port = queue_port
        self._child: Child | None = None

    @property
    def connection_string(self) -> str:
        host = "http://127.0.0.1"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={host}:{self.blob_port}/{ACCOUNT_NAME};QueueEndpoint={host}:{self.queue_port}/{ACCOUNT_NAME};"
        )

    def start(self) -> Azurite:
        """Return once both ports answer. Raise StartFailed with the reason when they do not."""
        node = shutil.which("node")
        if node is None:
            raise StartFailed("Node.js is missing: Azurite needs `node` 20 or newer on the PATH")
        if not PACKAGE.is_dir():
            raise StartFailed("Azurite is not installed: run `make install`")
        self.folder.mkdir(parents=True, exist_ok=True)
        for port in (self.blob_port, self.queue_port):
            if accepts_connections(port):
                raise StartFailed(f"port {port} is in use; choose others with AZURITE_BLOB_PORT and AZURITE_QUEUE_PORT")
        self._child = Child(
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
        try:
            self._child.wait_until(
                lambda: accepts_connections(self.blob_port) and accepts_connections(self.queue_port), seconds=60
            )
        except StartFailed:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def ended(self) -> str | None:
        """The end of its log when it has ended by itself; None while it runs or was never started."""
        return self._child.log_tail() if self._child is not None and not self._child.running else None

    def __enter__(self) -> Azurite:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
