"""Apps that the real worker or host refuses are refused here, and Microsoft's own runtime agrees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from local.functions_host.indexing import index_app
from local.functions_host.settings import HostSettings, InvalidApp, load_settings, resolve_names

ROOT = Path(__file__).parents[3]
HEAD = "import azure.functions as func\nimport typing\napp = func.FunctionApp()\n"
BROKEN = {
    "two functions of one name": """
        @app.function_name("a")
        @app.route("x")
        def one(req: func.HttpRequest) -> func.HttpResponse: ...
        @app.function_name("a")
        @app.route("y")
        def two(req: func.HttpRequest) -> func.HttpResponse: ...
    """,
    "a parameter that is no binding": """
        @app.route("x")
        def one(req: func.HttpRequest, more: str) -> func.HttpResponse: ...
    """,
    "a binding that is no parameter": """
        @app.route("x", trigger_arg_name="request")
        def one(req: func.HttpRequest) -> func.HttpResponse: ...
    """,
    "an annotation of another type": """
        @app.route("x")
        def one(req: int) -> func.HttpResponse: ...
    """,
    "an annotation that cannot be resolved": """
        if typing.TYPE_CHECKING:
            from somewhere import Missing
        @app.route("x")
        def one(req: "Missing") -> func.HttpResponse: ...
    """,
    "a context of another type": """
        @app.route("x")
        def one(req: func.HttpRequest, context: int) -> func.HttpResponse: ...
    """,
    "two apps": "other = func.FunctionApp()",
}
# The host checks this one after the worker, so the worker's runtime lets it pass.
ONLY_OF_THE_HOST = {
    "an underscore in a binding's name": """
        @app.route("x", trigger_arg_name="the_req")
        def one(the_req: func.HttpRequest) -> func.HttpResponse: ...
    """,
}


def write_app(folder: Path, source: str) -> Path:
    (folder / "function_app.py").write_text(HEAD + textwrap.dedent(source))
    return folder


@pytest.mark.parametrize("name", [*BROKEN, *ONLY_OF_THE_HOST])
def test_a_broken_app_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidApp):
        index_app(write_app(tmp_path, {**BROKEN, **ONLY_OF_THE_HOST}[name]), {})


def test_an_unresolved_setting_is_refused_and_a_resolved_one_is_replaced(tmp_path: Path) -> None:
    source = """
        @app.timer_trigger("timer", "%WHEN%")
        def tick(timer: func.TimerRequest) -> None: ...
    """
    (function,) = index_app(write_app(tmp_path, source), {"WHEN": "0 0 * * * *"})
    assert function.trigger["schedule"] == "0 0 * * * *"
    with pytest.raises(InvalidApp, match="'%WHEN%' does not resolve"):
        resolve_names("%WHEN%", {})


def test_a_disabled_function_is_left_out(tmp_path: Path) -> None:
    source = """
        @app.route("x")
        def one(req: func.HttpRequest) -> func.HttpResponse: ...
    """
    assert index_app(write_app(tmp_path, source), {"AzureWebJobs.one.Disabled": "true"}) == []


def test_settings_come_from_the_files_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"extensions": {"http": {"routePrefix": "v1", "customHeaders": {"A": "b"}}}}')
    (tmp_path / "local.settings.json").write_text(
        '{"Values": {"KEPT": "file", "SET": "file"}, "Host": {"CORS": "https://a.example", "CORSCredentials": true}}'
    )
    env = {"SET": "environment"}
    settings = load_settings(tmp_path, env)
    assert settings == HostSettings("v1", {"A": "b"}, ("https://a.example",), True)
    assert env == {"SET": "environment", "KEPT": "file", "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    override = {"AzureFunctionsJobHost__extensions__http__routePrefix": ""}
    assert load_settings(tmp_path, override).route_prefix == ""


# --- Microsoft's own runtime as the oracle, where it can be installed (Python 3.13) ---

ORACLE = """
import json, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from local.functions_host.microsoft import MicrosoftInvoker
from local.functions_host.settings import InvalidApp
try:
    found = [(function.name, function.raw_bindings) for function in MicrosoftInvoker(Path({folder!r})).functions]
except InvalidApp:
    found = None
print(json.dumps(found))
"""


def ask_oracle(folder: Path, **env: str) -> list[dict[str, Any]] | None:
    """What Microsoft's worker runtime finds in an app; None where it refuses it.

    In a process of its own, for the runtime keeps one app per process.
    """
    code = ORACLE.format(root=str(ROOT), folder=str(folder))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **env}, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    functions = json.loads(done.stdout.splitlines()[-1])
    return functions if functions is None else [_described(name, bindings) for name, bindings in functions]


def _described(name: str, bindings: list[str]) -> dict[str, Any]:
    trigger = next(binding for binding in map(json.loads, bindings) if binding["type"].lower().endswith("trigger"))
    return {
        "name": name,
        "type": trigger["type"],
        "route": trigger.get("route"),
        "methods": sorted(trigger.get("methods") or []),
        "level": str(trigger.get("authLevel")).lower(),
    }


@pytest.mark.parametrize("name", BROKEN)
def test_microsofts_runtime_refuses_the_same_apps(name: str, tmp_path: Path) -> None:
    pytest.importorskip("azure_functions_runtime")
    assert ask_oracle(write_app(tmp_path, BROKEN[name])) is None


def test_microsofts_runtime_finds_the_same_functions_in_this_app() -> None:
    pytest.importorskip("azure_functions_runtime")
    expected = [
        {
            "name": function.name,
            "type": function.kind,
            "route": function.trigger.get("route"),
            "methods": sorted(function.methods),
            "level": function.auth_level if function.kind == "httpTrigger" else "none",
        }
        for function in index_app(ROOT, {"COMPACT_SCHEDULE": "0 */5 * * * *"})
    ]
    by_name = itemgetter("name")
    found = ask_oracle(ROOT, COMPACT_SCHEDULE="0 */5 * * * *")
    assert found is not None
    assert sorted(found, key=by_name) == sorted(expected, key=by_name)
