"""Benchmark the two blob clients, obstore and azure-storage-blob: what a process pays for each, in one run.

Every figure comes from a fresh process: first the import, then the client's first request, then the same requests
many times, one after another, against Azurite. The first three lines are what a cold start pays.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from statistics import median
from uuid import uuid4

from benchmarks.processes import resident_bytes
from local.azurite import Azurite
from local.processes import free_port

CONTAINER = "bench"
FOLDER, LISTED = "listed/", 1_000
SMALL, TEXT = "small.json", b"{" + b" " * 1_000 + b"}"
TIMES, LISTINGS = 200, 10
ONCE = ("import", "client and first get")
Client = Callable[[str, "Marks"], Awaitable[None]]


class Marks:
    """Wall time, processor time and memory of named steps of this process."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[float, float, float]] = {}
        self._begin()

    def _begin(self) -> None:
        self._memory = resident_bytes(os.getpid())
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def end(self, name: str, times: int = 1) -> None:
        """End a step of this name, which did its work this many times, and begin the next."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        memory = resident_bytes(os.getpid()) - self._memory
        self.steps[name] = wall * 1e3 / times, cpu * 1e3 / times, memory / 1e6
        self._begin()


async def obstore_sync(connection: str, marks: Marks) -> None:
    """The product's client, called as commands and timers call it."""
    marks.end("begin")
    import obstore
    from obstore.exceptions import AlreadyExistsError  # noqa: F401
    from obstore.store import AzureStore

    marks.end("import")
    parts = dict(part.split("=", 1) for part in connection.split(";") if part)
    config = {"azure_storage_account_name": parts["AccountName"], "azure_storage_account_key": parts["AccountKey"]}
    config["azure_storage_endpoint"] = parts["BlobEndpoint"]
    store = AzureStore(CONTAINER, config=config, client_options={"allow_http": True})  # type: ignore[arg-type]
    bytes(obstore.get(store, SMALL).bytes())
    marks.end(ONCE[1])
    for _ in range(TIMES):
        obstore.put(store, f"new/{uuid4()}", TEXT, mode="create", use_multipart=False)
    marks.end("conditional put of 1 kB", TIMES)
    for _ in range(TIMES):
        bytes(obstore.get(store, SMALL).bytes())
    marks.end("get of 1 kB", TIMES)
    for _ in range(LISTINGS):
        assert sum(len(blobs) for blobs in obstore.list(store, FOLDER)) == LISTED
    marks.end("listing of 1,000 blobs", LISTINGS)


async def obstore_aio(connection: str, marks: Marks) -> None:
    """The product's client, called as functions that serve requests call it."""
    marks.end("begin")
    import obstore
    from obstore.exceptions import AlreadyExistsError  # noqa: F401
    from obstore.store import AzureStore

    marks.end("import")
    parts = dict(part.split("=", 1) for part in connection.split(";") if part)
    config = {"azure_storage_account_name": parts["AccountName"], "azure_storage_account_key": parts["AccountKey"]}
    config["azure_storage_endpoint"] = parts["BlobEndpoint"]
    store = AzureStore(CONTAINER, config=config, client_options={"allow_http": True})  # type: ignore[arg-type]
    bytes(await (await obstore.get_async(store, SMALL)).bytes_async())
    marks.end(ONCE[1])
    for _ in range(TIMES):
        await obstore.put_async(store, f"new/{uuid4()}", TEXT, mode="create", use_multipart=False)
    marks.end("conditional put of 1 kB", TIMES)
    for _ in range(TIMES):
        bytes(await (await obstore.get_async(store, SMALL)).bytes_async())
    marks.end("get of 1 kB", TIMES)
    for _ in range(LISTINGS):
        assert len(await obstore.list(store, FOLDER).collect_async()) == LISTED
    marks.end("listing of 1,000 blobs", LISTINGS)


async def azure_sync(connection: str, marks: Marks) -> None:
    """Microsoft's client, over requests."""
    marks.end("begin")
    from azure.storage.blob import ContainerClient

    marks.end("import")
    client = ContainerClient.from_connection_string(connection, CONTAINER)
    client.download_blob(SMALL).readall()
    marks.end(ONCE[1])
    for _ in range(TIMES):
        client.upload_blob(f"new/{uuid4()}", TEXT, overwrite=False)
    marks.end("conditional put of 1 kB", TIMES)
    for _ in range(TIMES):
        client.download_blob(SMALL).readall()
    marks.end("get of 1 kB", TIMES)
    for _ in range(LISTINGS):
        assert sum(1 for _ in client.list_blobs(FOLDER)) == LISTED
    marks.end("listing of 1,000 blobs", LISTINGS)


async def azure_aio(connection: str, marks: Marks) -> None:
    """Microsoft's client, over aiohttp."""
    marks.end("begin")
    from azure.storage.blob.aio import ContainerClient

    marks.end("import")
    async with ContainerClient.from_connection_string(connection, CONTAINER) as client:
        await (await client.download_blob(SMALL)).readall()
        marks.end(ONCE[1])
        for _ in range(TIMES):
            await client.upload_blob(f"new/{uuid4()}", TEXT, overwrite=False)
        marks.end("conditional put of 1 kB", TIMES)
        for _ in range(TIMES):
            await (await client.download_blob(SMALL)).readall()
        marks.end("get of 1 kB", TIMES)
        for _ in range(LISTINGS):
            assert len([blob async for blob in client.list_blobs(FOLDER)]) == LISTED
        marks.end("listing of 1,000 blobs", LISTINGS)


CLIENTS: Mapping[str, Client] = {
    "obstore": obstore_sync,
    "obstore, async": obstore_aio,
    "azure-storage-blob": azure_sync,
    "azure-storage-blob, async": azure_aio,
}
# What the collector has imported anyway before it reaches for a blob: the clients share parts of it.
LOADED = "import function_app; function_app.app.get_functions(); import azure.eventhub.aio, azure.identity.aio"


def run(connection: str, client: str, loaded: str) -> Mapping[str, tuple[float, float, float]]:
    """The steps of one fresh process."""
    code = (
        f"{loaded}\nimport asyncio, json, os\nfrom benchmarks.blob_clients import CLIENTS, Marks\nmarks = Marks()\n"
        f"asyncio.run(CLIENTS[{client!r}]({connection!r}, marks))\nprint(json.dumps(marks.steps), flush=True)\n"
        "os._exit(0)  # obstore's threads may abort a process that ends right after a coroutine"
    )
    environment = {**os.environ, "ROLE": "collect"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    steps: Mapping[str, tuple[float, float, float]] = json.loads(done.stdout.splitlines()[-1])
    return steps


def prepare(connection: str) -> None:
    """Create the container, the small blob and the listed ones."""
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_connection_string(connection, CONTAINER) as client:
        client.create_container()
        client.upload_blob(SMALL, TEXT)
        for number in range(LISTED):
            client.upload_blob(f"{FOLDER}{number:04}", b"x")


def main() -> None:
    """Print one table for a bare process, and one for a process that has loaded the collector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory() as folder,
        Azurite(Path(folder) / "data", free_port(), free_port()) as azurite,
    ):
        prepare(azurite.connection_string)
        for title, loaded in (("a bare process", "pass"), ("a process that has loaded the collector", LOADED)):
            runs: dict[str, list[Mapping[str, tuple[float, float, float]]]] = {name: [] for name in CLIENTS}
            for _ in range(rounds):
                for name in CLIENTS:
                    runs[name].append(run(azurite.connection_string, name, loaded))
            print(f"\n{title}, medians of {rounds} rounds: wall ms / CPU ms / memory MB")
            for step in list(runs["obstore"][0])[1:]:
                print(step)
                for name, results in runs.items():
                    wall, cpu, memory = (median(result[step][at] for result in results) for at in range(3))
                    print(f"  {name:<28}{wall:9.2f}{cpu:9.2f}{memory:9.1f}")


if __name__ == "__main__":
    main()
