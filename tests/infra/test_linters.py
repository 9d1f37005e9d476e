"""A finding of checkov or azure-functions-doctor without a reason fails, as does a reason without its finding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.infra.bicep.syntax import parse
from tests.infra.linters import (
    checkov_findings,
    checkov_problems,
    differences,
    doctor_findings,
    doctor_problems,
)

ROOT = Path(__file__).parents[2]
REASONS: Mapping[str, Mapping[str, str]] = yaml.safe_load((ROOT / "infra" / "findings.yaml").read_text())
FLEX = ("check_flex_runtime_config", "check_flex_deprecated_settings", "check_flex_deployment_storage")


def checkov_report(parsing_errors: tuple[str, ...] = (), resources: int = 94) -> Any:
    """As checkov 3.3.30 writes it."""
    failed = [
        {
            "check_id": "CKV_AZURE_35",
            "file_path": "/modules/lake.bicep",
            "resource": "Microsoft.Storage/storageAccounts.account",
        }
    ]
    return {
        "results": {"failed_checks": failed, "parsing_errors": list(parsing_errors)},
        "summary": {"resource_count": resources},
    }


def doctor_report(**statuses: str) -> Any:
    """As azure-functions-doctor 0.23.1 writes it."""
    return {"results": [{"items": [{"rule_id": name, "status": status} for name, status in statuses.items()]}]}


def test_a_finding_is_named_by_its_check_its_file_and_its_resource() -> None:
    assert list(checkov_findings(checkov_report())) == ["CKV_AZURE_35 lake account"]
    report = doctor_report(passing="pass", skipped="skip", warning="warn", failing="fail")
    assert list(doctor_findings(report)) == ["warning", "failing"]


def test_a_finding_without_a_reason_and_a_reason_without_a_finding_are_named() -> None:
    assert list(differences("checkov", ["known"], {"known": "reason"})) == []
    assert list(differences("checkov", ["new"], {"gone": "reason"})) == [
        "checkov: new is new",
        "checkov: gone is not found any more",
    ]


def test_a_template_that_checkov_cannot_parse_is_a_problem() -> None:
    assert list(checkov_problems(checkov_report())) == []
    assert list(checkov_problems(checkov_report(("infra/main.bicep",)))) == ["checkov cannot parse infra/main.bicep"]
    assert list(checkov_problems(checkov_report(resources=0))) == ["checkov found no resource"]


def test_a_check_of_flex_consumption_that_had_nothing_to_check_is_a_problem() -> None:
    assert list(doctor_problems(doctor_report(**dict.fromkeys(FLEX, "pass")))) == []
    skipped = doctor_report(**{**dict.fromkeys(FLEX, "pass"), FLEX[0]: "skip"})
    assert list(doctor_problems(skipped)) == ["azure-functions-doctor: check_flex_runtime_config did not pass"]


def test_every_reason_is_a_sentence_about_a_resource_that_is_there() -> None:
    for name, reason in [*REASONS["checkov"].items(), *REASONS["doctor"].items()]:
        assert reason.endswith("."), name
    for name in REASONS["checkov"]:
        check, module, resource = name.split()
        file = ROOT / "infra" / "modules" / f"{module}.bicep"
        assert check.startswith("CKV_AZURE_")
        assert any(each.name == resource for each in parse(file.read_text(), file.name) if each.what == "resource")
