"""`python -m tests.infra.linters`: run checkov and azure-functions-doctor, and compare with infra/findings.yaml.

Both are installed from the package index into folders of their own, since checkov pins old versions of what we use.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.infra.bicep.evaluating import evaluate
from tests.infra.deployment import PLAIN
from tests.infra.packaging import READERS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv" / "linters"
CHECKOV, DOCTOR = ("checkov", "3.3.30"), ("azure-functions-doctor", "0.23.1")
Report = Any


def checkov_findings(report: Report) -> Iterator[str]:
    """Each failed check as `check file resource`."""
    for failed in report["results"]["failed_checks"]:
        yield f"{failed['check_id']} {Path(failed['file_path']).stem} {failed['resource'].rsplit('.', 1)[1]}"


def checkov_problems(report: Report) -> Iterator[str]:
    """What makes a report worthless. checkov itself succeeds if it cannot parse a template."""
    yield from (f"checkov cannot parse {file}" for file in report["results"]["parsing_errors"])
    if report["summary"]["resource_count"] == 0:
        yield "checkov found no resource"


def doctor_findings(report: Report) -> Iterator[str]:
    """Each check that warns or fails."""
    for section in report["results"]:
        yield from (item["rule_id"] for item in section["items"] if item["status"] not in ("pass", "skip"))


def doctor_problems(report: Report) -> Iterator[str]:
    """Checks of Flex Consumption that found nothing to check."""
    passed = {item["rule_id"] for section in report["results"] for item in section["items"] if item["status"] == "pass"}
    for check in ("check_flex_runtime_config", "check_flex_deprecated_settings", "check_flex_deployment_storage"):
        if check not in passed:
            yield f"azure-functions-doctor: {check} did not pass"


def differences(linter: str, findings: Iterable[str], reasons: Mapping[str, str]) -> Iterator[str]:
    """Findings without a reason, and reasons without a finding."""
    names = set(findings)
    yield from (f"{linter}: {name} is new" for name in sorted(names - set(reasons)))
    yield from (f"{linter}: {name} is not found any more" for name in sorted(set(reasons) - names))


def _installed(package: str, version: str) -> Path:
    """The folder of a package's programs. The version is part of its name, so a new one is installed anew."""
    folder = FOLDER / f"{package}-{version}"
    if not (folder / "installed").is_file():
        print(f"installing {package} {version} (once)", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"{package}=={version}"], check=True)
        (folder / "installed").touch()
    return folder / "bin"


def _run(*command: str | Path, folder: Path) -> Report:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    try:
        return json.loads(ran.stdout)
    except ValueError:
        sys.exit(f"{command[0]} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")


def _copy_package(to: Path) -> None:
    """Write what azd uploads, and the templates as JSON: of Bicep the doctor reads no module and no parameter."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    uploads = READERS["azd"]((ROOT / ".funcignore").read_text())
    for path in [".funcignore", *filter(uploads, listed.stdout.splitlines())]:
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, to / path)
    resources = evaluate(ROOT / "infra" / "main.bicep", PLAIN).resources
    template = {"resources": [{"type": each.kind, "name": each.name, **each.body} for each in resources]}
    (to / "azuredeploy.json").write_text(json.dumps(template))


def main() -> int:
    reasons = yaml.safe_load((ROOT / "infra" / "findings.yaml").read_text())
    options = ["-d", "infra", "--framework", "bicep", "--skip-download", "--output", "json"]
    report = _run(_installed(*CHECKOV) / "checkov", *options, folder=ROOT)
    problems = [*checkov_problems(report), *differences("checkov", checkov_findings(report), reasons["checkov"])]
    summary = report["summary"]
    print(
        f"checkov {CHECKOV[1]}: {summary['passed']} passed, {summary['failed']} failed, of which "
        f"{len(reasons['checkov'])} have a reason, {summary['parsing_errors']} parsing errors"
    )
    with tempfile.TemporaryDirectory() as package:
        _copy_package(Path(package))
        options = ["doctor", "--profile", "deploy", "--format", "json"]
        report = _run(_installed(*DOCTOR) / "azure-functions-doctor", *options, folder=Path(package))
    warned = list(doctor_findings(report))
    checks = sum(len(section["items"]) for section in report["results"])
    problems += [*doctor_problems(report), *differences("azure-functions-doctor", warned, reasons["doctor"])]
    print(
        f"azure-functions-doctor {DOCTOR[1]}: {checks} checks, {len(warned)} warned or failed, of which "
        f"{len(reasons['doctor'])} have a reason"
    )
    print("\n".join(problems) or "nothing is found that has no reason")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
