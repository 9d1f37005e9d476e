"""One blob container: the only way in which this product reaches blobs, see docs/decisions/0021-one-blob-client.md.

Errors of the client library become Conflict and Unavailable here. Methods whose names end in `_async` are for the event
loop that serves requests. Commands and timers call the others, because obstore's coroutines run on threads that abort a
Python process that ends right after them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from clickstream.errors import Conflict, Refused, Unavailable

if TYPE_CHECKING:
    from obstore import Bytes, GetOptions, GetResult, ObjectMeta, PutMode
    from obstore.store import AzureStore

PARALLEL_READS = 16
# The most bytes of a blob per request. Longer ones are sent in parallel pieces, because one connection is slow. The
# pieces of a local file are copied to memory, so they are smaller.
PIECE_BYTES, FILE_PIECE_BYTES = 32 * 2**20, 5 * 2**20
# The bytes of a piece are copied into the blob's buffer, or into a file, in chunks of this size.
_COPIED_BYTES, _DOWNLOADED_BYTES = 2**20, 4 * 2**20
# The service takes 256 per request, but must delete all of them within the client's timeout.
BLOBS_AT_ONCE = 64
PARALLEL_DELETIONS = 4
# The library does not retry a POST, which fails even if only an idle connection was closed.
TRIES_TO_DELETE = 3
NOT_ALLOWED = "the app may not; it needs Storage Blob Data Contributor there, or to read alone Reader, or a valid key"


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob's content and its ETag, by which a later write detects a change since then."""

    path: str
    data: bytes
    version: str


@dataclass(frozen=True, slots=True, order=True)
class ListedBlob:
    """A blob as a listing names it; `version` is its ETag."""

    path: str
    size_bytes: int
    version: str


class Container:
    """One container.

    If there is no container, reads and listings find no blob, except with `must_exist`, which raises Unavailable.
    """

    def __init__(self, store: AzureStore, *, gives_reasons: bool = True) -> None:
        self.store = store
        self._gives_reasons = gives_reasons

    def for_clients(self) -> Container:
        """The same container; its errors give no reason, which names the account, because anybody may see them."""
        return Container(self.store, gives_reasons=False)

    # --- listings ----------------------------------------------------------------------------------------------------

    def list(self, prefix: str = "", *, must_exist: bool = False) -> Sequence[ListedBlob]:
        """Every blob under a prefix, sorted by path. Raise Unavailable."""
        return sorted(blob for page in self.pages(prefix, must_exist=must_exist) for blob in page)

    def pages(self, prefix: str, size: int = 1_000, *, must_exist: bool = False) -> Iterator[Sequence[ListedBlob]]:
        """The blobs under a prefix in the order of the service, which is that of their paths, `size` at a time.

        Raise Unavailable, also during iteration.
        """
        with self._translated(f"blobs under {prefix!r} cannot be listed"), _no_container(must_exist):
            for blobs in self.store.list(prefix or None, chunk_size=size):
                yield _listed(blobs)

    def folders(self, prefix: str = "") -> Sequence[str]:
        """The paths of the folders right below a prefix, without a slash at their ends. Raise Unavailable."""
        with self._translated(f"folders under {prefix!r} cannot be listed"), _no_container():
            return [path.rstrip("/") for path in self.store.list_with_delimiter(prefix or None)["common_prefixes"]]
        return []

    async def list_async(self, prefix: str = "") -> Sequence[ListedBlob]:
        """Every blob under a prefix. Raise Unavailable, also if there is no container."""
        with self._translated(f"blobs under {prefix!r} cannot be listed"):
            return _listed(await self.store.list(prefix or None).collect_async())

    async def check_async(self, prefix: str) -> None:
        """Return if blobs under the prefix can be listed, else raise Unavailable. Reads one blob's name at most."""
        with self._translated(f"blobs under {prefix!r} cannot be listed"):
            async for _ in self.store.list(prefix, chunk_size=1):
                return

    # --- reads -------------------------------------------------------------------------------------------------------

    def read(self, path: str, max_bytes: int = sys.maxsize) -> Blob | None:
        """The blob; None if there is none. One of more than `max_bytes` is cut somewhere beyond. Raise Unavailable."""
        with self._translated(f"{path} cannot be read"), _no_blob():
            answer = self.store.get(path)
            is_short = answer.meta["size"] <= max_bytes
            return _blob(path, answer, answer.bytes() if is_short else next(answer.stream(max_bytes + 1)))
        return None

    async def read_async(self, path: str, max_bytes: int = sys.maxsize, *, must_exist: bool = False) -> Blob | None:
        """The same as `read`, for the event loop."""
        with self._translated(f"{path} cannot be read"), _no_blob(must_exist):
            answer = await self.store.get_async(path)
            is_short = answer.meta["size"] <= max_bytes
            data = await (answer.bytes_async() if is_short else anext(answer.stream(max_bytes + 1)))
            return _blob(path, answer, data)
        return None

    def exists(self, path: str) -> bool:
        """Whether there is a blob of this path. Raise Unavailable."""
        with self._translated(f"{path} cannot be read"), _no_blob():
            self.store.head(path)
            return True
        return False

    def head(self, path: str) -> ListedBlob | None:
        """The blob's size and version; None if there is none. Raise Unavailable, also if there is no container."""
        with self._translated(f"{path} cannot be read"), _no_blob(must_exist=True):
            return _listed([self.store.head(path)])[0]
        return None

    async def exists_async(self, path: str) -> bool:
        """Whether there is a blob of this path. Raise Unavailable, also if there is no container."""
        with self._translated(f"{path} cannot be read"), _no_blob(must_exist=True):
            await self.store.head_async(path)
            return True
        return False

    def fetch(self, sizes: Mapping[str, int]) -> Mapping[str, memoryview | None]:
        """The bytes of many blobs, None for one that does not exist. `sizes` are their paths and bytes, as listed.

        Long ones are read in parallel pieces. Raise Unavailable.
        """
        with self._translated("blobs cannot be read"), ThreadPoolExecutor(PARALLEL_READS) as pool:
            # Start all requests before waiting for the first.
            started = {path: self._fetch(path, size, pool) for path, size in sizes.items()}
            contents: dict[str, memoryview | None] = {}
            for path, content in started.items():
                contents[path] = None
                with _no_blob():
                    contents[path] = content()
            return contents

    def _fetch(self, path: str, size: int, pool: Executor) -> Callable[[], memoryview]:
        """Start to read a blob, a long one in parallel pieces. The function returned waits for the whole content."""
        from obstore.exceptions import BaseError

        def whole() -> memoryview:
            return memoryview(self.store.get(path).bytes())

        if size <= PIECE_BYTES:
            return pool.submit(whole).result
        content = memoryview(bytearray(size))

        def fill(start: int) -> tuple[int, str | None]:
            answer = self.store.get(path, options={"range": (start, min(start + PIECE_BYTES, size))})
            for chunk in answer.stream(min_chunk_size=_COPIED_BYTES):
                content[start : start + len(chunk)] = memoryview(chunk)
                start += len(chunk)
            return answer.meta["size"], answer.meta["e_tag"]

        pieces = [pool.submit(fill, start) for start in range(0, size, PIECE_BYTES)]

        def joined() -> memoryview:
            try:
                versions = {piece.result() for piece in pieces}
            except BaseError:  # a piece that begins beyond the end of the blob
                versions = set()
            # Another process may have rewritten the blob since it was listed, or between two pieces.
            same = len(versions) == 1 and versions.pop()[0] == size
            return content if same else whole()

        return joined

    def download(self, path: str, local: BinaryIO) -> int | None:
        """Write the blob to an open file. Returns its bytes; None if there is no blob. Raise Unavailable."""
        with self._translated(f"{path} cannot be read"), _no_blob():
            return sum(local.write(chunk) for chunk in self.store.get(path).stream(_DOWNLOADED_BYTES))
        return None

    def stream(self, path: str, version: str, start: int = 0) -> Iterator[memoryview]:
        """The bytes of a blob of this version from a byte on, piece by piece.

        Each piece is a request of its own, because minutes may pass between two, and no answer waits for so long.

        Raise Conflict if the blob has changed or is gone, Unavailable; both also during iteration.
        """
        with self._translated(f"{path} cannot be read"), _conflicts(path, version):
            for begin in range(start, self.store.head(path)["size"], _DOWNLOADED_BYTES):
                options: GetOptions = {"if_match": version, "range": (begin, begin + _DOWNLOADED_BYTES)}
                yield memoryview(self.store.get(path, options=options).bytes())

    # --- writes ------------------------------------------------------------------------------------------------------

    def write(self, path: str, data: bytes | memoryview | Path) -> None:
        """Write a blob, whether or not there is one already; the content of a local file, if it is a Path.

        Raise Unavailable.
        """
        piece = FILE_PIECE_BYTES if isinstance(data, Path) else PIECE_BYTES
        with self._translated(f"{path} cannot be written"):
            self.store.put(path, data, chunk_size=piece)

    def write_if(self, path: str, data: bytes, version: str | None) -> str:
        """Write a blob if it still has this version; with None, if there is none. Returns the new version.

        Raise Conflict if it was changed, removed or created by another process, Unavailable.
        """
        with self._translated(f"{path} cannot be written"), _conflicts(path, version):
            # In one request, however large, because an upload in parts cannot be conditional.
            return self.store.put(path, data, mode=_mode(version), use_multipart=False)["e_tag"] or ""

    async def create_async(self, path: str, data: bytes) -> None:
        """Write a new blob. Raise Conflict if there is one of this path, Unavailable."""
        with self._translated(f"{path} cannot be written"), _conflicts(path, None):
            await self.store.put_async(path, data, mode=_mode(None), use_multipart=False)  # as in `write_if`

    # --- deletions ---------------------------------------------------------------------------------------------------

    def delete(self, path: str) -> bool:
        """Delete a blob. Returns False if there is none. Raise Unavailable."""
        with self._translated(f"{path} cannot be deleted"), _no_blob():
            self.store.delete(path)
            return True
        return False

    async def delete_async(self, path: str) -> None:
        """Delete a blob; nothing happens if there is none. Raise Unavailable."""
        with self._translated(f"{path} cannot be deleted"), _no_blob():
            await self.store.delete_async(path)

    def delete_all(self, paths: Sequence[str]) -> None:
        """Delete many blobs with few requests; one that is already gone is no error. Raise Unavailable."""
        groups = [paths[first : first + BLOBS_AT_ONCE] for first in range(0, len(paths), BLOBS_AT_ONCE)]
        with self._translated("blobs cannot be deleted"), ThreadPoolExecutor(PARALLEL_DELETIONS) as pool:
            list(pool.map(self._delete_group, groups))

    def _delete_group(self, paths: Sequence[str]) -> None:
        try:
            self._try_to_delete(paths)
        except FileNotFoundError:
            # The error names only the first missing blob, so delete each by itself.
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    self._try_to_delete([path])

    def _try_to_delete(self, paths: Sequence[str]) -> None:
        from obstore.exceptions import BaseError

        for left in reversed(range(TRIES_TO_DELETE)):
            try:
                self.store.delete(list(paths))
                return
            except BaseError:
                if not left:
                    raise

    @contextlib.contextmanager
    def _translated(self, message: str) -> Iterator[None]:
        with translated(message, gives_reason=self._gives_reasons):
            yield


@contextlib.contextmanager
def translated(message: str, *, gives_reason: bool = True) -> Iterator[None]:
    """Raise Unavailable with this message instead of the client library's errors; Refused if the service refuses."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except (BaseError, OSError) as error:

        def why(reason: str) -> str:
            return f"{message}: {reason}" if gives_reason else message

        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            raise Refused(why(NOT_ALLOWED), code="permission_denied") from error
        if _is_no_container(error):
            raise Refused(why("there is no such container"), code="no_container") from error
        raise Unavailable(why(str(error).partition("\n")[0])) from error  # the other lines repeat it for developers


@contextlib.contextmanager
def _no_container(must_exist: bool = False) -> Iterator[None]:
    """End the block at the error that there is no container, unless it must exist."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        if must_exist or not _is_no_container(error):
            raise


@contextlib.contextmanager
def _no_blob(must_exist: bool = False) -> Iterator[None]:
    """End the block at the error that there is no blob, or no container, unless the container must exist."""
    try:
        yield
    except FileNotFoundError as error:
        if must_exist and _is_no_container(error):
            raise


@contextlib.contextmanager
def _conflicts(path: str, version: str | None) -> Iterator[None]:
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    try:
        yield
    except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
        if version is None and isinstance(error, FileNotFoundError):
            raise  # there is no container
        raise Conflict(f"{path} was changed by somebody else since it was read") from error


def _is_no_container(error: Exception) -> bool:
    return "ContainerNotFound" in str(error)


def _mode(version: str | None) -> PutMode:
    return "create" if version is None else {"e_tag": version}


def _blob(path: str, answer: GetResult, data: bytes | Bytes) -> Blob:
    # The ETag of this answer, not of a listing, because a later write compares with what was read.
    return Blob(path, bytes(data), answer.meta["e_tag"] or "")


def _listed(blobs: Iterable[ObjectMeta]) -> Sequence[ListedBlob]:
    return [ListedBlob(blob["path"], blob["size"], blob["e_tag"] or "") for blob in blobs]
