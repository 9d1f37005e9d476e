"""Several sorted files as one, against plain Python's sort."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.table.sorted_merge import merged

SCHEMA = pa.schema([("site", pa.string()), ("at", pa.int64()), ("text", pa.string()), ("added", pa.string())])
ROWS = st.lists(st.tuples(st.none() | st.text(max_size=3), st.integers(-9, 9), st.none() | st.text()), max_size=30)


def write(folder: Path, name: int, rows: list[tuple[str | None, int, str | None]]) -> str:
    path = folder / f"{name}.parquet"
    columns = [pa.array([row[at] for row in rows], SCHEMA.field(at).type) for at in range(3)]
    pq.write_table(pa.table(columns, names=["site", "at", "text"]), path, row_group_size=7)
    return str(path)


def key(row: tuple[str | None, int, str | None]) -> tuple[bool, bytes, int]:
    """Nulls last, text by its bytes."""
    return row[0] is None, (row[0] or "").encode(), row[1]


@given(st.lists(st.tuples(ROWS, st.booleans()), min_size=1, max_size=4), st.integers(1, 20), st.integers(1, 9))
def test_the_rows_of_all_files_come_in_order_in_groups(
    files: list[tuple[list[tuple[str | None, int, str | None]], bool]], group: int, batch: int
) -> None:
    with TemporaryDirectory() as folder:
        paths = [
            write(Path(folder), at, sorted(rows, key=key) if in_order else rows)
            for at, (rows, in_order) in enumerate(files)
        ]
        groups = list(merged(paths, SCHEMA, ["site", "at"], group, batch))
    everything = [row for rows, in_order in files for row in (sorted(rows, key=key) if in_order else rows)]
    assert [table.num_rows for table in groups[:-1]] == [group] * (len(groups) - 1)
    result = [tuple(row.values()) for table in groups for row in table.to_pylist()]
    assert result == [(*row, None) for row in sorted(everything, key=key)]


def test_a_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(pa.ArrowInvalid):
        list(merged([str(tmp_path / "a.parquet")], SCHEMA, ["site", "at"]))
