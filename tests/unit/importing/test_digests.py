"""Digests of rows: sorted in ranges, looked up on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pytest

from clickstream.importing.digests import DIGEST_BYTES, RowDigests, SortedDigests
from clickstream.jobs.failing import JobFailed

KEY = b"k" * 16


class Blobs(dict[str, bytes]):
    """A container in memory."""

    def write(self, path: str, data: Any) -> None:
        self[path] = data.read_bytes() if isinstance(data, Path) else bytes(data)

    def download(self, path: str, local: BinaryIO) -> int | None:
        return local.write(self[path]) if path in self else None


@pytest.mark.parametrize("at_once", [500_000, 70, 7])
def test_digests_are_sorted_and_found_whatever_is_in_memory_at_once(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream.importing.digests.SORTED_ROWS", at_once)
    monkeypatch.setattr("clickstream.importing.digests.BLOCK_BYTES", 3 * DIGEST_BYTES)
    blobs: Any = Blobs()
    read = RowDigests(blobs, KEY, None, [])
    digests = [read.add(b"%d" % number) for number in range(500)]
    read.store_part("part")
    digests += [read.add(b"later %d" % number) for number in range(100)]
    read.store("sorted")
    assert blobs["sorted"] == b"".join(sorted(digests))
    previous = RowDigests(blobs, KEY, "sorted", [])
    for start in range(0, len(digests), 5):
        unknown = previous.add(b"unknown %d" % start)
        assert previous.known([*digests[start : start + 5], unknown]) == [True] * 5 + [False]


def test_what_begins_in_the_middle_of_a_digest_is_none() -> None:
    first, second = b"\x01" * 8 + b"\x05" * 8, b"\x06" * 16
    blobs: Any = Blobs({"sorted": first + second})
    assert SortedDigests(blobs, "sorted").have([first, first[8:] + second[:8], second]) == [True, False, True]


def test_a_file_without_rows_has_no_digests() -> None:
    blobs: Any = Blobs()
    RowDigests(blobs, KEY, None, []).store("none")
    assert RowDigests(blobs, KEY, "none", []).known([b"x" * 16]) == [False]


def test_digests_that_are_gone_are_the_operators() -> None:
    blobs: Any = Blobs()
    with pytest.raises(JobFailed, match="`reset` the job") as failed:
        RowDigests(blobs, KEY, None, ["part"]).store("sorted")
    assert failed.value.code == "no_digests"
    with pytest.raises(JobFailed, match="`reset` the job"):
        RowDigests(blobs, KEY, "sorted", [])
