"""pandas, which is in a folder of its own: Arrow imports it in each process that finds it, and no app has it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = str(Path(sys.prefix) / "pandas")


def import_pandas() -> Any:
    """Returns the module. From here on this process finds pandas as if it were installed."""
    if FOLDER not in sys.path:
        sys.path.append(FOLDER)
    return importlib.import_module("pandas")


def with_pandas(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process that finds pandas."""
    path = [folder for folder in (environment.get("PYTHONPATH"), FOLDER) if folder]
    return {**environment, "PYTHONPATH": os.pathsep.join(path)}
