"""Which functions each half of the app has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clickstream.collecting.dialects import DIALECTS
from clickstream.errors import SettingsError
from clickstream.settings import ROLES, Settings
from functions._roles import MODULES

ROOT = Path(__file__).parents[2]
LISTING = """
import json, sys, function_app
names = sorted(each.get_function_name() for each in function_app.app.get_functions())
print(json.dumps([names, sorted(name for name in sys.modules if name.startswith("functions."))]))
"""
ENDPOINTS = {each.function for dialect in DIALECTS.values() for each in dialect.endpoints}
ENDPOINTS |= {each.function for dialect in DIALECTS.values() for each in dialect.pages}
HEALTH = {"health", "health_ready", "robots"}
PUBLIC = ENDPOINTS | HEALTH | {"demo", "demo_page", "openapi", "script", "start", "debug_script", "vitals_script"}
TIMERS = {"compact", "destroy_salts", "maintain", "run_jobs"}
READING = {"dashboard", "dashboard_asset", "query", "query_sql", "questions", "report", "reports", "share", "sites"}
JOBS = {"job_runs", "jobs", "reset_job", "resume_job", "run_job", "stop_job"}
LAKE = (
    TIMERS
    | READING
    | HEALTH
    | JOBS
    | {"add_definition", "edit_identities", "erase", "export_person", "identity_edits", "identity_problems"}
    | {"release_audience", "backfill_audience", "replay", "start"}
)


def indexed(role: str | None) -> tuple[set[str], set[str]]:
    """The functions of an app of the role, and the modules of the shell that it has imported."""
    environment = {name: value for name, value in os.environ.items() if name != "ROLE"}
    environment |= {} if role is None else {"ROLE": role}
    ran = subprocess.run(
        [sys.executable, "-c", LISTING], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    functions, modules = json.loads(ran.stdout)
    return set(functions), set(modules)


@pytest.mark.parametrize(
    ("role", "functions"),
    [("collect", PUBLIC), ("lake", LAKE), ("all", PUBLIC | LAKE), (None, PUBLIC | LAKE), ("", PUBLIC | LAKE)],
    ids=["collect", "lake", "all", "unset", "empty"],
)
def test_an_app_has_the_functions_of_its_role(role: str | None, functions: set[str]) -> None:
    assert indexed(role)[0] == functions


def test_the_public_half_imports_nothing_of_the_other() -> None:
    imported = indexed("collect")[1]
    assert "functions.collect" in imported
    assert not imported & {"functions.query", "functions.compact", "functions.jobs", "functions.dashboard"}


def test_an_unknown_role_serves_nothing_but_its_health_which_names_the_setting() -> None:
    assert indexed("colect")[0] == HEALTH
    with pytest.raises(SettingsError, match="ROLE must be one of all, collect, lake, not 'colect'"):
        Settings.from_env(
            {"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef", "ROLE": "colect"}
        )


def test_every_role_has_its_modules() -> None:
    assert tuple(MODULES) == ("collect", "lake", "all")
    assert set(MODULES) == set(ROLES)
