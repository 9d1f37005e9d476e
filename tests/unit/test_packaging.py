"""What is deployed: locked with hashes, in step with pyproject.toml, and nothing that is only for development."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)")


def pins(name: str) -> dict[str, set[str]]:
    """Every pinned package and its versions (several where Python's version decides); each must have hashes."""
    found: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=\w)", (ROOT / name).read_text()):
        pin = PIN.match(block)
        assert pin is not None, block
        assert "--hash=sha256:" in block, pin[1]
        found.setdefault(canonicalize_name(pin[1]), set()).add(pin[2])
    return found


def test_the_lock_holds_every_declared_dependency_at_a_version_it_allows() -> None:
    locked = pins("requirements.txt")
    for text in PROJECT["project"]["dependencies"]:
        requirement = Requirement(text)
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), text


def test_development_runs_the_versions_that_are_deployed() -> None:
    development = pins("requirements-dev.txt")
    assert {name: development[name] for name in pins("requirements.txt")} == pins("requirements.txt")


def test_the_optional_driver_is_locked_beside_what_is_deployed() -> None:
    optional, deployed, development = map(pins, ("requirements-sql.txt", "requirements.txt", "requirements-dev.txt"))
    (driver,) = PROJECT["dependency-groups"]["sql"]
    assert optional["mssql-python"] == {Requirement(driver).specifier.__str__().removeprefix("==")}
    for others in (deployed, development):
        assert {name: optional[name] for name in optional.keys() & others} == {
            name: others[name] for name in optional.keys() & others
        }
        assert "mssql-python" not in others


def test_pandas_is_locked_apart_since_arrow_imports_it_wherever_it_is() -> None:
    (pandas,) = map(Requirement, PROJECT["dependency-groups"]["pandas"])
    (version,) = pins("requirements-pandas.txt")["pandas"]
    assert pandas.specifier.contains(version)
    assert "pandas" not in pins("requirements-dev.txt")


def test_nothing_of_development_is_deployed() -> None:
    deployed = set(pins("requirements.txt"))
    assert not deployed & {"pytest", "mypy", "ruff", "uvicorn", "azure-storage-queue", "hypothesis"}
    ignored = (ROOT / ".funcignore").read_text().split()

    def is_deployed(name: str) -> bool:
        return not any(fnmatch(f"/{name}" if pattern.startswith("/") else name, pattern) for pattern in ignored)

    assert all(map(is_deployed, ("clickstream", "functions", "function_app.py", "host.json", "requirements.txt")))
    left_behind = (
        "local",
        "tests",
        "benchmarks",
        "distributed",
        "docs",
        ".venv",
        "local.settings.json",
        "node_modules",
        "tracker",
        "dashboard",
        "README.md",
    )
    assert not any(map(is_deployed, left_behind))


def test_lock_files_hold_no_download_addresses() -> None:
    locks = [ROOT / f"requirements{group}.txt" for group in ("", "-dev", "-pandas", "-sql")]
    locks += [ROOT / "local" / "package-lock.json"]
    locks += (ROOT / "tests").glob("integration/*/node/package-lock.json")
    locks += [ROOT / "tests" / "trackers" / "package-lock.json", ROOT / "tracker" / "package-lock.json"]
    locks += [ROOT / "dashboard" / "package-lock.json"]
    assert len(locks) == 9
    for lock in locks:
        assert "resolved" not in lock.read_text(), lock.name
        assert not re.search(r"https?://[\w.-]*(registry|pypi|pythonhosted)", lock.read_text()), lock.name
