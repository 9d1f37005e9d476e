"""`python -m tests.infra.gate [ROOT]`: everything that can be said of the deployment without Azure.

Each check names what is wrong, and nothing where all is well. test_faults.py shows that each sees its faults.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema_rs import validator_for

from clickstream import lines as told
from functions.compact import WARNED_OF
from tests.infra.bicep import naming
from tests.infra.bicep.syntax import BicepError, parse
from tests.infra.deployment import PLAIN, deployments
from tests.infra.policies import CHECKS

ROOT = Path(__file__).parents[2]
HOOKS = {
    "preprovision": "check",
    "postprovision": "first_site",
    "predeploy": "check_origins",
    "postdeploy": "first_event",
}
# PowerShell ends with 0 after a program that failed, unless it is told not to.
SHELLS = {
    "posix": ("sh", "python3 infra/hooks/{}.py || exit 1"),
    "windows": ("pwsh", "python infra/hooks/{}.py; exit $LASTEXITCODE"),
}
AZURE_YAML = validator_for(json.loads((Path(__file__).parent / "schemas" / "azure_yaml.json").read_text()))
# What azd puts into the environment by itself.
OF_AZD = {"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_PRINCIPAL_ID", "AZURE_PRINCIPAL_TYPE", "AZURE_KEY_VAULT_NAME"}
FROM_VAULT = "$(secretOrRandomPassword ${AZURE_KEY_VAULT_NAME} "
# Where each line is written, and how.
WRITTEN: Mapping[told.Line, tuple[str, str]] = {
    told.COLLECTED: ("clickstream/tally.py", "COLLECTED.text("),
    told.REFUSED: ("clickstream/tally.py", "self._note_urgent(REFUSED, "),
    told.SPILLING: ("clickstream/tally.py", "self._note_urgent(SPILLING, "),
    told.BREAKER_OPEN: ("clickstream/tally.py", "self._note_urgent(BREAKER_OPEN, "),
    told.PREFLIGHTS: ("clickstream/tally.py", "self._note_urgent(PREFLIGHTS, "),
    told.COMPACTED: ("functions/compact.py", "COMPACTED.text("),
    told.MAINTAINED: ("functions/maintain.py", "MAINTAINED.text("),
    told.SALTS: ("functions/salts.py", "SALTS.text("),
}
BEGINNINGS = {line.beginning: line for line in told.LINES}


def templates(root: Path) -> Iterator[str]:
    """The templates are Bicep that can be evaluated, and their deployment is what it should be."""
    try:
        yield from naming.problems(root / "infra")
        for deployment in deployments(root):
            for check in CHECKS:
                yield from (f"{check.__name__}: {problem}" for problem in check(deployment))
    except BicepError as error:
        yield str(error)


def parameters(root: Path) -> Iterator[str]:
    """azd states every parameter that has no default, and none that is not there; each variable is documented."""
    stated: Mapping[str, Any] = json.loads((root / "infra" / "main.parameters.json").read_text())["parameters"]
    declared = {d.name: d for d in parse((root / "infra/main.bicep").read_text(), "main.bicep") if d.what == "param"}
    yield from (f"main.bicep has no parameter {name}" for name in stated if name not in declared)
    needed = {name for name, declaration in declared.items() if declaration.body is None}
    yield from (f"nothing states the parameter {name}" for name in sorted(needed - set(stated)))
    if needed != set(PLAIN):
        yield f"a deployment is tried with {sorted(PLAIN)}, and needs {sorted(needed)}"
    page = (root / "docs" / "deploying.md").read_text()
    for name, value in stated.items():
        secret = name in declared and "secure" in declared[name].decorators
        if secret and FROM_VAULT not in value["value"]:
            yield f"{name} does not come from the vault"
        for variable in set(re.findall(r"\$\{([A-Z_]+)", str(value["value"]))) - OF_AZD:
            if f"| `{variable}` |" not in page:
                yield f"docs/deploying.md does not name {variable}"
    for name, declaration in declared.items():
        if "description" not in declaration.decorators:
            yield f"the parameter {name} is not described"


def connections(root: Path) -> Iterator[str]:
    """infra/connections.json has settings of connections alone, and no secret: it is in the repository."""
    for name, value in json.loads((root / "infra" / "connections.json").read_text()).items():
        if not re.fullmatch(r"CONNECTION_[A-Z0-9_]+(__\w+)?", name):
            yield f"{name} is no setting of a connection"
        elif not value.startswith("@Microsoft.KeyVault(") and (
            "__" not in name or name.endswith(("__user", "__password"))
        ):
            yield f"{name} must be a reference to Key Vault"


def project(root: Path) -> Iterator[str]:
    """azure.yaml is valid, and names both apps as tagged, and hooks that are there, for both kinds of shell."""
    azure = yaml.safe_load((root / "azure.yaml").read_text())
    invalid = [f"azure.yaml: {error.message}" for error in AZURE_YAML.iter_errors(azure)]
    if invalid:
        yield from invalid
        return
    services = {name: (each["project"], each["language"], each["host"]) for name, each in azure["services"].items()}
    wanted = (".", "python", "function")
    if services != {"collect": wanted, "lake": wanted}:
        yield f"azd deploys {services}"
    if azure.get("infra") != {"provider": "bicep", "path": "infra"}:
        yield "azd does not find infra/main.bicep"
    if set(azure["hooks"]) != set(HOOKS):
        yield f"the hooks are {sorted(azure['hooks'])}"
    for hook, script in HOOKS.items():
        if not (root / "infra" / "hooks" / f"{script}.py").is_file():
            yield f"infra/hooks/{script}.py is not there"
        for system, (shell, command) in SHELLS.items():
            stated = azure["hooks"].get(hook, {}).get(system, {})
            if (stated.get("shell"), stated.get("run")) != (shell, command.format(script)):
                yield f"{hook} runs {stated.get('run')} in {stated.get('shell')} on {system}"


def queries(root: Path) -> Iterator[str]:
    """Alerts, workbook and runbook ask for lines that are written, and for fields that stand in them."""
    rules = json.loads((root / "infra" / "alerts.json").read_text())
    asked = {rule["name"]: rule["query"] for rule in [*rules["queries"], *rules["hubs"]["queries"]]}
    for item in json.loads((root / "infra" / "workbook.json").read_text())["items"]:
        if "query" in item["content"]:
            asked[item["content"]["title"]] = item["content"]["query"]
    for query in re.findall(r"`((?:traces|union) [^`]+)`", (root / "docs" / "operating.md").read_text()):
        asked[f"docs/operating.md: {query}"] = query
    for name, query in asked.items():
        beginnings = re.findall(r"startswith '([^']+)'", query)
        yield from (f"{name}: no line begins with {each!r}" for each in beginnings if each not in BEGINNINGS)
        line = BEGINNINGS.get(beginnings[0]) if len(beginnings) == 1 else None
        fields_asked = set(re.findall(r"\brun\.(\w+)", query))
        if fields_asked and line is None:
            yield f"{name}: asks for fields of no line that is written"
        if line is None:
            continue
        for begins in re.findall(r"substring\(message, (\d+)\)", query):
            if int(begins) != len(line.beginning):
                yield f"{name}: the JSON begins at character {len(line.beginning)}, not at {begins}"
        yield from (f"{name}: {line.name} has no {field}" for field in sorted(fields_asked - set(line.fields)))
    unasked = set(WARNED_OF) - set(re.findall(r"\brun\.(\w+)", asked["gap"]))
    yield from (f"gap: compact warns of {field}, and nobody is told" for field in sorted(unasked))


def lines(root: Path) -> Iterator[str]:
    """Each line of the list is written, docs/operating.md says what its fields are, and names no other line."""
    page = (root / "docs" / "operating.md").read_text()
    sections = {m[1]: m[2] for m in re.finditer(r"^#### `(\w+)`\n(.*?)(?=^##|\Z)", page, re.M | re.S)}
    names = {line.name for line in told.LINES}
    yield from (f"docs/operating.md has a section for no line, {name}" for name in sorted(set(sections) - names))
    for line in told.LINES:
        file, written = WRITTEN[line]
        if written not in (root / file).read_text():
            yield f"{file} writes no line {line.name}"
        if re.findall(r"^\| `(\w+)` \|", sections.get(line.name, ""), re.M) != list(line.fields):
            yield f"docs/operating.md does not name the fields of {line.name}, in their order"


def runbook(root: Path) -> Iterator[str]:
    """Whoever is woken finds the alert in docs/operating.md, with what it means and what to do."""
    page = (root / "docs" / "operating.md").read_text()
    sections = {m[1]: m[2] for m in re.finditer(r"^### `([\w-]+)`\n(.*?)(?=^##|\Z)", page, re.M | re.S)}
    rules = json.loads((root / "infra" / "alerts.json").read_text())
    watched = [rule for group in (rules, rules["hubs"]) for rule in [*group["queries"], *group["metrics"]]]
    names = {rule["name"] for rule in watched} | {"quiet", "up"}
    yield from (f"docs/operating.md has no section for the alert {name}" for name in sorted(names - set(sections)))
    yield from (f"docs/operating.md has a section for no alert, {name}" for name in sorted(set(sections) - names))
    for name, text in sections.items():
        for part in ("**Means**", "**First look**", "**Do**", "**Over**"):
            if part not in text:
                yield f"docs/operating.md does not say under {name}: {part}"


def host(root: Path) -> Iterator[str]:
    """The host hands on what an operator needs to see, and no line for every request."""
    logging = json.loads((root / "host.json").read_text())["logging"]
    levels = logging["logLevel"]
    if levels.get("Function.compact.User") != "Information" or levels.get("Function.maintain.User") != "Information":
        yield "host.json drops the lines that alerts and workbook ask for"
    if levels.get("Function") != "Warning" or levels.get("Host.Results") not in ("Error", "Warning"):
        yield "host.json hands on a line for every request"
    if logging["applicationInsights"]["samplingSettings"].get("excludedTypes") != "Trace":
        yield "sampling drops lines that alerts and workbook ask for"


def pipeline(root: Path) -> Iterator[str]:
    """The pipeline signs in without a secret, checks first, and brings the vault's name back before it deploys."""
    workflow = yaml.safe_load((root / ".github" / "workflows" / "azure-dev.yml").read_text())
    if workflow["permissions"] != {"id-token": "write", "contents": "read"}:
        yield f"the pipeline may {workflow['permissions']}"
    if workflow["jobs"]["deploy"].get("needs") != "check":
        yield "the pipeline deploys what was not checked"
    if "secrets." in json.dumps(workflow):
        yield "the pipeline signs in with a secret"
    commands = [step["run"] for step in workflow["jobs"]["deploy"]["steps"] if "run" in step]
    refreshed = [i for i, each in enumerate(commands) if each.startswith("azd env refresh")]
    provisioned = [i for i, each in enumerate(commands) if each.startswith("azd provision")]
    if not refreshed or not provisioned or refreshed[0] > provisioned[0]:
        yield "the pipeline would make the secrets anew"
    container = json.loads((root / ".devcontainer" / "devcontainer.json").read_text())
    if not any("azure-dev/azd" in feature for feature in container["features"]):
        yield "the development container has no azd"


GATE: tuple[Callable[[Path], Iterator[str]], ...] = (
    templates, parameters, connections, project, queries, lines, runbook, host, pipeline,
)  # fmt: skip


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    found = [f"{check.__name__}: {problem}" for check in GATE for problem in check(root)]
    print("\n".join(found) or "nothing is wrong with the deployment")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
