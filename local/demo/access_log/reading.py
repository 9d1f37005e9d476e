"""Read the lines of a plain or compressed log. Each line may have another format."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zlib import error as ZlibError

from local.demo.access_log.combined import parse_combined
from local.demo.access_log.events import Order
from local.demo.access_log.json_lines import parse_json
from local.demo.access_log.line import Line, Malformed
from local.demo.access_log.w3c import W3cReader

MAX_LINE_BYTES = 65_536
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP, ZSTANDARD, BZIP2, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
SHOWN_CHARACTERS = 120


class Unreadable(Exception):
    """No line of the file is readable. The message has the first line and its problem."""


def read_lines(path: Path) -> Iterator[Line | Malformed]:
    """Stream the lines of a log in order, skipping empty ones. A damaged file ends with a Malformed."""
    reader, order = _Reader(), Order()
    number = 0
    try:
        with open_log(path) as raw:
            for number, line in enumerate(_bounded_lines(raw), start=1):
                try:
                    parsed = reader.parse(line, number)
                except Malformed as problem:
                    yield Malformed(f"{problem}: {_shown(line)}")
                    continue
                if parsed is not None:
                    yield replace(parsed, occurred_at=order.next(parsed.occurred_at))
    except (EOFError, OSError, ValueError, ZlibError, lzma.LZMAError) as damage:
        yield Malformed(f"the file ends or is damaged after line {number}: {damage}")


def check_readable(path: Path) -> None:
    """Raise Unreadable if no line of the log is readable."""
    first: Malformed | None = None
    for line in read_lines(path):
        if isinstance(line, Line):
            return
        first = first or line
    raise Unreadable(f"no line of {path} could be read; {first or 'it has none'}")


def open_log(path: Path) -> io.BufferedIOBase:
    """Open the file, decompressed by its magic number, not its name. Raise OSError."""
    with path.open("rb") as file:
        begin = file.read(len(XZ))
    if begin.startswith(GZIP):
        return gzip.open(path, "rb")
    if begin.startswith(ZSTANDARD):
        import pyarrow as pa

        return io.BufferedReader(pa.input_stream(str(path), compression="zstd"))
    if begin.startswith(BZIP2):
        return bz2.open(path, "rb")
    if begin.startswith(XZ):
        return lzma.open(path, "rb")
    return path.open("rb")


class _Reader:
    """Detects the format of each line."""

    def __init__(self) -> None:
        self._w3c = W3cReader()

    def parse(self, raw: bytes, number: int) -> Line | None:
        """Parse a line. Return None for an empty line or a W3C directive. Raise Malformed."""
        if len(raw) > MAX_LINE_BYTES:
            raise Malformed(f"line {number} has more than {MAX_LINE_BYTES} bytes")
        raw = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
        raw = raw.rstrip(b"\r\n")
        text = raw.decode("latin-1")
        if not raw.strip():
            return None
        if raw.lstrip().startswith(b"{"):
            return parse_json(raw, number)
        if raw.startswith(b"#"):
            self._w3c.direct(text, number)
            return None
        if self._w3c.fields:
            return self._w3c.parse(text, number)
        return parse_combined(text, number)


def _bounded_lines(raw: io.BufferedIOBase) -> Iterator[bytes]:
    """Split into lines. Of a line longer than MAX_LINE_BYTES only the first MAX_LINE_BYTES + 1 are returned."""
    while line := raw.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := raw.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
        yield line


def _shown(line: bytes) -> str:
    text = line[:SHOWN_CHARACTERS].decode("utf-8", "replace").rstrip()
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
