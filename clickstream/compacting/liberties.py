"""Liberties that duckdb reads as JSON and other readers of the table do not: NaN, Infinity, a comma before a bracket.

They are looked for in the bodies' bytes. What is found inside a string means nothing, so a finding is a suspicion.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clickstream.compacting.decode import INLINE_BYTES
from clickstream.compacting.walk import Bytes, Longs

_LIBERTY = re.compile(rb"[:,\[]\s*-?(?:nan|inf)|,\s*[}\]]", re.IGNORECASE)
# So much at once stays in the processor's cache.
_WINDOW_BYTES = 2**17
# What may stand before a value, what between the two, and what else there is.
_OTHER, _OPENING, _BETWEEN = range(3)
_KINDS: Bytes = np.zeros(256, np.uint8)
_KINDS[list(b":,[")] = _OPENING
_KINDS[list(b"- \t\r\n")] = _BETWEEN
_NOWHERE: Longs = np.empty(0, np.int64)
_A, _F, _I, _N, _COMMA, _BRACKET, _BLANK = (ord(letter) for letter in "afin,} ")


def suspects(bodies: pa.Array) -> npt.NDArray[np.bool_]:
    """Of each body, whether it may take a liberty; a null takes none. An array of binary or string views."""
    found = np.zeros(len(bodies), np.bool_)
    buffers = bodies.buffers()
    if len(buffers) != 3:  # such arrays are small, or are made by tests
        return np.array([body is not None and _takes_any(body) for body in bodies.to_pylist()], np.bool_)
    views = np.frombuffer(buffers[1], np.int32).reshape(-1, 4)[bodies.offset :][: len(bodies)]
    # A body that its view holds itself is shorter than any event, and fails as one.
    rows = np.flatnonzero(views[:, 0] > INLINE_BYTES)
    if not len(rows):
        return found
    rows = rows[np.argsort(views[rows, 3], kind="stable")]
    starts, lengths = views[rows, 3].astype(np.int64), views[rows, 0]
    first, end = int(starts[0]), int(starts[-1] + lengths[-1])
    places = _places(np.frombuffer(buffers[2], np.uint8)[first:end]) + first
    for at in np.unique(np.maximum(np.searchsorted(starts, places, "right") - 1, 0)).tolist():
        start = int(starts[at])
        found[rows[at]] = _LIBERTY.search(buffers[2], start, start + int(lengths[at])) is not None
    return found


def _takes_any(body: bytes | str) -> bool:
    return _LIBERTY.search(body if isinstance(body, bytes) else body.encode()) is not None


def _places(octets: Bytes) -> Longs:
    """Where a word or a comma before a bracket may be."""
    words, commas = [_NOWHERE], [_NOWHERE]
    for start in range(0, len(octets), _WINDOW_BYTES):
        window = octets[start : start + _WINDOW_BYTES + 2]
        lower = window | 32  # of letters; either bracket becomes the brace
        n = lower == _N
        word = n[:-2] & n[2:]
        inf = lower[2:] == _F
        inf &= n[1:-1]
        word |= inf
        words.append(np.flatnonzero(word) + start)
        comma = window[:-1] == _COMMA
        close = lower[1:] == _BRACKET
        close |= window[1:] <= _BLANK
        comma &= close
        commas.append(np.flatnonzero(comma) + start)
    word_at, comma_at = np.concatenate(words), np.concatenate(commas)
    # The letters that were not looked at above; there are few places left to look.
    word_at = word_at[(octets[word_at + 1] | 32 == _A) | (octets[word_at] | 32 == _I)]
    # Many a title has a comma and a blank, or a blank and one of the letters: one byte more tells most of them.
    before, earlier = _KINDS[octets[word_at - 1]], _KINDS[octets[word_at - 2]]
    word_at = word_at[(before == _OPENING) | ((before == _BETWEEN) & (earlier != _OTHER))]
    after = octets[np.minimum(comma_at + 2, len(octets) - 1)]
    mere_blank = (octets[comma_at + 1] == _BLANK) & (after > _BLANK) & (after | 32 != _BRACKET)
    return np.concatenate([word_at, comma_at[~mere_blank]])
