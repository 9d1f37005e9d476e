"""Blobs of one container, changed only while they still are as they were read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from obstore.store import AzureStore


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob as it was read, with the ETag by which a later write sees whether it still is so."""

    path: str
    data: bytes
    version: str


class Blobs:
    """One container."""

    def __init__(self, container: AzureStore) -> None:
        self._container = container

    def list(self, prefix: str = "") -> Sequence[tuple[str, int]]:
        """Path and size of every blob under a prefix, in order; none where there is no container. Raise Unavailable."""
        import obstore

        with _translated(f"blobs under {prefix!r} cannot be listed"):
            try:
                return sorted(
                    (blob["path"], blob["size"])
                    for blobs in obstore.list(self._container, prefix or None)
                    for blob in blobs
                )
            except FileNotFoundError:
                return []

    def read(self, path: str) -> Blob | None:
        """The blob; None where there is none. Raise Unavailable."""
        import obstore

        with _translated(f"{path} cannot be read"):
            try:
                answer = obstore.get(self._container, path)
                # The ETag of this answer, not of a listing: what is compared later is what was read.
                return Blob(path, bytes(answer.bytes()), answer.meta["e_tag"] or "")
            except FileNotFoundError:
                return None

    def replace(self, blob: Blob, data: bytes) -> None:
        """Write other bytes in its place. Raise Conflict when it was changed or removed since, Unavailable."""
        self._put(blob.path, data, blob.version)

    def create(self, path: str, data: bytes) -> None:
        """Write a new blob. Raise Conflict when there is one of this name, Unavailable."""
        self._put(path, data, None)

    def write(self, path: str, data: bytes) -> None:
        """Write a blob, whatever is there. Raise Unavailable."""
        import obstore

        with _translated(f"{path} cannot be written"):
            obstore.put(self._container, path, data)

    def delete(self, path: str) -> None:
        """Remove a blob; nothing happens where there is none. Raise Unavailable."""
        import obstore

        with _translated(f"{path} cannot be deleted"), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._container, path)

    def _put(self, path: str, data: bytes, version: str | None) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode = "create" if version is None else {"e_tag": version}
        with _translated(f"{path} cannot be written"):
            try:
                # In one request however large: an upload in parts cannot be conditional.
                obstore.put(self._container, path, data, mode=mode, use_multipart=False)  # type: ignore[arg-type]
            except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
                raise Conflict(f"{path} was changed by somebody else") from error


@contextlib.contextmanager
def _translated(message: str) -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        raise Unavailable(f"{message}: {error}") from error
