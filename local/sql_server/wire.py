"""Types of columns as the wire protocol (MS-TDS) has them: those that pysqlbridge lacks, and which one a column has."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pysqlbridge.tds import Column, ColumnType, Float, Integer, NVarChar
from pysqlbridge.tds.result import Bit, DateTime, UniqueIdentifier, VarBinary

NS_OF_A_DAY = 86_400_000_000_000
DAYS_TO_1970 = 719_162
LONGEST_TEXT = 4_000


@dataclass(frozen=True)
class DecimalN(ColumnType):
    """Decimals, exact."""

    precision: int
    scale: int

    def type_info(self) -> bytes:
        return bytes([0x6C, 17, self.precision, self.scale])

    def encode(self, value: Decimal | None) -> bytes:
        if value is None:
            return b"\0"
        units = int(Decimal(value).scaleb(self.scale).to_integral_value())
        return b"\x11" + bytes([units >= 0]) + abs(units).to_bytes(16, "little")


@dataclass(frozen=True)
class Date(ColumnType):
    """Days."""

    def type_info(self) -> bytes:
        return b"\x28"

    def encode(self, value: date | None) -> bytes:
        return b"\0" if value is None else b"\x03" + (value.toordinal() - 1).to_bytes(3, "little")


@dataclass(frozen=True)
class Time7(ColumnType):
    """Times of day, as nanoseconds."""

    def type_info(self) -> bytes:
        return b"\x29\x07"

    def encode(self, value: int | None) -> bytes:
        return b"\0" if value is None else b"\x05" + _ticks(value)


@dataclass(frozen=True)
class DateTime2(ColumnType):
    """Times, as nanoseconds since 1970."""

    def type_info(self) -> bytes:
        return b"\x2a\x07"

    def encode(self, value: int | None) -> bytes:
        return b"\0" if value is None else b"\x08" + _moment(value)


@dataclass(frozen=True)
class DateTimeOffset(ColumnType):
    """Times of UTC, as nanoseconds since 1970; offsets are not kept."""

    def type_info(self) -> bytes:
        return b"\x2b\x07"

    def encode(self, value: int | None) -> bytes:
        return b"\0" if value is None else b"\x0a" + _moment(value) + struct.pack("<h", 0)


@dataclass(frozen=True)
class BytesMax(ColumnType):
    """Bytes of any length."""

    def type_info(self) -> bytes:
        return b"\xa5\xff\xff"

    def encode(self, value: bytes | None) -> bytes:
        if value is None:
            return b"\xff" * 8
        data = struct.pack("<I", len(value)) + value if value else b""
        return struct.pack("<Q", len(value)) + data + b"\0\0\0\0"


def _ticks(nanoseconds: int) -> bytes:
    return (nanoseconds // 100).to_bytes(5, "little")


def _moment(nanoseconds: int) -> bytes:
    day, rest = divmod(nanoseconds, NS_OF_A_DAY)
    return _ticks(rest) + (day + DAYS_TO_1970).to_bytes(3, "little")


_SIZES = {"BIGINT": 8, "INTEGER": 4, "SMALLINT": 2, "UTINYINT": 1, "TINYINT": 2, "UBIGINT": 8, "UINTEGER": 8}


def column_of(name: str, kind: str, values: Any) -> tuple[Column, list[Any]]:
    """A column of DuckDB's type and its values, as the wire takes them."""
    # Python's own times have no nanoseconds.
    if kind in ("TIMESTAMP_NS", "TIMESTAMP_S"):
        return Column(name, DateTime2()), values.cast(pa.timestamp("ns")).cast(pa.int64()).to_pylist()
    if "TIME ZONE" in kind:
        utc = values.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
        return Column(name, DateTimeOffset()), [None if value is None else value * 1000 for value in utc]
    if kind in ("TIME", "TIME_NS"):
        unit = 1 if kind == "TIME_NS" else 1000
        ints = values.cast(pa.int64()).to_pylist()
        return Column(name, Time7()), [None if value is None else value * unit for value in ints]
    rows = values.to_pylist()
    if kind.startswith("DECIMAL"):
        precision, scale = map(int, re.findall(r"\d+", kind))
        return Column(name, DecimalN(precision, scale)), rows
    if kind in _SIZES:
        return Column(name, Integer(_SIZES[kind])), rows
    if kind == "BLOB":
        is_short = all(value is None or len(value) == 8 for value in rows)
        return Column(name, VarBinary(8) if is_short else BytesMax()), rows
    if kind == "UUID":
        return Column(name, UniqueIdentifier()), [None if value is None else str(value) for value in rows]
    simple = {"HUGEINT": DecimalN(38, 0), "BOOLEAN": Bit(), "DOUBLE": Float(8), "FLOAT": Float(4), "DATE": Date()}
    if kind in simple:
        return Column(name, simple[kind]), rows
    if kind == "TIMESTAMP":
        return Column(name, DateTime()), rows
    is_long = any(value is not None and len(value) > LONGEST_TEXT for value in rows)
    return Column(name, NVarChar(None if is_long else LONGEST_TEXT)), rows
