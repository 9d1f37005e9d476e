"""Run Azurite, the storage emulator: blobs and queues on two ports, data in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Self

from local.processes import Child, Service, StartFailed, accepts_connections, require_free_port

ACCOUNT_NAME = "devstoreaccount1"
# The well-known key of the emulator: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

PACKAGE = Path(__file__).parent / "node_modules" / "azurite"


class Azurite(Service):
    """One Azurite process. Its data stays in the folder when it stops, unless it is `in_memory`.

    With a certificate and its key, two PEM files, it serves HTTPS and accepts tokens in addition to the account key.
    """

    def __init__(
        self,
        folder: Path,
        blob_port: int,
        queue_port: int,
        certificate: tuple[Path, Path] | None = None,
        in_memory: bool = False,
    ) -> None:
        self.certificate = certificate
        self.in_memory = in_memory
        self.folder = folder
        self.blob_port = blob_port
        self.queue_port = queue_port

    @property
    def blob_endpoint(self) -> str:
        """URL of the account's blobs, without a trailing slash."""
        return f"{self._scheme}://127.0.0.1:{self.blob_port}/{ACCOUNT_NAME}"

    @property
    def _scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def connection_string(self) -> str:
        """The storage connection string, as the SDKs take it."""
        return (
            f"DefaultEndpointsProtocol={self._scheme};AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={self.blob_endpoint};QueueEndpoint={self._scheme}://127.0.0.1:{self.queue_port}/{ACCOUNT_NAME};"
        )

    def _secured(self) -> list[str]:
        if self.certificate is None:
            return []
        certificate, key = map(str, self.certificate)
        return ["--oauth", "basic", "--cert", certificate, "--key", key]

    def start(self) -> Self:
        """Return once both ports accept connections. Raise StartFailed with the reason if they do not."""
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
                *(["--inMemoryPersistence"] if self.in_memory else ["--location", str(self.folder)]), "--silent",
                "--skipApiVersionCheck", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--blobPort", str(self.blob_port),
                "--queueHost", "127.0.0.1", "--queuePort", str(self.queue_port),
                "--tablePort", "0",
                *self._secured(),
            ],
            self.folder.with_suffix(".log"),
        )  # fmt: skip
        self._run(
            child, lambda: accepts_connections(self.blob_port) and accepts_connections(self.queue_port), seconds=60
        )
        return self
