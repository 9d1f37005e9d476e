"""The table of docs/architecture.md: who imports what. And what the collector's cold start may cost."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
CORE, SHELL = "clickstream", ("functions", "function_app")
COMMANDS = "*/__main__"
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
Imports = Mapping[str, set[str]]
"""The modules that each module imports, anywhere in its text."""


def sources(folder: str) -> list[Path]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths, f"{folder} holds no source"
    return paths


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the page, without its two first lines."""
    section = PAGE.split(f" {heading}\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def parts_table() -> dict[str, set[str]]:
    """The parts that each part of `clickstream`, the commands and the shell may import, in the page's order."""
    table: dict[str, set[str]] = {}
    for part, _, imported in rows_of("Parts"):
        for name in names(part):
            if imported == "nothing" or names(imported):
                table[name.removeprefix(f"{CORE}/").removesuffix("/").removesuffix(".py")] = set(names(imported))
    return table


def part_of(module: str) -> str:
    """The row of the table that a module belongs to; empty for the package `clickstream` itself."""
    first, *others = module.split(".")
    if first != CORE:
        return "functions" if first in SHELL else first
    return COMMANDS if others[-1:] == ["__main__"] else "".join(others[:1])


def read_imports(root: Path, folders: Iterable[str] = (CORE, *SHELL)) -> Imports:
    """All imports of the modules below these folders: at the top, in functions, and for type checkers only."""
    files = {}
    for folder in folders:
        for path in (*(root / folder).rglob("*.py"), *root.glob(f"{folder}.py")):
            files[".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")] = path
    return {module: set(_imported(path, files)) for module, path in files.items()}


def _imported(path: Path, modules: Iterable[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path} imports relatively"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                # `from azure import storage` names a library as well, but `from x import function` no module
                yield name if name in modules or node.module in ("azure", CORE) else node.module


def forbidden(imports: Imports, table: Mapping[str, set[str]]) -> list[str]:
    """Imports between parts that the table does not list, and any of folders that are never deployed."""
    problems = []
    for module, imported in sorted(imports.items()):
        part = part_of(module)
        for name in sorted(imported):
            other = part_of(name)
            if (
                name.split(".")[0] in ("local", "tests", "benchmarks", "distributed")
                or (part != "functions" and (name.split(".")[0] in SHELL or f"{name}.".startswith("azure.functions.")))
                or (name.split(".")[0] == CORE and other != part and other not in table.get(part, ()))
            ):
                problems.append(f"{module} imports {name}")
    return problems


def unused(imports: Imports, table: Mapping[str, set[str]]) -> list[str]:
    """Entries of the table that no import needs."""
    used: defaultdict[str, set[str]] = defaultdict(set)
    for module, imported in imports.items():
        used[part_of(module)] |= {part_of(name) for name in imported if name.split(".")[0] == CORE}
    return [f"{part} imports {other}" for part, others in table.items() for other in sorted(others - used[part])]


def circle_of_files(imports: Imports) -> list[str]:
    """Modules that import one another in a circle; empty if there is none."""
    return _circle({module: {name for name in imported if name in imports} for module, imported in imports.items()})


def circle_of_packages(imports: Imports) -> list[str]:
    """Packages, those within packages too, that import one another in a circle; empty if there is none."""
    packages: defaultdict[str, set[str]] = defaultdict(set)
    for module, imported in imports.items():
        package = _package(module, imports)
        packages[package] |= {_package(name, imports) for name in imported if name in imports} - {package}
    return _circle(packages)


def _package(module: str, imports: Imports) -> str:
    if module.endswith(".__main__"):  # belongs to the commands; nothing imports it
        return module
    if module in SHELL:  # one part, as in the table
        return SHELL[0]
    is_package = any(name.startswith(f"{module}.") for name in imports)
    parent = module if is_package else module.rpartition(".")[0]
    return module if parent == CORE else parent  # a module beside the packages is a part of its own


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def importers(imports: Imports, library: str) -> set[str]:
    """The parts that import a library, or a module of it."""
    return {part_of(module) for module, imported in imports.items() for name in imported if within(name, (library,))}


def within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


TABLE = parts_table()


@cache
def imports_of_all() -> Imports:
    """Every process that runs tests loads this module; one needs the imports."""
    return read_imports(ROOT)


LIBRARIES = {names(library)[0]: set(names(parts)) for library, parts, _ in rows_of("Libraries that reach outside")}


def test_every_import_between_parts_is_in_the_table() -> None:
    assert forbidden(imports_of_all(), TABLE) == []


def test_every_entry_of_the_table_is_used() -> None:
    assert unused(imports_of_all(), TABLE) == []


def test_every_part_has_a_row() -> None:
    assert {part_of(module) for module in imports_of_all()} - {""} == set(TABLE)


def test_a_part_imports_only_from_rows_above_its_own() -> None:
    order = list(TABLE)
    assert [
        (part, each) for part, others in TABLE.items() for each in others if order.index(each) > order.index(part)
    ] == []


def test_no_packages_and_no_files_import_one_another_in_a_circle() -> None:
    assert circle_of_files(imports_of_all()) == []
    assert circle_of_packages(imports_of_all()) == []


def test_nothing_imports_a_command() -> None:
    assert [
        module for module, imported in imports_of_all().items() if any(name.endswith(".__main__") for name in imported)
    ] == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_that_reaches_outside_is_imported_only_where_the_page_says(library: str) -> None:
    assert importers(imports_of_all(), library) == LIBRARIES[library]


def test_the_page_lists_every_library_of_azure() -> None:
    libraries = {name for imported in imports_of_all().values() for name in imported if within(name, ("azure",))}
    assert [name for name in sorted(libraries) if not within(name, (*LIBRARIES, "azure.functions"))] == []


@pytest.mark.parametrize("path", sources("functions"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_shell_imports_no_heavy_library(path: Path) -> None:
    assert [name for name in _imported(path, ()) if within(name, HEAVY)] == []


# What the tests above see, in small trees: each kind of import that is forbidden.

SMALL_TABLE = {"low": set[str](), "high": {"low"}}


def small_tree(folder: Path, files: Mapping[str, str]) -> Imports:
    for name in ("clickstream/__init__", "clickstream/low/__init__", "clickstream/high/__init__", *files):
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, ""))
    return read_imports(folder)


UP = "from clickstream.high import x"


@pytest.mark.parametrize(
    "text",
    [
        UP,
        "import clickstream.high.x",
        "from clickstream.high.x import name",
        "from clickstream import high",
        f"def f() -> None:\n    {UP}\n",
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {UP}\n",
        f"class A:\n    def f(self) -> None:\n        with suppress(ImportError):\n            {UP}\n",
        "import azure.functions as func",
        "from azure import functions",
        "import functions.collect",
        "def f() -> None:\n    from tests.support import x\n",
        "import local.stack",
    ],
)  # fmt: skip
def test_a_forbidden_import_is_seen(tmp_path: Path, text: str) -> None:
    imports = small_tree(tmp_path, {"clickstream/low/y": text, "clickstream/high/x": ""})
    assert len(forbidden(imports, SMALL_TABLE)) == 1


def test_an_import_that_the_table_lists_is_allowed(tmp_path: Path) -> None:
    imports = small_tree(tmp_path, {"clickstream/high/x": "from clickstream.low import y", "clickstream/low/y": ""})
    assert forbidden(imports, SMALL_TABLE) == []
    assert unused(imports, SMALL_TABLE) == []
    assert (circle_of_files(imports), circle_of_packages(imports)) == ([], [])


def test_an_entry_that_nothing_uses_is_seen(tmp_path: Path) -> None:
    assert unused(small_tree(tmp_path, {}), SMALL_TABLE) == ["high imports low"]


@pytest.mark.parametrize(
    "text",
    [
        "import obstore",
        "from obstore.store import AzureStore",
        "def f() -> None:\n    from obstore import get\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import obstore.store\n",
    ],
)
def test_an_import_of_a_library_is_seen(tmp_path: Path, text: str) -> None:
    assert importers(small_tree(tmp_path, {"clickstream/low/y": text}), "obstore") == {"low"}


def test_a_circle_of_packages_is_seen_without_one_of_files(tmp_path: Path) -> None:
    imports = small_tree(
        tmp_path,
        {
            "clickstream/high/x": "def f() -> None:\n    from clickstream.low import y\n",
            "clickstream/low/y": "",
            "clickstream/low/z": "from clickstream.high import x",
        },
    )
    assert circle_of_files(imports) == []
    assert circle_of_packages(imports) == ["clickstream.high", "clickstream.low", "clickstream.high"]


def test_a_circle_with_a_package_within_a_package_is_seen(tmp_path: Path) -> None:
    imports = small_tree(
        tmp_path,
        {
            "clickstream/high/inner/__init__": "",
            "clickstream/high/inner/x": "from clickstream.high import y",
            "clickstream/high/y": "",
            "clickstream/high/z": "from clickstream.high.inner import x",
        },
    )
    assert circle_of_files(imports) == []
    assert len(circle_of_packages(imports)) == 3


@pytest.mark.parametrize("back", ["{}", "def f() -> None:\n    {}\n", "if TYPE_CHECKING:\n    {}\n"])
def test_a_circle_of_files_is_seen(tmp_path: Path, back: str) -> None:
    x, z = "from clickstream.low import y", back.format("from clickstream.low.x import name")
    files = {"clickstream/low/x": x, "clickstream/low/y": "import clickstream.low.z", "clickstream/low/z": z}
    imports = small_tree(tmp_path, files)
    assert len(circle_of_files(imports)) == 4
    assert circle_of_packages(imports) == []


@pytest.mark.parametrize(
    "path", sources("clickstream") + sources("functions"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_work_waits_in_the_threads_that_all_work_would_share(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr != "to_thread", path
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run_in_executor":
            assert not (isinstance(node.args[0], ast.Constant) and node.args[0].value is None), path


def loaded_modules(statement: str, role: str = "all") -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, "ROLE": role}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(ran.stdout.split())


def test_the_cold_start_of_collect_imports_nothing_heavy() -> None:
    loaded = loaded_modules("import function_app; function_app.app.get_functions()")
    assert "clickstream.collecting.collector" in loaded
    assert sorted(set(HEAVY) & loaded) == []


def test_the_cold_start_of_collect_stays_within_its_budget_of_modules() -> None:
    # Counted, not timed: a count is the same on every machine. A third of it is dialects. Raise it only with a reason:
    # rules that hold for all dialects (orders, interactions, ids of nobody) are modules of their own, and so are the
    # searches, the steps, the addresses and the members of documents that redaction is made of. What is answered is
    # counted apart from the events, by four modules; one composes the way that messages take. Three say what the
    # operator is told, of preflights too. Two are packages' own: `model`, `storage`, `capture` and
    # `collecting.dialects` came, `lake` and `compacting` went. Two are a site's
    # time zone, and the parts of its document whose models are built later. The start page is one, the document's
    # part about identity another, and signatures of user ids a third.
    libraries = "import azure.functions, orjson, yaml, zoneinfo, pydantic; type('M', (pydantic.BaseModel,), {})"
    loaded = loaded_modules("import function_app; function_app.app.get_functions()", "collect")
    assert len(loaded - loaded_modules(libraries)) <= 127


def test_a_stranger_has_nothing_heavy_loaded_for_a_list_that_needs_no_key() -> None:
    request = "func.HttpRequest('GET', 'http://localhost/api/reports', body=b'')"
    ask = f"import asyncio, azure.functions as func; asyncio.run(reports.reports({request}))"
    loaded = loaded_modules(f"import function_app; from functions import reports; {ask}")
    assert sorted(set(HEAVY) & loaded) == []


def test_the_first_event_imports_nothing_heavy_either() -> None:
    client = "from azure.eventhub.aio import EventHubProducerClient; from obstore.store import AzureStore"
    loaded = loaded_modules(f"import function_app; {client}")
    assert "azure.eventhub.aio" in loaded
    assert sorted(set(HEAVY) & loaded) == []
