"""Which of a few ids stand among very many: a look at sixteen bytes of each tells of nearly all that they do not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# One in so many places is taken by 60,000 ids; they lie in the processor's cache.
PLACES_BITS = 22
_WORD_BYTES = 8
# Odd numbers with many bits, as in splitmix64: any change of a word changes the upper bits of the product.
_SPREAD, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


def rows_with(batches: Iterable[pa.RecordBatch], schema: pa.Schema, column: str, wanted: pa.ChunkedArray) -> pa.Table:
    """The rows whose `column`, which is text, has one of the values."""
    values = pc.unique(wanted)
    taken = np.zeros(1 << PLACES_BITS, np.bool_)
    taken[_places(values)] = True
    few = [pa.RecordBatch.from_pylist([], schema)]
    for batch in batches:
        ids = batch.column(column)
        few.append(batch.take(pa.array(np.flatnonzero(taken[_places(ids)] | (_lengths(ids) < _WORD_BYTES)))))
    # Once for all of them: each time a table of the values is made.
    candidates = pa.Table.from_batches(few)
    return candidates.filter(pc.is_in(candidates[column], values))


def _places(ids: pa.Array) -> npt.NDArray[np.uint64]:
    """A number of each by its first and last eight bytes; of shorter ones any."""
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
    """Where each string begins in the data, and where the last one ends."""
    return np.frombuffer(ids.buffers()[1] or bytes(4), np.int32)[ids.offset :][: len(ids) + 1]


def _lengths(ids: pa.Array) -> npt.NDArray[np.int32]:
    return np.diff(_ends(ids))
