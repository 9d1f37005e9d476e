"""Reading CSV: every form that files have, rows that cannot be read, and going on at any row."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.importing.csv_rows import (
    MAX_ROW_LINES,
    UNPACKED_BYTES,
    Place,
    Row,
    detected,
    first_bytes,
    read_rows,
    skipped,
    unpacked,
)


def read(data: bytes, encoding: str | None = None, delimiter: str = ",", piece: int = 7) -> list[Row]:
    first, chunks = first_bytes(pieces(data, piece))
    codec, mark = detected(first, encoding)
    return list(read_rows(skipped(chunks, mark), codec, delimiter, Place(mark, 1)))


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def values(data: bytes, encoding: str | None = None) -> list[list[str]]:
    return [row.values for row in read(data, encoding)]


TEXT = 'id,name\r\n1,Zürich\r\n2,"a, ""b""\nc"\r\n'
ROWS = [["id", "name"], ["1", "Zürich"], ["2", 'a, "b"\nc']]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), None),
        (codecs.BOM_UTF8 + TEXT.encode(), None),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-16"), None),
        (TEXT.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), None),
        (TEXT.encode("utf-16-le"), "utf-16"),
        (TEXT.encode("utf-16-le"), None),
        (TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-be"), None),
        (codecs.BOM_UTF8 + TEXT.encode(), "latin-1"),
        (TEXT.encode("utf-16"), "utf-8"),
        (TEXT.encode("latin-1"), "latin-1"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.replace("\r\n", "\n").encode(), None),
        (TEXT.rstrip().encode(), None),
        (TEXT.replace("1,Zürich\r\n", "1,Zürich\n\n").encode(), None),
    ],
)
def test_rows_are_the_same_in_every_encoding_and_with_every_end_of_line(data: bytes, encoding: str | None) -> None:
    assert values(data, encoding) == ROWS


def test_lines_that_end_in_a_carriage_return_alone() -> None:
    assert values(b"id,name\r1,a\r2,b\r") == [["id", "name"], ["1", "a"], ["2", "b"]]


def test_a_file_that_ends_within_a_character_has_the_rows_before() -> None:
    rows = iter(read_rows([TEXT.encode("utf-16-le")[:-1]], "utf-16-le", ",", Place()))
    assert [next(rows).values, next(rows).values] == ROWS[:2]
    with pytest.raises(EOFError, match="within a character"):
        next(rows)


def test_a_row_knows_the_line_where_it_begins() -> None:
    assert [(row.line, row.lines) for row in read(b'a\n\n"b\nc"\nd\n')] == [(1, 1), (3, 2), (5, 1)]


@pytest.mark.parametrize(
    ("data", "bad", "good"),
    [
        (b'id,name\n1,"b"c\n2,ok\n', [(2, '1,"b"c\n')], ["id", "2"]),
        (b'id,name\n1,"open\n2,b\n3,c\n', [(2, '1,"open\n')], ["id", "2", "3"]),
        (b'id,name\n1,"open', [(2, '1,"open')], ["id"]),
    ],
)
def test_a_row_that_cannot_be_read_takes_no_other_with_it(
    data: bytes, bad: list[tuple[int, str]], good: list[str]
) -> None:
    rows = read(data)
    assert [(row.line, row.text) for row in rows if row.problem is not None] == bad
    assert [row.values[0] for row in rows if row.problem is None] == good


def test_an_open_quote_ends_after_a_hundred_lines() -> None:
    data = b'id,name\n1,"open\n' + b"".join(b"%d,x\n" % number for number in range(2, 300))
    rows = read(data, piece=1000)
    assert [row.line for row in rows if row.problem] == [2]
    assert [row.values[0] for row in rows if not row.problem] == ["id", *(str(number) for number in range(2, 300))]
    assert MAX_ROW_LINES == 100


def test_a_quote_within_text_is_text() -> None:
    assert values(b'id,name\n1,a "q" b\n') == [["id", "name"], ["1", 'a "q" b']]


def test_bytes_that_are_no_text_are_in_their_row_alone() -> None:
    rows = read(b"id,name\n1,Z\xfcrich\n2,ok\n")
    assert rows[1].values[1] == "Z\udcfcrich"
    assert rows[2].values == ["2", "ok"]


def test_a_long_field_is_read_whole() -> None:
    assert len(read(b"id\n" + b"x" * 300_000, piece=65_536)[1].values[0]) == 300_000


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])), min_size=2, max_size=3)
    ),
    st.sampled_from(["utf-8", "utf-16-le"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 50),
)
def test_reading_goes_on_at_any_row(rows: list[list[str]], codec: str, end: str, piece: int) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    data = text.getvalue().encode(codec)
    whole = list(read_rows(pieces(data, piece), codec, ",", Place()))
    assert [row.values for row in whole if row.problem is None] == [
        row for row in rows if row_lines(row) <= MAX_ROW_LINES
    ]
    for index, row in enumerate(whole):
        rest = read_rows(pieces(data[row.end :], piece), codec, ",", Place(row.end, row.line + row.lines))
        assert list(rest) == whole[index + 1 :]


def row_lines(row: list[str]) -> int:
    return 1 + sum(value.count("\n") for value in row)


def test_gzip_of_several_members_is_one_file() -> None:
    data = gzip.compress(b"a\n") + gzip.compress(b"b\n")
    for padded in (data, data + bytes(512)):
        assert b"".join(unpacked(memoryview(piece) for piece in pieces(padded, 5))) == b"a\nb\n"
    with pytest.raises(zlib.error):
        list(unpacked([memoryview(data + b"rest")]))
    pieces_of_a_bomb = list(unpacked([memoryview(gzip.compress(b"x" * 20_000_000))]))
    assert sum(map(len, pieces_of_a_bomb)) == 20_000_000
    assert max(map(len, pieces_of_a_bomb)) <= UNPACKED_BYTES
    with pytest.raises(EOFError):
        list(unpacked([memoryview(data[:-3])]))
