"""A test module imports no other: what several of them use is in a module of its own, so that each can be changed."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]


def imported(source: str) -> set[str]:
    """The last names of all modules that a source imports, also within functions."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {node.module or "", *(alias.name for alias in node.names)}
    return {name.rpartition(".")[2] for name in modules}


def test_no_test_module_is_imported() -> None:
    names = {path.stem for path in TESTS.rglob("test_*.py")}
    found = {str(path): imported(path.read_text()) & names for path in TESTS.rglob("*.py")}
    assert {path: modules for path, modules in found.items() if modules} == {}


def test_an_import_is_seen_wherever_it_is() -> None:
    assert "test_a" in imported("from tests.unit import test_a")
    assert "test_a" in imported("def f():\n    from tests.test_a import b")
    assert "test_a" in imported("import tests.test_a as b")
