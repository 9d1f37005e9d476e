"""Run azd's hooks and the operators' commands as their users do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

Ran = subprocess.CompletedProcess[str]
ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "infra" / "hooks"


def run_hook(hook: str, folder: Path, environment: Mapping[str, str]) -> Ran:
    """Run a hook as azd does: in the project's folder, with its environment."""
    return _run([str(HOOKS / f"{hook}.py")], folder, environment)


def run_command(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ran:
    """Run `python -m clickstream.NAME ...` in a folder."""
    name, *arguments = command
    unused = {"PYTHONPATH": str(ROOT), "EventHubConnection": "Endpoint=sb://unused.invalid;"}
    return _run(["-m", f"clickstream.{name}", *arguments], folder, {**unused, **environment})


def _run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ran:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=180,
    )
