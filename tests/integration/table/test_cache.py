"""Copies on the disk are whole, in bounds, and shared by threads and processes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.storage.blobs import Container
from clickstream.table.cache import LOCK, FileCache, StoredFile
from local.azurite import Azurite

pytestmark = pytest.mark.integration

SIZE = 100_000
Store = Callable[[str], StoredFile]


@pytest.fixture
def container(azurite: Azurite) -> Container:
    name = f"files-{uuid4().hex}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        client.create_container(name)
    return StorageAccount.from_connection(Connection("Lake", azurite.connection_string)).container(name)


@pytest.fixture
def store(container: Container) -> Store:
    """Puts a file of 100,000 bytes into the container."""

    def put(name: str) -> StoredFile:
        obstore.put(container.store, name, content(name))
        return StoredFile(name, SIZE, f"table/{name}.parquet")

    return put


def content(name: str) -> bytes:
    return (name.encode() * SIZE)[:SIZE]


def copies(cache: FileCache, *files: StoredFile) -> dict[str, bytes]:
    with cache.holding(files, 30) as paths:
        return {name: path.read_bytes() for name, path in paths.items()}


def on_disk(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "table").rglob("*") if path.is_file()}


def test_a_file_is_copied_once_and_then_read_without_storage(
    container: Container, store: Store, tmp_path: Path
) -> None:
    files = [store(name) for name in "abc"]
    whole = {name: content(name) for name in "abc"}
    assert copies(FileCache(container, tmp_path, 10 * SIZE), *files) == whole
    obstore.delete(container.store, list("abc"))
    assert copies(FileCache(container, tmp_path, 10 * SIZE), *files) == whole, "a later process finds them, too"


def test_what_was_longest_not_used_makes_room_unless_it_is_held(
    container: Container, store: Store, tmp_path: Path
) -> None:
    cache = FileCache(container, tmp_path, 3 * SIZE)
    a, b, c, d, e = [store(name) for name in "abcde"]
    for file in (a, b, c, a):
        copies(cache, file)
    copies(cache, d)
    assert on_disk(tmp_path) == {"a", "c", "d"}
    with cache.holding([c], 30):
        copies(cache, e)
        assert on_disk(tmp_path) == {"c", "d", "e"}
        assert set(copies(cache, a, b, e)) == {"a", "e"}, "the first ones of what is asked for"
    assert on_disk(tmp_path) == {"a", "c", "e"}


def test_without_room_nothing_is_kept(container: Container, store: Store, tmp_path: Path) -> None:
    for room in (0, SIZE - 1):
        assert copies(FileCache(container, tmp_path, room), store("a")) == {}
    assert on_disk(tmp_path) == set()


def test_a_folder_that_cannot_be_written_keeps_nothing(container: Container, store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert copies(FileCache(container, tmp_path / "file" / "folder", 10 * SIZE), store("a")) == {}


@pytest.mark.parametrize("listed_size", [SIZE - 1, SIZE + 1])
def test_a_file_of_another_size_or_none_is_left_out_without_a_trace(
    listed_size: int, container: Container, store: Store, tmp_path: Path
) -> None:
    store("a")
    cache = FileCache(container, tmp_path, 10 * SIZE)
    wrong, missing = StoredFile("a", listed_size, "table/a.parquet"), StoredFile("gone", SIZE, "table/gone.parquet")
    assert copies(cache, wrong, missing, store("b")) == {"b": content("b")}
    assert on_disk(tmp_path) == {"b"}


def test_what_a_process_left_unfinished_is_removed_and_what_one_still_writes_takes_room(
    container: Container, store: Store, tmp_path: Path
) -> None:
    a, b = store("a"), store("b")
    (tmp_path / "table").mkdir()
    parts = [tmp_path / "table" / f"{name}.parquet.{uuid4().hex}.part" for name in ("left", "written")]
    for part in parts:
        part.touch()
        os.truncate(part, SIZE)
    script = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(parts[1])], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert copies(FileCache(container, tmp_path, 2 * SIZE), a, b) == {"a": content("a")}
        assert [part.exists() for part in parts] == [False, True]
        writer.communicate(b"\n")


def test_only_files_that_are_named_stay(container: Container, store: Store, tmp_path: Path) -> None:
    cache = FileCache(container, tmp_path, 10 * SIZE)
    files = [store(name) for name in "abc"]
    copies(cache, *files)
    cache.keep_only("other", set().__contains__)
    assert on_disk(tmp_path) == set("abc")
    with cache.holding(files, 30):
        cache.keep_only("table", {files[1].place}.__contains__)
        assert on_disk(tmp_path) == {"b"}, "held or not: they may have held what is erased"


SHARING = """
import random, sys
from pathlib import Path
from clickstream.table.cache import FileCache, StoredFile
from clickstream.storage.account import StorageAccount
from clickstream.settings import Connection

connection, container, folder, seed = sys.argv[1:]
size, names, chance = 100_000, "abcdefgh", random.Random(int(seed))
store = StorageAccount.from_connection(Connection("Lake", connection)).container(container)
cache = FileCache(store, Path(folder), 5 * size)
seen = 0
for _ in range(60):
    files = [StoredFile(name, size, f"table/{name}.parquet") for name in chance.sample(names, chance.randint(1, 2))]
    with cache.holding(files, 30) as found:
        for name, path in found.items():
            try:
                assert path.read_bytes() == (name.encode() * size)[:size], name
                seen += 1
            except FileNotFoundError:  # another process needed its room
                pass
print(seen)
"""


def test_processes_share_a_folder_and_never_read_half_a_file(
    azurite: Azurite, container: Container, store: Store, tmp_path: Path
) -> None:
    for name in "abcdefgh":
        store(name)
    command = [sys.executable, "-c", SHARING, azurite.connection_string, str(container.store.config["container_name"])]
    processes = [
        subprocess.Popen([*command, str(tmp_path), str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for seed in range(3)
    ]
    most = 0
    while any(process.poll() is None for process in processes):
        most = max(most, taken(tmp_path))
    answers: Sequence[tuple[bytes, bytes]] = [process.communicate() for process in processes]
    assert [(process.returncode, errors) for process, (_, errors) in zip(processes, answers, strict=True)] == [
        (0, b"")
    ] * 3
    assert min(int(seen) for seen, _ in answers) > 10
    assert most <= 5 * SIZE
    assert on_disk(tmp_path) <= set("abcdefgh")


def taken(folder: Path) -> int:
    """At a moment when nobody makes room; a file that becomes whole meanwhile is counted once."""
    sizes: dict[str, int] = {}
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in (folder / "table").rglob("*"):
            with suppress(FileNotFoundError):
                sizes[path.name.partition(".")[0]] = path.stat().st_size
    return sum(sizes.values())
