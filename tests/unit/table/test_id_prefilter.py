"""Ids found among many others, whatever they look like."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from clickstream.table.id_prefilter import rows_with

SCHEMA = pa.schema([("id", pa.string()), ("file", pa.int32())])
# Ids of any length, among them such as begin and end alike.
IDS = st.one_of(
    st.text(max_size=12),
    st.tuples(st.sampled_from(["", "12345678", "äöü-1234"]), st.text("ab", max_size=3)).map(
        lambda two: two[1].join([two[0]] * 2)
    ),
)


@given(st.lists(st.lists(IDS, max_size=8), max_size=4), st.lists(IDS, max_size=8), st.integers(0, 3))
def test_exactly_the_rows_that_have_one_of_the_ids_are_found(
    files: list[list[str]], wanted: list[str], skipped: int
) -> None:
    batches = [
        pa.record_batch([pa.array(ids, pa.string()), pa.array([number] * len(ids), pa.int32())], schema=SCHEMA)
        for number, ids in enumerate(files)
    ]
    result = rows_with(
        (batch.slice(skipped) for batch in batches), SCHEMA, "id", pa.chunked_array([wanted], pa.string())
    )
    assert result.schema == SCHEMA
    assert result.to_pylist() == [
        {"id": each, "file": number} for number, ids in enumerate(files) for each in ids[skipped:] if each in wanted
    ]
