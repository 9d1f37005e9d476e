"""The import direction of docs/architecture.md, and what the collector's cold start may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Azure's SDKs, and the libraries that reach storage: only these parts may name them.
EDGES = ("clickstream/delivery", "clickstream/lake")
SDKS = ("azure.eventhub", "azure.identity", "azure.storage", "azure.core", "obstore", "deltalake")
HEAVY = (
    "pyarrow",
    "numpy",
    "duckdb",
    "deltalake",
    "fastavro",
    "jsonschema_rs",
    "ua_parser",
    "ua_parser_rs",
    "maxminddb",
)


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"{folder} holds no source"
    return found


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("path", sources("clickstream"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_imports_no_shell_and_no_tool(path: Path) -> None:
    forbidden = ("azure.functions", "functions", "function_app", "local", "tests", "benchmarks", "distributed")
    assert [name for name in imports(path) if within(name, forbidden)] == []


@pytest.mark.parametrize("path", sources("functions"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_shell_imports_only_the_core(path: Path) -> None:
    assert [name for name in imports(path) if within(name, ("local", "tests", "benchmarks", *SDKS, *HEAVY))] == []


@pytest.mark.parametrize("path", sources("clickstream"), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_edge_imports_an_sdk(path: Path) -> None:
    if str(path.relative_to(ROOT)).startswith(EDGES):
        return
    assert [name for name in imports(path) if within(name, SDKS)] == []


def test_the_layer_test_sees_a_forbidden_import(tmp_path: Path) -> None:
    culprit = tmp_path / "culprit.py"
    culprit.write_text("def f() -> None:\n    from azure.eventhub.aio import EventHubProducerClient\n")
    assert [name for name in imports(culprit) if within(name, SDKS)] != []


def loaded_modules(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(output.split())


def test_the_cold_start_of_collect_imports_nothing_heavy() -> None:
    loaded = loaded_modules("import function_app; function_app.app.get_functions()")
    assert "clickstream.collecting.collector" in loaded
    assert sorted(set(HEAVY) & loaded) == []


def test_the_cold_start_of_collect_stays_within_its_budget_of_modules() -> None:
    # Counted, not timed: a count is the same on every machine. A third of it is dialects. Raise it only with a reason.
    libraries = "import azure.functions, orjson, yaml, zoneinfo, pydantic; type('M', (pydantic.BaseModel,), {})"
    loaded = loaded_modules("import function_app; function_app.app.get_functions()")
    assert len(loaded - loaded_modules(libraries)) <= 100


def test_the_first_event_imports_nothing_heavy_either() -> None:
    client = "from azure.eventhub.aio import EventHubProducerClient; from obstore.store import AzureStore"
    loaded = loaded_modules(f"import function_app; {client}")
    assert "azure.eventhub.aio" in loaded
    assert sorted(set(HEAVY) & loaded) == []
