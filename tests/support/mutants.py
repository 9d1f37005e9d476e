"""Copies of modules, one of them with a part of its source changed: a test that holds for the copy shows nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any


def replacing(there: str, instead: str) -> Callable[[str], str]:
    """A change of a source. It raises AssertionError if the source does not have the text."""

    def change(source: str) -> str:
        assert there in source, f"the rule has the text {there!r}"
        return source.replace(there, instead)

    return change


@contextmanager
def mutated(
    modules: Sequence[ModuleType], changed: ModuleType, change: Callable[[str], str]
) -> Iterator[Mapping[str, Any]]:
    """Copies of the modules by the last part of their names, `changed` with its source changed.

    A copy imports the copies of the modules before it.
    """
    copies: dict[str, ModuleType] = {}
    try:
        for module in modules:
            source = Path(str(module.__file__)).read_text()
            source = change(source) if module is changed else source
            for other in modules:
                source = source.replace(f"from {other.__name__} import", f"from mutant_of_{_name(other)} import")
            copy = ModuleType(f"mutant_of_{_name(module)}")
            sys.modules[copy.__name__] = copies[_name(module)] = copy
            exec(compile(source, copy.__name__, "exec"), copy.__dict__)
        yield copies
    finally:
        for copy in copies.values():
            sys.modules.pop(copy.__name__, None)


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
