"""Our templates, evaluated for three sets of parameters, and what they are asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.infra.bicep.evaluating import Module, Resource, evaluate

# What azd passes where its user states nothing but a name and a region.
PLAIN: Mapping[str, Any] = {
    "environmentName": "try",
    "location": "westeurope",
    "principalId": "deployer",
    "visitorIdKey": "Abcdefghijk1234",  # as long as azd makes it
    "pseudonymKeys": "Lmnopqrstuv5678",
}
FULL: Mapping[str, Any] = {
    **PLAIN,
    "allowedOrigins": "https://www.example.com, https://shop.example.com",
    "alertEmail": "operator@example.com",
    "monthlyBudget": 100,
    "vnetEnabled": True,
    "operatorAddress": "203.0.113.7",
    "lockEnabled": True,
    "audienceHub": "audience-changes",
    "alwaysReadyCollectors": 1,
    "quietHours": 6,
    "lakeMemoryMb": 4096,
    "visitorIdKey": "a secret that stands in the vault by now",
    "pseudonymKeys": "2:a newer secret of pseudonyms,1:the older secret",
}


WITHOUT_HUBS: Mapping[str, Any] = {**FULL, "eventHubsEnabled": False}
SETS = (PLAIN, FULL, WITHOUT_HUBS)


@dataclass(frozen=True)
class Deployment:
    """What one set of parameters deploys."""

    module: Module
    parameters: Mapping[str, Any]

    @property
    def private(self) -> bool:
        return bool(self.parameters.get("vnetEnabled"))

    @property
    def has_hubs(self) -> bool:
        return bool(self.parameters.get("eventHubsEnabled", True))

    @property
    def audience_hub(self) -> str | None:
        """The hub of messages of audiences."""
        return self.parameters.get("audienceHub") if self.has_hubs else None

    def of(self, kind: str) -> list[Resource]:
        """The resources of a type, whose last words suffice."""
        return [r for r in self.module.resources if r.kind == kind or r.kind.endswith(f"/{kind}")]

    def one(self, symbol: str) -> Resource:
        """The resource of a symbol such as `lake/account`."""
        found = [r for r in self.module.resources if r.symbol == symbol]
        assert len(found) == 1, symbol
        return found[0]

    @cached_property
    def sites(self) -> Mapping[str, Resource]:
        """The two apps by role, which is also the service's name."""
        return {site.body["tags"].get("azd-service-name"): site for site in self.of("sites")}

    def settings(self, role: str) -> Mapping[str, str]:
        """The app settings of one app."""
        return {each["name"]: each["value"] for each in self.sites[role].properties["siteConfig"]["appSettings"]}

    def grants(self) -> Iterator[tuple[str, str, str, Resource]]:
        """Every role assignment: whose, which role's id, on what, and itself."""
        for each in self.of("roleAssignments"):
            role = str(each.properties["roleDefinitionId"]).rsplit("/", 1)[1]
            yield each.properties["principalId"], role, each.scope, each


def deployments(root: Path) -> list[Deployment]:
    """Raise BicepError for templates that cannot be evaluated."""
    infra = root / "infra"
    return [Deployment(evaluate(infra / "main.bicep", parameters), parameters) for parameters in SETS]
