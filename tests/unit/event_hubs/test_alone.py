"""The emulator's folder is a distribution of its own: it needs nothing beside it, and starts at once."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "local" / "event_hubs"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
# What pytest brings, and what the measurement needs, which is not distributed.
ALLOWED = {"pytest_plugin.py": {"pytest"}, "throughput.py": {"azure.eventhub"}, "storage.py": {"azure"}}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_who_installs_it_alone_finds_all_that_it_imports(path: Path) -> None:
    outside = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= 1, "it leaves the folder"
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        outside |= {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    declared = {Requirement(text).name for text in PROJECT["dependencies"]} | ALLOWED.get(path.name, set())
    assert [name for name in sorted(outside) if not any(f"{name}.".startswith(f"{d}.") for d in declared)] == []


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("__main__", {"azure", "fastavro", "pytest", "http", "urllib.request"}),
        ("pytest_plugin", {"azure", "pydantic", "asyncio"}),
    ],
)
def test_a_start_pays_for_nothing_it_may_not_need(module: str, unwanted: set[str]) -> None:
    # `pytest` itself imports a lot, and is there already where the plugin is imported.
    before = "import pytest, sys; had = set(sys.modules)" if module == "pytest_plugin" else "import sys; had = set()"
    code = f"{before}\nimport local.event_hubs.{module}\nprint(*(set(sys.modules) - had))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert sorted(unwanted & set(done.stdout.split())) == []


def test_it_is_licensed_as_the_project_is() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert (FOLDER / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
