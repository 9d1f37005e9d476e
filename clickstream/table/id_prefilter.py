"""Find a few ids in a large column. A hash of 16 bytes of each id rules out almost all rows before exact comparison."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# The bits of a hash. Of the 2**22 places 60,000 ids take one in 70, and the table fits the processor's cache.
PLACES_BITS = 22
_WORD_BYTES = 8
# Odd numbers with many bits set, as in splitmix64: any change of a word changes the upper bits of the product.
_SPREAD, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


def rows_with(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, column: str, wanted_ids: pa.ChunkedArray
) -> pa.Table:
    """The rows whose text column `column` has one of the wanted ids."""
    values = pc.unique(wanted_ids)
    is_wanted = np.zeros(1 << PLACES_BITS, np.bool_)
    is_wanted[_places(values)] = True
    selected = [pa.RecordBatch.from_pylist([], schema)]
    for batch in batches:
        ids = batch.column(column)
        selected.append(batch.take(pa.array(np.flatnonzero(is_wanted[_places(ids)] | (_lengths(ids) < _WORD_BYTES)))))
    # Once for all batches, because each call builds a hash table of the values.
    candidates = pa.Table.from_batches(selected)
    return candidates.filter(pc.is_in(candidates[column], values))


def _places(ids: pa.Array) -> npt.NDArray[np.uint64]:
    """A hash of each id's first and last eight bytes, of PLACES_BITS bits. Meaningless for ids shorter than eight."""
    ends = _ends(ids)
    data = np.frombuffer(ids.buffers()[2] or b"", np.uint8)
    if len(data) < _WORD_BYTES:
        return np.zeros(len(ids), np.uint64)
    words = np.ndarray((len(data) - _WORD_BYTES + 1,), "<u8", data, 0, (1,))
    first = words[np.minimum(ends[:-1], len(words) - 1)]
    last = words[np.maximum(ends[1:] - _WORD_BYTES, 0)]
    places: npt.NDArray[np.uint64] = ((first ^ (last * _SPREAD)) * _MIX) >> np.uint64(64 - PLACES_BITS)
    return places


def _ends(ids: pa.Array) -> npt.NDArray[np.int32]:
    """The offsets at which each string begins in the data, and at which the last one ends."""
    return np.frombuffer(ids.buffers()[1] or bytes(4), np.int32)[ids.offset :][: len(ids) + 1]


def _lengths(ids: pa.Array) -> npt.NDArray[np.int32]:
    return np.diff(_ends(ids))
