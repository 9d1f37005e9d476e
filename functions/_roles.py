"""Roles of apps, which are deployed from one package: the setting ROLE selects an app's functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HEALTH = ("health",)
# The public role needs little memory, and its identity no right to read rows.
COLLECT = (*HEALTH, "collect", "site", "start")
LAKE = (*HEALTH, "compact", "connectors", "dashboard", "jobs", "maintain", "query", "reports", "salts", "start")
MODULES: Mapping[str, Sequence[str]] = {"collect": COLLECT, "lake": LAKE, "all": tuple(dict.fromkeys(COLLECT + LAKE))}


def modules(role: str | None) -> Sequence[str]:
    """The modules of this package whose blueprints an app of the role registers; without a role all.

    An unknown role has only `health`, which reports the problem of the settings.
    """
    return MODULES.get(role or "all", HEALTH)
