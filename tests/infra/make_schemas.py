"""`python -m tests.infra.make_schemas AZMCP`: write schemas/ again, from Microsoft's own description of the types.

AZMCP is the command of the package `msmcp-azure` (MIT), which carries the types and asks nobody for them. It is 150 MB,
which is why its answers are kept here. Types that it does not know are written by hand in schemas/by_hand.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parent / "schemas"
TYPES = (
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Consumption/budgets",
    "Microsoft.EventHub/namespaces",
    "Microsoft.EventHub/namespaces/eventhubs",
    "Microsoft.Insights/components",
    "Microsoft.Insights/webtests",
    "Microsoft.Insights/workbooks",
    "Microsoft.KeyVault/vaults",
    "Microsoft.KeyVault/vaults/secrets",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Resources/resourceGroups",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.Storage/storageAccounts/managementPolicies",
    "Microsoft.Web/serverfarms",
    "Microsoft.Web/sites",
)
PRIMITIVES = ("string", "int", "bool", "any", "object")
SHORT = {"Required": "!", "ReadOnly": "read-only"}
# Objects within objects: no property of ours lies deeper, and networks' types name one another without end.
DEPTH = 8


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    found = {}
    for type_ in TYPES:
        asked = [sys.argv[1], "bicepschema", "get", "--resource-type", type_]
        answer = json.loads(subprocess.run(asked, capture_output=True, check=True, text=True).stdout)
        name, schema = compact(answer["results"]["BicepSchemaResult"])
        found[name] = schema
    lines = [f"{json.dumps(name)}: {{\n{_lines(schema)}\n}}" for name, schema in sorted(found.items())]
    (SCHEMAS / "by_azure.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


def _lines(schema: dict[str, Any]) -> str:
    return ",\n".join(f" {json.dumps(name)}: {json.dumps(type_)}" for name, type_ in schema.items())


def compact(told: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The resource's name with version, and its object types by name: properties as `type flags`, the body first.

    Read-only properties are named, and what lies below them is left out; so are types that nothing writable names.
    """
    types = {each["name"]: each for each in told if each["$type"] == "Object"}
    resource = next(each for each in told if each["$type"] == "Resource")
    schema = {"body": _properties(resource["bodyType"])}
    waiting = [(type_, 1) for type_ in schema["body"].values()]
    while waiting:
        text, depth = waiting.pop(0)
        for name in text.split(" !")[0].replace("[]", "").split(" | "):
            if name in types and name not in schema and "read-only" not in text:
                if depth > DEPTH:
                    continue
                schema[name] = _properties(types[name])
                waiting += [(type_, depth + 1) for type_ in schema[name].values()]
    return resource["name"], schema


def _properties(type_: dict[str, Any]) -> dict[str, str]:
    properties = {}
    for each in type_["properties"]:
        flags = [SHORT[flag] for flag in (each.get("flags") or "").split(", ") if flag in SHORT]
        properties[each["name"]] = " ".join([each["type"], *flags])
    if "additionalPropertiesType" in type_:
        properties["*"] = type_["additionalPropertiesType"]
    return properties


if __name__ == "__main__":
    sys.exit(main())
