"""Rows of a table as events: values, times, ids, and options that do not fit the table."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest

from clickstream.importing.sql_rows import TableMapper, TableRow, selected_columns, text_of
from clickstream.importing.sql_statements import SqlColumn
from clickstream.jobs.failing import JobFailed
from clickstream.sites.table_imports import SqlImport

AT = datetime(2026, 3, 11, 4, 0, tzinfo=UTC)
TIME = datetime(2026, 3, 29, 2, 30)


def job(**fields: Any) -> SqlImport:
    source = {"connection": "erp", "table": "orders", "timestamp_column": "changed", **fields.pop("from", {})}
    return SqlImport.model_validate({"name": "orders", "import": "sql", "from": source, **fields})


def mapped(table: dict[str, tuple[str, Any]], texts: list[str | None], **fields: Any) -> list[TableRow]:
    columns = [SqlColumn(name, kind) for name, (kind, _) in table.items()]
    values = {name: values for name, (_, values) in table.items()}
    batch = pa.RecordBatch.from_pydict({**values, "__t": pa.array(texts, pa.string())})
    return list(TableMapper(job(**fields), "shop", columns, AT).rows(batch))


def event(row: TableRow) -> dict[str, Any]:
    assert row.event is not None, row.problem
    return dict(row.event)


def test_values_are_numbers_only_if_json_has_them_exactly() -> None:
    plus_two = timezone(timedelta(hours=2))
    table: dict[str, tuple[str, Any]] = {
        "changed": ("datetime2", [TIME]),
        "int": ("int", [7]),
        "exact": ("bigint", [2**53]),
        "big": ("bigint", [2**53 + 1]),
        "price": ("decimal", [Decimal("12.50")]),
        "long": ("decimal", [Decimal("12345678901234567890.1234")]),
        "flag": ("bit", [True]),
        "share": ("float", [0.5]),
        "day": ("date", [date(2026, 2, 3)]),
        "clock": ("time", pa.array([36_672_123_456_700], pa.time64("ns"))),
        "moment": ("datetimeoffset", pa.array([datetime(2026, 1, 1, 10, tzinfo=plus_two)], pa.timestamp("us", "UTC"))),
        "local": ("datetime", [datetime(2026, 1, 1, 10)]),
        "bytes": ("varbinary", [b"\x01\xff"]),
        "text": ("nvarchar", ["Zürich"]),
        "empty": ("nvarchar", [""]),
        "none": ("nvarchar", pa.array([None], pa.string())),
    }
    (row,) = mapped(table, ["2026-03-29 02:30:00.0000000"])
    assert event(row)["properties"] == {
        "int": 7, "exact": 9007199254740992, "big": "9007199254740993", "price": 12.5,
        "long": "12345678901234567890.1234", "flag": True, "share": 0.5, "day": "2026-02-03",
        "clock": "10:11:12.123456700", "moment": "2026-01-01T08:00:00Z", "local": "2026-01-01T10:00:00",
        "bytes": "0x01FF", "text": "Zürich",
    }  # fmt: skip
    assert orjson.loads(row.original)["none"] is None
    assert text_of(Decimal("1E+3")) == "1000"


@pytest.mark.parametrize(
    ("kind", "value", "zone", "moment"),
    [
        ("datetime2", TIME, "UTC", "2026-03-29T02:30:00+00:00"),
        ("datetime2", TIME, "America/New_York", "2026-03-29T06:30:00+00:00"),
        ("date", date(2026, 3, 29), "Europe/Berlin", "2026-03-28T23:00:00+00:00"),
        ("datetimeoffset", datetime(2026, 3, 29, 2, 30, tzinfo=UTC), "Europe/Berlin", "2026-03-29T02:30:00+00:00"),
        ("datetime2", None, "UTC", "2026-03-11T04:00:00+00:00"),
    ],
)
def test_an_event_has_the_time_of_its_column_in_the_columns_zone(kind: str, value: Any, zone: str, moment: str) -> None:
    (row,) = mapped({"changed": (kind, [value])}, ["t"], **{"from": {"column_time_zone": zone}})
    assert event(row)["created_at"] == moment


def test_columns_become_the_fields_of_an_event_by_the_map() -> None:
    table: dict[str, tuple[str, Any]] = {
        "id": ("int", [7]),
        "what": ("nvarchar", ["bought"]),
        "total": ("money", [Decimal("9.9000")]),
        "doc": ("nvarchar", ['{"a": 1}']),
        "changed": ("datetime2", [TIME]),
        "ordered": ("datetime2", [datetime(2026, 1, 1)]),
        "note": ("nvarchar", ["x"]),
    }
    fields = {"event_field": "what", "map": {"user_id": "id", "revenue": "total", "properties": "doc"}}
    (row,) = mapped(table, ["t"], **{"from": {"record_timestamp_column": "ordered", "key": ["id"]}}, **fields)
    found = event(row)
    assert (found["name"], found["user_id"], found["revenue"]) == ("bought", "7", "9.9000")
    assert found["properties"] == {"a": 1, "note": "x"}
    assert found["created_at"] == "2026-01-01T00:00:00+00:00"
    table["doc"] = ("nvarchar", ["[1]"])
    (row,) = mapped(table, ["t"], **{"from": {"record_timestamp_column": "ordered"}}, **fields)
    assert (row.event, row.problem) == (None, "doc: is no JSON object")
    assert orjson.loads(row.original)["total"] == 9.9


def test_ids_follow_from_key_and_timestamp_or_from_all_of_the_row() -> None:
    table: dict[str, tuple[str, Any]] = {
        "id": ("int", [1, 1, 2, 1]),
        "n": ("int", [5, 5, 5, 6]),
        "changed": ("datetime2", [TIME] * 4),
    }
    texts: list[str | None] = ["a", "a", "a", "b"]
    by_key = [event(row)["event_id"] for row in mapped(table, texts, **{"from": {"key": ["id"]}})]
    assert by_key[0] == by_key[1] and len(set(by_key)) == 3
    by_row = [event(row)["event_id"] for row in mapped(table, texts)]
    assert len(set(by_row)) == 4, "equal rows are counted"
    assert by_row == [event(row)["event_id"] for row in mapped(table, texts)]
    assert all(row.failed_id not in by_row for row in mapped(table, texts))
    empty: dict[str, tuple[str, Any]] = {"id": ("nvarchar", ["", None]), "changed": ("datetime2", [TIME] * 2)}
    assert len({event(row)["event_id"] for row in mapped(empty, ["a", "a"], **{"from": {"key": ["id"]}})}) == 2


COLUMNS = [SqlColumn("id", "int"), SqlColumn("changed", "datetime2"), SqlColumn("rv", "timestamp")]


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"from": {"timestamp_column": "id"}}, "job_definition", "from/timestamp_column: its type is none of"),
        ({"from": {"record_timestamp_column": "id"}}, "job_definition", "from/record_timestamp_column: its type"),
        ({"from": {"timestamp_column": "rv"}}, "job_definition", "is required, because a rowversion is no time"),
        ({"from": {"key": ["Id"]}}, "job_definition", "from/key: 'Id' is no column of orders (is 'id' meant?)"),
        ({"fields": ["colour"]}, "job_definition", "fields: 'colour' is no column of orders"),
        ({"map": {"user_id": "ID"}}, "job_definition", "map/user_id: 'ID' is no column of orders"),
    ],
)
def test_options_that_do_not_fit_the_table_are_refused(fields: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(JobFailed) as failure:
        selected_columns(job(**fields), COLUMNS)
    assert failure.value.code == code
    assert message in failure.value.message


def test_only_columns_that_are_used_are_read() -> None:
    place = SqlColumn("place", "geography")
    assert selected_columns(job(fields=["id"]), [*COLUMNS, place]) == ["id", "changed"]
    with pytest.raises(JobFailed, match="place cannot be imported; name `fields` without them"):
        selected_columns(job(), [*COLUMNS, place])
    with pytest.raises(JobFailed, match="there is no table orders"):
        selected_columns(job(), [])
