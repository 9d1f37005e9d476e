"""Which files are of a sequence, and their order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clickstream.importing.sequence import files_of, folder_of, stamp_of
from clickstream.sites.imports import CsvImport
from clickstream.storage.blobs import ListedBlob


def job(file: str, prefix: str | None = None) -> CsvImport:
    source = {"connection": "a", "container": "in-files", "file": file, "prefix": prefix}
    return CsvImport.model_validate({"name": "a", "import": "csv", "stream": "a", "from": source})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a-20260301.csv", datetime(2026, 3, 1)),
        ("a-2026-03-01.csv.gz", datetime(2026, 3, 1)),
        ("a-2026030112.csv", datetime(2026, 3, 1, 12)),
        ("a_20260301_1230.csv", datetime(2026, 3, 1, 12, 30)),
        ("2026-03-01T12:30:15.csv", datetime(2026, 3, 1, 12, 30, 15)),
        ("20260301123015.csv", datetime(2026, 3, 1, 12, 30, 15)),
        ("a1772366415.csv", datetime(2026, 3, 1, 12, 0, 15)),
        ("a-1772366415000.csv", datetime(2026, 3, 1, 12, 0, 15)),
        ("1000-20260301.csv", datetime(2026, 3, 1)),
        ("a-20260230.csv", None),
        ("a.csv", None),
        ("a-20260301.txt", None),
        ("a-20260301.csv.bak", None),
    ],
)
def test_the_timestamp_of_a_name(name: str, expected: datetime | None) -> None:
    assert stamp_of(name) == (None if expected is None else expected.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("file", "prefix", "folder"),
    [
        ("a/b/c-20260301.csv", None, "a/b/"),
        ("c-20260301.csv", None, ""),
        ("a/c-20260301.csv", "a/[bc]-", "a/"),
        ("a/c-20260301.csv", "a/b?/c-", "a/"),
        ("a/c-20260301.csv", "a/c-|b/c-", ""),
        ("a/c-20260301.csv", ".*", ""),
    ],
)
def test_the_folder_that_is_listed_has_all_files(file: str, prefix: str | None, folder: str) -> None:
    assert folder_of(job(file, prefix)) == folder


def test_files_are_ordered_by_timestamp_and_then_by_path() -> None:
    names = ["in/b-20260302.csv", "in/a-20260302.csv", "in/a-20260301.csv", "in/aa-20260303.csv", "in/a.csv"]
    blobs = [ListedBlob(name, 1, "v") for name in names]
    assert [file.path for file in files_of(job("in/a-20260301.csv"), blobs)] == [
        "in/a-20260301.csv",
        "in/a-20260302.csv",
    ]
    assert [file.path for file in files_of(job("in/a-20260301.csv", "in/(a|b)-"), blobs)] == [
        "in/a-20260301.csv",
        "in/a-20260302.csv",
        "in/b-20260302.csv",
    ]
