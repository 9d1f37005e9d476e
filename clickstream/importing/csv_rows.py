"""Reads CSV line by line (RFC 4180): rows with the line and the byte where they begin, and rows that cannot be read.

The standard library's reader, in its strict mode, reads one row at a time, so that a row that cannot be read takes no
other with it, and reading can go on at any row.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

MAX_FIELD_CHARACTERS = 16_777_216
# A row of more lines is an open quote, which would swallow the rest of the file.
MAX_ROW_LINES = 100
BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
GZIP_WINDOW = 31
# The most that is unpacked at once, however well the file is compressed.
UNPACKED_BYTES = 4_194_304
csv.field_size_limit(MAX_FIELD_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Row:
    """One row and its text; `problem` says why the text is no row.

    `line` is the number of its first line, from 1; `end` is the byte after it.
    """

    line: int
    end: int
    lines: int
    values: list[str]
    text: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on: a byte of the uncompressed file, and the number of its line."""

    byte: int = 0
    line: int = 1


def unpacked(chunks: Iterable[memoryview]) -> Iterator[bytes]:
    """The uncompressed bytes of gzip, of several members too. Raise zlib.error, EOFError if it ends early."""
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    for chunk in chunks:
        data = bytes(chunk)
        while data:
            if unpacker.eof and not (data := data.lstrip(b"\0")):  # zeros may fill up a file
                break
            if unpacker.eof:
                unpacker = zlib.decompressobj(GZIP_WINDOW)
            yield unpacker.decompress(data, UNPACKED_BYTES)
            data = unpacker.unconsumed_tail or unpacker.unused_data
    yield unpacker.flush()
    if not unpacker.eof:
        raise EOFError("the compressed file ends early")


def skipped(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """The chunks without their first `count` bytes."""
    for chunk in chunks:
        if count < len(chunk):
            yield chunk[count:]
        count = max(count - len(chunk), 0)


def detected(first: bytes, encoding: str | None) -> tuple[str, int]:
    """The codec of a file that begins with these bytes, and the length of its byte order mark.

    No text of another encoding begins with such a mark, and no other one has a zero beside the first letter of a name.
    """
    for mark, codec in BYTE_ORDER_MARKS:
        if first.startswith(mark):
            return codec, len(mark)
    if encoding in (None, "utf-16") and first[:2].count(0) == 1:
        return "utf-16-le" if first[0] else "utf-16-be", 0
    return {None: "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding or "utf-8"), 0


def read_rows(chunks: Iterable[bytes | memoryview], codec: str, delimiter: str, start: Place) -> Iterator[Row]:
    """The rows of a file from a place on; `chunks` are its bytes from there.

    Raise EOFError if it ends within a character of UTF-16.
    """
    lines = _lines(chunks, codec)
    pending: deque[tuple[str, int]] = deque()
    at, number = start.byte, start.line
    while True:
        taken: list[tuple[str, int]] = []
        problem = None
        try:
            values = next(csv.reader(_fed(taken, pending, lines), delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except (csv.Error, _TooManyLines) as error:
            problem = str(error)
            if len(taken) > 1:  # an open quote: go on behind the first line
                problem = "a quote is not closed"
                pending.extendleft(reversed(taken[1:]))
                del taken[1:]
            values = []
        at += sum(size for _, size in taken)
        text = "".join(line for line, _ in taken)
        if problem is not None or values:
            yield Row(number, at, len(taken), values, text, problem)
        number += len(taken)


class _TooManyLines(Exception):
    pass


def _fed(
    taken: list[tuple[str, int]], pending: deque[tuple[str, int]], lines: Iterator[tuple[str, int]]
) -> Iterator[str]:
    while True:
        line = pending.popleft() if pending else next(lines, None)
        if line is None:
            return
        taken.append(line)
        if len(taken) > MAX_ROW_LINES:
            raise _TooManyLines
        yield line[0]


def _lines(chunks: Iterable[bytes | memoryview], codec: str) -> Iterator[tuple[str, int]]:
    """Lines with their ends, each with its bytes. What cannot be decoded becomes lone surrogates."""
    errors = "surrogatepass" if codec.startswith("utf-16") else "surrogateescape"
    text = io.TextIOWrapper(io.BufferedReader(_Chunks(chunks)), encoding=codec, errors=errors, newline="")
    try:
        # A file without ends of lines is cut, so that memory stays bounded; its pieces are no rows.
        while line := text.readline(MAX_FIELD_CHARACTERS):
            yield line, len(line) if line.isascii() and codec[:6] != "utf-16" else len(line.encode(codec, errors))
    except UnicodeDecodeError as error:
        raise EOFError("the file ends within a character") from error


class _Chunks(io.RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Iterable[bytes | memoryview]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer)  # type: ignore[arg-type]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def first_bytes(chunks: Iterator[bytes], count: int = 4) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all chunks."""
    head = b""
    for chunk in chunks:
        head += bytes(chunk)
        if len(head) >= count:
            break
    return head[:count], chain([head], chunks)
