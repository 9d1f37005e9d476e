"""The order of rows in a file, and the row groups it is written in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from clickstream.model.schema import TIMESTAMP
from clickstream.table.parquet_files import sorted_order, write_file

MOMENT = datetime(2026, 3, 10, tzinfo=UTC)
SCHEMA = pa.schema([("day", pa.date32()), ("site", pa.string()), ("at", TIMESTAMP)])
ROWS = st.lists(
    st.tuples(
        st.dates(date(2026, 1, 1), date(2026, 1, 3)),
        st.sampled_from([None, "", "a", "b", "ä", "\U0001f600", "\uffff"]),
        st.integers(-9, 9).map(lambda seconds: MOMENT + timedelta(seconds=seconds)),
    ),
    max_size=20,
)


@given(ROWS, st.integers(1, 7))
def test_rows_stand_in_order_whatever_chunks_they_come_in(
    rows: list[tuple[date, str | None, datetime]], size: int
) -> None:
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), SCHEMA, strict=False)]
    whole = pa.table(columns, schema=SCHEMA) if rows else SCHEMA.empty_table()
    table = pa.Table.from_batches(whole.to_batches(max_chunksize=size), SCHEMA)
    ordered = table.take(pa.array(sorted_order(table, ["day", "site", "at"])))
    expected = sorted(rows, key=lambda row: (row[0], row[1] is None, (row[1] or "").encode(), row[2]))
    assert [tuple(row.values()) for row in ordered.to_pylist()] == expected


def test_statistics_of_several_row_groups_have_the_bounds_of_all() -> None:
    groups = [
        pa.table({"site": ["b", "c"], "number": [3, 4]}),
        pa.table({"site": ["a", None], "number": pa.array([None, None], pa.int64())}),
    ]
    target = BytesIO()
    statistics = write_file(groups, groups[0].schema, target)
    assert pq.ParquetFile(target).num_row_groups == 2
    assert statistics == (
        '{"numRecords":4,"minValues":{"site":"a","number":3},"maxValues":{"site":"c","number":4},'
        '"nullCount":{"site":1,"number":2}}'
    )
