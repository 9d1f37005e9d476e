"""Where bodies may take a liberty with JSON: found in their bytes, whatever lies around them."""

from __future__ import annotations

import re

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from clickstream.compacting.liberties import suspects

LIBERTY = re.compile(rb"[:,\[]\s*-?(?:nan|inf)|,\s*[}\]]", re.IGNORECASE)
WORDS = [
    b"nan",
    b"NaN",
    b"inf",
    b"Infinity",
    b"info",
    b"-",
    b":",
    b",",
    b"[",
    b"]",
    b"}",
    b" ",
    b"\t",
    b"\n",
    b"a",
    b'"',
]


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(b"".join), max_size=8), st.integers(0, 3))
def test_a_liberty_is_found_in_the_body_that_takes_it_and_in_no_other(bodies: list[bytes], skipped: int) -> None:
    bodies = [b'{"some":"body"' + body + b'"}' for body in bodies]
    array = pa.array(bodies, pa.binary()).cast(pa.binary_view()).slice(skipped)
    assert suspects(array).tolist() == [LIBERTY.search(body) is not None for body in bodies[skipped:]]


def test_one_across_the_edge_of_what_is_looked_at_at_once_is_found() -> None:
    for blanks in range(2**17 - 12, 2**17 + 4):
        array = pa.array([b'{"a":"' + b"x" * blanks + b'","b":NaN}', b'{"some":"long body"}'], pa.binary())
        assert suspects(array.cast(pa.binary_view())).tolist() == [True, False]
