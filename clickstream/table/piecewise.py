"""Long reads of a file, in pieces."""

from __future__ import annotations

import pyarrow as pa

PIECE_BYTES = 1 * 2**20


class Piecewise:
    """An open file, as Arrow reads one that is not its own.

    The library that reads from storage collects the whole answer before it returns a copy, and keeps that memory.
    """

    closed = False

    def __init__(self, file: pa.NativeFile) -> None:
        self._file = file

    def read(self, size: int) -> bytearray:
        """The next bytes; fewer than `size` only at the end of the file. Raise OSError."""
        data = bytearray(size)
        view, end = memoryview(data), 0
        while piece := self._file.read(min(PIECE_BYTES, size - end)):
            view[end : end + len(piece)] = piece
            end += len(piece)
        view.release()
        del data[end:]
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to an offset."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """The offset of the next byte."""
        return int(self._file.tell())
