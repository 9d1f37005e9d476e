"""Every abuse case that concerns what is sent to the collector, or asked of it, has a test named after it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CASES = {*range(1, 51), 58, *range(61, 66)}
NAMED = re.compile(r"test_cases?_(\d+(?:_(?:to|and)_\d+)*)_\D")


def cases_of(name: str) -> set[int]:
    """The cases in a test's name: `case_7`, `cases_12_and_33`, `cases_4_to_7_and_9`."""
    found = NAMED.match(name)
    cases: set[int] = set()
    for span in found[1].split("_and_") if found else ():
        first, _, last = span.partition("_to_")
        cases.update(range(int(first), int(last or first) + 1))
    return cases


def names_of_tests() -> Iterator[str]:
    for path in TESTS.rglob("test_*.py"):
        if "node_modules" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield node.name


def test_no_case_is_lost() -> None:
    assert sorted(CASES.difference(*map(cases_of, names_of_tests()))) == []


@pytest.mark.parametrize(
    ("name", "cases"),
    [
        ("test_case_7_x", {7}),
        ("test_cases_12_and_33_x", {12, 33}),
        ("test_cases_4_to_6_and_9_x", {4, 5, 6, 9}),
        ("test_case_49_after_20_kills", {49}),
        ("test_20_kills", set()),
    ],
)
def test_a_name_tells_its_cases(name: str, cases: set[int]) -> None:
    assert cases_of(name) == cases
