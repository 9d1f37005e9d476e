"""The functions of Bicep that the templates call. Hashes are stable, and not those of Azure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"
MONTH = "2026-11-01"


def _unique(*parts: str) -> str:
    return sha256("|".join(parts).encode()).hexdigest()[:13]


def _union(*values: Any) -> Any:
    if all(isinstance(value, list) for value in values):
        return [*dict.fromkeys(item for value in values for item in value)]
    return {name: item for value in values for name, item in value.items()}


def _items(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value[name]} for name in sorted(value)]


def _role_definition(type_: str, name: str) -> str:
    return f"{SUBSCRIPTION}/providers/{type_}/{name}"


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "concat": lambda *lists: [item for each in lists for item in each],
    "contains": lambda value, item: item in value,
    "empty": lambda value: not value,
    "environment": lambda: {"suffixes": {"storage": "core.windows.net"}},
    "guid": lambda *parts: str(UUID(sha256("|".join(parts).encode()).hexdigest()[:32])),
    "items": _items,
    "join": lambda items, separator: separator.join(items),
    "length": len,
    "split": lambda text, separator: text.split(separator),
    "string": lambda value: value if isinstance(value, str) else json.dumps(value),
    "subscription": lambda: {"id": SUBSCRIPTION, "subscriptionId": SUBSCRIPTION.rsplit("/", 1)[1]},
    "subscriptionResourceId": _role_definition,
    "tenant": lambda: {"tenantId": TENANT},
    "toLower": lambda text: text.lower(),
    "trim": lambda text: text.strip(),
    "union": _union,
    "uniqueString": _unique,
    "utcNow": lambda form: MONTH,
}
# Read beside the file that calls them; their argument is a literal.
LOADERS = ("loadJsonContent", "loadTextContent")
