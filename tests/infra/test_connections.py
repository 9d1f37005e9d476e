"""What jobs reach beside the lake is a setting of the lake's app alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.infra.deployment import deployments
from tests.infra.gate import ROOT, connections
from tests.infra.policies import settings

EXAMPLE = json.loads((ROOT / "docs/deploying.md").read_text().partition("```json\n")[2].partition("```")[0])


def test_connections_are_settings_of_the_lakes_app_alone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    (tmp_path / "infra" / "connections.json").write_text(json.dumps(EXAMPLE))
    assert list(connections(tmp_path)) == []
    for deployment in deployments(tmp_path):
        assert deployment.settings("lake").items() >= EXAMPLE.items()
        assert list(settings(deployment)) == []
        assert not deployment.settings("collect").keys() & EXAMPLE.keys()
