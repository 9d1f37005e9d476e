"""In which order workers take the files of tests."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.support.scheduling import FOLDERS, SHARING, position, scope

TESTS = Path(__file__).parents[1]


def test_every_folder_of_tests_has_its_place_and_every_shared_folder_exists() -> None:
    assert {path.name for path in TESTS.iterdir() if any(path.rglob("test_*.py"))} == set(FOLDERS)
    assert [folder for folder in SHARING if not (TESTS.parent / folder).is_dir()] == []


def test_what_waits_comes_first_and_what_computes_last() -> None:
    ids = ["tests/integration/a/test_a.py::test_a", "tests/unit/test_b.py::test_b[x::/e2e/]", "tests/e2e/test_c.py::c"]
    assert sorted(ids, key=position) == [ids[2], ids[1], ids[0]]
    assert position("elsewhere/test_d.py::test_d") == -1


def test_a_file_stays_whole_and_so_does_a_folder_that_shares_a_browser() -> None:
    ids = [
        "tests/browser/dashboard/test_use.py::test_a",
        "tests/browser/dashboard/test_numbers.py::test_b",
        "tests/browser/test_basics.py::test_c",
        "tests/e2e/test_books.py::test_d",
        "tests/e2e/test_books.py::test_e[a/b::c]",
        "tests/e2e/contract/test_contract.py::test_f",
    ]
    assert [(name, len(list(group))) for name, group in groupby(ids, scope)] == [
        ("tests/browser/dashboard", 2),
        ("tests/browser", 1),
        ("tests/e2e/test_books.py", 2),
        ("tests/e2e/contract/test_contract.py", 1),
    ]
