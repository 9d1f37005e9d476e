"""The routes that an admin key opens, by the description of the API."""

from __future__ import annotations

import json

from functions.openapi import FILE


def _needs_admin_key(operation: dict[str, object]) -> bool:
    security = operation.get("security")
    return isinstance(security, list) and any("admin_key" in keys for keys in security)


ADMIN_PATHS = frozenset(
    path
    for path, operations in json.loads(FILE.read_bytes())["paths"].items()
    if any(map(_needs_admin_key, operations.values()))
)
