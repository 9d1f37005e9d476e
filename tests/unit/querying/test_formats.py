"""Which form an answer is given in, and that no spreadsheet takes a text of it for a formula."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.errors import InvalidRequest, NotAcceptable
from clickstream.querying.formats import FORMULA_STARTS, Format, as_arrow, as_csv, as_parquet, chosen_format


@pytest.mark.parametrize(
    ("asked", "accept", "chosen"),
    [
        (None, None, "json"),
        (None, " ", "json"),
        (None, "*/*", "json"),
        (None, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        (None, "text/csv", "csv"),
        (None, "TEXT/CSV; charset=utf-8", "csv"),
        (None, "text/*", "csv"),
        (None, "application/json;q=0.5, text/csv;q=0.6", "csv"),
        (None, "application/json;q=0, */*", "csv"),
        (None, "application/*", "json"),
        (None, "application/vnd.apache.arrow.stream, */*;q=0.1", "arrow"),
        (None, "application/vnd.apache.parquet", "parquet"),
        ("csv", "application/json", "csv"),
        ("arrow", None, "arrow"),
    ],
)
def test_the_form_is_the_one_asked_for_or_else_liked_best(asked: str | None, accept: str | None, chosen: str) -> None:
    assert chosen_format(asked, accept) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "x", ",", "application/json;q=nan", "text/csv;q=2"]
)
def test_no_form_that_is_accepted_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="text/csv"):
        chosen_format(None, accept)


@given(st.text())
def test_any_accept_header_is_understood_or_refused(accept: str) -> None:
    with suppress(NotAcceptable):
        assert chosen_format(None, accept) in tuple(Format)


@pytest.mark.parametrize("word", ["", "xml", "JSON"])
def test_an_unknown_form_is_told(word: str) -> None:
    with pytest.raises(InvalidRequest, match="json, csv, arrow, parquet") as caught:
        chosen_format(word, None)
    assert caught.value.pointer == "/format"


def cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
        ("\t=1+1", "'\t=1+1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("+41 44", "'+41 44"),
        ("＝1", "'＝1"),  # noqa: RUF001
        (-5, "-5"),
        (-0.5, "-0.5"),
        ("-170141183460469231731687303715884105727", "-170141183460469231731687303715884105727"),
        ("-1.50", "-1.50"),
        ("-1.50\n", "'-1.50\n"),
        ("-٣", "'-٣"),
        ("+5", "'+5"),
        (2**60, str(2**60)),
        (True, "true"),
        (None, ""),
        ("a,b", "a,b"),
        ('say "hi"', 'say "hi"'),
        ("two\r\nlines", "two\r\nlines"),
        ("Zürich ☂", "Zürich ☂"),
        (["=1"], '["=1"]'),
        ({"a": 1}, '{"a": 1}'),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00+00:00"),
    ],
)  # fmt: skip
def test_a_cell_is_safe_and_numbers_stay_numbers(value: Any, shown: str) -> None:
    assert cells(as_csv(["name", "n"], [[value, 1]])) == [["name", "n"], [shown, "1"]]


def test_names_of_columns_are_safe_too() -> None:
    assert as_csv(["=1+1", "b"], []) == b"'=1+1,b\r\n"


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), max_size=5))
def test_any_text_comes_back_and_none_begins_as_a_formula(rows: list[list[str]]) -> None:
    _, *found = cells(as_csv(["a", "b"], rows))
    for row, came in zip(rows, found, strict=True):
        for text, cell in zip(row, came, strict=True):
            is_number = text.startswith("-") and text[1:].replace(".", "", 1).isdecimal()
            assert is_number or not cell.startswith(FORMULA_STARTS)
            assert cell in (text, f"'{text}")


def test_arrow_and_parquet_hold_the_same_table() -> None:
    moment = pa.array([datetime(2026, 3, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC"))
    table = pa.table({"text": ["=1", None], "n": [1, 2], "at": moment}).replace_schema_metadata({"meta": "{}"})
    assert pa.ipc.open_stream(as_arrow(table)).read_all().equals(table, check_metadata=True)
    read = pq.read_table(io.BytesIO(as_parquet(table)))
    assert read.equals(table)
    assert read.schema.metadata[b"meta"] == b"{}"


def test_the_dashboards_files_guard_against_the_same_signs() -> None:
    source = (Path(__file__).parents[3] / "dashboard" / "src" / "csv.ts").read_text()
    stated = re.search(r"FORMULA_STARTS = (\".*\");", source)
    assert stated is not None
    assert tuple(json.loads(stated[1])) == FORMULA_STARTS
