"""Distinct values of columns, so that work is done once per value and not once per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Distinct:
    """`rows` has every combination of values once; `of_row` is, for each original row, the index of its combination."""

    rows: pa.Table
    of_row: pa.Array


def distinct(table: pa.Table, columns: Sequence[str]) -> Distinct:
    """The distinct combinations of values in these columns (at least one); null counts as a value."""
    first, *others = (_encoded(table[name]) for name in columns)
    codes, values = first.indices, [first.dictionary]
    for encoded in others:
        count = pa.scalar(len(encoded.dictionary), pa.int64())
        # Codes only number values that occur, so a product never exceeds the square of the number of rows.
        pairs = pc.add(pc.multiply(codes.cast(pa.int64()), count), encoded.indices.cast(pa.int64())).dictionary_encode()
        left = pc.divide(pairs.dictionary, count) if len(pairs) else pairs.dictionary
        right = pc.subtract(pairs.dictionary, pc.multiply(left, count))
        values = [*(value.take(left) for value in values), encoded.dictionary.take(right)]
        codes = pairs.indices
    return Distinct(pa.table(values, names=list(columns)), codes)


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(whole.type):
        whole = whole.cast(whole.type.value_type)
    return whole.dictionary_encode(null_encoding="encode")
