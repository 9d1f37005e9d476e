"""docs/terraform.md lists every type of resource and every role assignment of the templates, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.infra.deployment import Deployment, deployments
from tests.infra.policies import ROLE_NAMES, places

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "terraform.md").read_text()
IDENTITY = re.compile(r"<identity/(\w+)\.properties\.principalId>")


@cache
def evaluated() -> tuple[Deployment, ...]:
    return tuple(deployments(ROOT))


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table of a section, without backticks around whole words."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    assert section is not None
    lines = [line for line in section[1].splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def problems(page: str) -> Iterator[str]:
    """Differences between the page and the templates, each named."""
    types = {resource.kind for each in evaluated() for resource in each.module.resources}
    listed = {cells[0].strip("`") for cells in rows(page, "Resources")}
    yield from (f"{name} is missing" for name in sorted(types - listed))
    yield from (f"{name} is in no template" for name in sorted(listed - types))
    grants = {grant for each in evaluated() for grant in _grants(each)}
    stated = {(who.strip("`"), role, scope.replace("`", "")) for who, role, scope in rows(page, "Roles")}
    yield from (f"{grant} is missing" for grant in sorted(grants - stated))
    yield from (f"{grant} is in no template" for grant in sorted(stated - grants))


def _grants(deployment: Deployment) -> Iterator[tuple[str, str, str]]:
    for principal, role, scope, _ in deployment.grants():
        yield IDENTITY.sub(r"\1", principal), ROLE_NAMES[role], places(deployment)[scope]


def test_the_page_lists_what_the_templates_make() -> None:
    assert list(problems(PAGE)) == []


def test_every_type_has_a_resource_of_terraform_and_every_module_that_is_named_exists() -> None:
    for cells in rows(PAGE, "Resources"):
        assert re.search(r"`(azurerm|azapi)_\w+`", cells[1]), cells[0]
    for name in re.findall(r"`([\w-]+\.bicep)`", PAGE):
        assert (ROOT / "infra" / name).exists() or (ROOT / "infra" / "modules" / name).exists(), name


@pytest.mark.parametrize(
    ("lost", "missing"),
    [
        ("`Microsoft.Insights/webtests`", "Microsoft.Insights/webtests is missing"),
        ("Key Vault Secrets Officer", "('deployer', 'Key Vault Secrets Officer', 'vault') is missing"),
        ("container `salts`", "('collect', 'Storage Blob Data Contributor', 'container salts') is missing"),
    ],
)
def test_a_line_that_is_lost_is_named(lost: str, missing: str) -> None:
    page = "".join(line for line in PAGE.splitlines(keepends=True) if lost not in line)
    assert missing in list(problems(page))
