"""The deployment is right as far as can be told without Azure, and the gate sees what is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.infra.gate import GATE, ROOT

FAULTS = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text())

READ = (
    "infra", "azure.yaml", ".devcontainer", ".github", "host.json", "docs/deploying.md", "docs/operating.md",
    "functions/compact.py", "functions/maintain.py", "functions/salts.py", "clickstream/tally.py",
)  # fmt: skip


def complaints(root: Path) -> list[str]:
    return [f"{check.__name__}: {problem}" for check in GATE for problem in check(root)]


def test_nothing_is_wrong_with_the_deployment() -> None:
    assert complaints(ROOT) == []


def test_every_fault_is_another() -> None:
    assert len({fault["name"] for fault in FAULTS}) == len(FAULTS) >= 30


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["name"].replace(" ", "-"))
def test_the_gate_sees(fault: dict[str, str], tmp_path: Path) -> None:
    for name in READ:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    file = tmp_path / fault["file"]
    text = file.read_text()
    assert fault["old"] in text, "the fault cannot be written any more"
    file.write_text(text.replace(fault["old"], fault["new"]))
    found = complaints(tmp_path)
    assert any(fault["says"] in complaint for complaint in found), found
