"""Whether a resource is of its type: names of properties, kinds of values, what is required, what only Azure writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.infra.bicep.evaluating import Resource, Runtime

SCHEMAS = Path(__file__).parents[1] / "schemas"
_KINDS: Mapping[str, type | tuple[type, ...]] = {"string": str, "int": int, "bool": bool, "object": dict}
Schema = Mapping[str, Mapping[str, str]]


@lru_cache
def schemas() -> Mapping[str, Schema]:
    """By type with version; of a schema the object types by name, with `body` for the resource itself."""
    found: dict[str, Schema] = {}
    for file in ("by_azure.json", "by_hand.json"):
        found |= json.loads((SCHEMAS / file).read_text())
    return found


def problems(resource: Resource) -> list[str]:
    """What the deployment would refuse, each with the place in the template and the path of the property."""
    schema = schemas().get(resource.type)
    if schema is None:
        versions = [name for name in schemas() if name.split("@")[0] == resource.kind]
        close = versions or get_close_matches(resource.type, schemas(), 1)
        return [f"{resource.place}: {resource.type} is not known; {' or '.join(close) or 'nothing like it'} is"]
    body = dict(resource.body)
    return [f"{resource.place}: {path} {told}" for path, told in _object(body, "body", schema, resource.symbol)]


def _object(value: Any, type_: str, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    properties = schema[type_]
    if not isinstance(value, dict):
        yield path, f"must be an object, not {value!r}"
        return
    for name, inner in value.items():
        told = properties.get(name, properties.get("*"))
        if told is None:
            close = get_close_matches(name, properties, 1)
            yield f"{path}.{name}", f"is no property of it; {close[0]} is" if close else "is no property of it"
        elif told.endswith("read-only"):
            yield f"{path}.{name}", "is written by Azure alone"
        elif inner is not None:
            yield from _value(inner, told.removesuffix(" !"), schema, f"{path}.{name}")
    for name, told in properties.items():
        if told.endswith(" !") and value.get(name) is None:
            yield f"{path}.{name}", "is required"


def _value(value: Any, type_: str, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Runtime) or type_ == "any":
        return
    if type_.endswith("[]"):
        if not isinstance(value, list):
            yield path, f"must be a list, not {value!r}"
            return
        for position, item in enumerate(value):
            yield from _value(item, type_.removesuffix("[]"), schema, f"{path}[{position}]")
    elif type_ in schema:
        yield from _object(value, type_, schema, path)
    elif type_ in _KINDS:
        if not isinstance(value, _KINDS[type_]) or (type_ == "int" and isinstance(value, bool)):
            yield path, f"must be of type {type_}, not {value!r}"
    elif "|" in type_ or not re.fullmatch("[A-Z][A-Za-z0-9]+", type_) or value != type_:
        # Azure may take more than is listed where `string` is among it; what the templates need is listed.
        choices = [choice for choice in type_.split(" | ") if choice not in _KINDS]
        if value not in choices:
            yield path, f"must be one of {', '.join(choices)}, not {value!r}"
