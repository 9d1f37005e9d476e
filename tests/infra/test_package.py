"""What is uploaded: the app, and nothing else; no secret, no site's document, by either tool."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.infra.packaging import READERS

ROOT = Path(__file__).parents[2]
APP = ("clickstream/", "functions/")
APP_FILES = {"function_app.py", "host.json", "requirements.txt", "requirements-sql.txt"}
# What people's folders hold beside what is committed.
LEFT_BEHIND = (
    ".azure/prod/.env", ".azure/prod/clickstream-keys.json", ".azure/config.json", ".env", ".env.local",
    "sites/shop.yaml", "local.settings.json", "local.settings.sample.json",
    ".venv/lib/python3.13/site-packages/x.py", ".git/config", ".github/workflows/azure-dev.yml",
    ".devcontainer/devcontainer.json", "azure.yaml", "infra/main.bicep", "Makefile",
    "clickstream/__pycache__/settings.cpython-313.pyc", "clickstream/table/__pycache__/delta.cpython-313.pyc",
    "__pycache__/function_app.cpython-313.pyc", "functions/stale.pyc", "node_modules/x/index.js", "README.md",
    "requirements-dev.txt", "requirements-pandas.txt", "pyproject.toml", "docs/api.md", "tests/conftest.py",
    "dashboard/src/app.js", ".funcignore", "tracker/src/index.js", ".local/azurite/blob", ".mypy_cache/3.13/x.json",
    "benchmarks/collect.py", "LICENSE", "distributed/session.py", "local/stack.py",
)  # fmt: skip
# Folders of these names lie within the app, and would be lost by a line without its slash.
KEPT = (
    "clickstream/local/x.py",
    "clickstream/docs/x.py",
    "functions/static/dashboard/index.html",
    "clickstream/tests.py",
)


def committed() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return listed.splitlines()


@pytest.mark.parametrize("tool", list(READERS))
def test_the_whole_app_is_uploaded_and_nothing_else_of_the_repository(tool: str) -> None:
    uploads = READERS[tool]((ROOT / ".funcignore").read_text())
    files = {path for path in committed() if uploads(path)}
    wanted = {path for path in committed() if path.startswith(APP) or path in APP_FILES}
    assert len(wanted) > 250
    assert files == wanted


@pytest.mark.parametrize("tool", list(READERS))
def test_no_secret_no_site_and_nothing_of_development_is_uploaded(tool: str) -> None:
    uploads = READERS[tool]((ROOT / ".funcignore").read_text())
    assert [path for path in LEFT_BEHIND if uploads(path)] == []


@pytest.mark.parametrize("tool", list(READERS))
def test_folders_within_the_app_are_kept_whatever_their_names(tool: str) -> None:
    uploads = READERS[tool]((ROOT / ".funcignore").read_text())
    assert [path for path in KEPT if not uploads(path)] == []


def test_the_tools_do_read_differently() -> None:
    assert not READERS["azd"]("docs")("clickstream/docs/x.py")
    assert READERS["core-tools"]("docs")("clickstream/docs/x.py")
    assert READERS["azd"]("/.env")(".env.local")
    assert not READERS["core-tools"]("/.env")(".env.local")
