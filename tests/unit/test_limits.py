"""Every limit is in the table of docs/limits.md with the number that the code has, and no other is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from clickstream.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "limits.md"
LIMIT = re.compile(r"_?(MAX|LONGEST)_.*|.*LIMIT|.*_AT_ONCE|TRIES.*|.*DEADLINE.*")
SETTING = re.compile(r"max_.*|.*_(max_bytes|max_rows|deadline_ms|timeout_seconds|mb|concurrency|waiting_per_site)")
NO_LIMITS = frozenset({"capture.decode._BLOCKS_AT_ONCE"})  # from how many on it is worth its while


def shown(value: object) -> str | None:
    """A number as the table has it; None for what is none."""
    if isinstance(value, timedelta):
        return f"{value.days} days"
    if isinstance(value, str):
        return value if re.fullmatch(r"\d+[MGT]B", value) else None
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else None


def assigned(path: Path) -> Iterator[str]:
    """Names that a module assigns at its top level."""
    for statement in ast.parse(path.read_text()).body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        for target in targets:
            for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(name, ast.Name):
                    yield name.id


def constants() -> dict[str, str]:
    """The limits of the code, by module and name."""
    found: dict[str, str] = {}
    for path in sorted([*(ROOT / "clickstream").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name in assigned(path):
            label = f"{module.removeprefix('clickstream.')}.{name}"
            if not LIMIT.fullmatch(name) or label in NO_LIMITS:
                continue
            if (number := shown(getattr(import_module(module), name))) is not None:
                found[label] = number
    return found


def settings() -> dict[str, str]:
    """The limits that an operator sets, with their defaults."""
    return {each.name.upper(): f"{each.default:,}" for each in fields(Settings) if SETTING.fullmatch(each.name)}


def documented() -> dict[str, str]:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert all(len(row) == 3 and row[2].strip() for row in rows), "name, number, and what happens beyond it"
    names = [row[0].strip("` ") for row in rows]
    assert len(names) == len(set(names))
    return {name: row[1].strip() for name, row in zip(names, rows, strict=True)}


def test_every_limit_of_the_code_is_in_the_table_with_its_number() -> None:
    expected = {**settings(), **constants()}
    assert len(expected) > 100
    assert documented() == expected


def test_a_limit_that_is_new_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "new.py"
    module.write_text("MAX_NEW = 5\nOTHER, MAX_PAIRED = 1, 2\nMAX_TYPED: int = 3\n")
    assert [name for name in assigned(module) if LIMIT.fullmatch(name)] == ["MAX_NEW", "MAX_PAIRED", "MAX_TYPED"]
    assert (shown(262_144), shown(0.4), shown(timedelta(days=400)), shown("1GB")) == (
        "262,144",
        "0.4",
        "400 days",
        "1GB",
    )
