"""Routes, as ASP.NET matches them for the host: sorted by function name, the first that matches wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar
from urllib.parse import unquote
from uuid import UUID

_PARAMETER = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)((?::[^{}:=?]+(?:\([^)]*\))?)*)(=[^{}]*)?(\?)?\}")
T = TypeVar("T")


def _converts(convert: Callable[[str], object]) -> Callable[[str, str], bool]:
    def check(value: str, _: str) -> bool:
        try:
            convert(value)
        except (ValueError, ArithmeticError):
            return False
        return True

    return check


def _whole(bits: int) -> Callable[[str, str], bool]:
    def check(value: str, _: str) -> bool:
        return bool(re.fullmatch(r"[+-]?\d+", value)) and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)

    return check


CONSTRAINTS: Mapping[str, Callable[[str, str], bool]] = {
    "int": _whole(32),
    "long": _whole(64),
    "bool": lambda value, _: value.lower() in ("true", "false"),
    "datetime": _converts(datetime.fromisoformat),
    "decimal": _converts(Decimal),
    "double": _converts(float),
    "float": _converts(float),
    "guid": _converts(UUID),
    "alpha": lambda value, _: bool(re.fullmatch(r"[A-Za-z]*", value)),
    "min": lambda value, limit: _whole(64)(value, "") and int(value) >= int(limit),
    "max": lambda value, limit: _whole(64)(value, "") and int(value) <= int(limit),
    "range": lambda value, limits: (
        _whole(64)(value, "") and int(limits.split(",")[0]) <= int(value) <= int(limits.split(",")[1])
    ),
    "length": lambda value, limits: int(limits.split(",")[0]) <= len(value) <= int(limits.split(",")[-1]),
    "minlength": lambda value, limit: len(value) >= int(limit),
    "maxlength": lambda value, limit: len(value) <= int(limit),
    "regex": lambda value, pattern: bool(re.search(pattern, value)),
    "required": lambda value, _: bool(value),
}


@dataclass(frozen=True, slots=True)
class _Route(Generic[T]):
    pattern: re.Pattern[str]
    constraints: Sequence[tuple[str, str, str]]
    defaults: Mapping[str, str]
    methods: frozenset[str]
    target: T


class Router(Generic[T]):
    """Finds the target of a path. A wrong method is no match, so it ends as 404, not 405."""

    def __init__(self, routes: Sequence[tuple[str, str, frozenset[str], T]], prefix: str) -> None:
        """`routes` are (function name, template, methods, target); without methods any matches."""
        self._routes = [
            _compile("/".join(part for part in (prefix, template.strip("/")) if part), methods, target)
            for _, template, methods, target in sorted(routes, key=lambda route: route[0].lower())
        ]

    def find(self, method: str, raw_path: str) -> tuple[T, Mapping[str, str]] | None:
        """The target and the values of its parameters, decoded but for `%2F`."""
        path = raw_path.strip("/")
        for route in self._routes:
            found = route.pattern.fullmatch(path)
            if found is None or (route.methods and method not in route.methods):
                continue
            values = {name: _decoded(value) for name, value in found.groupdict().items() if value}
            values = {**route.defaults, **values}
            if all(CONSTRAINTS[kind](values[name], limit) for name, kind, limit in route.constraints if name in values):
                return route.target, values
        return None


def _compile(template: str, methods: frozenset[str], target: T) -> _Route[T]:
    constraints: list[tuple[str, str, str]] = []
    defaults: dict[str, str] = {}
    pattern = ""
    for segment in filter(None, template.split("/")):
        optional = False
        piece = ""
        at = 0
        for found in _PARAMETER.finditer(segment):
            stars, name, limits, default, question = found.groups()
            piece += re.escape(segment[at : found.start()])
            piece += f"(?P<{name}>.*)" if stars else f"(?P<{name}>[^/]+)"
            optional = bool(stars or question or default)
            if default:
                defaults[name] = default[1:]
            for limit in filter(None, limits.split(":")):
                kind, _, argument = limit.rstrip(")").partition("(")
                constraints.append((name, kind, argument))
            at = found.end()
        piece += re.escape(segment[at:])
        separator = "/" if pattern else ""
        pattern += f"(?:{separator}{piece})?" if optional else f"{separator}{piece}"
    return _Route(re.compile(pattern, re.IGNORECASE), constraints, defaults, methods, target)


def _decoded(value: str) -> str:
    return "%2F".join(unquote(part) for part in re.split("%2[Ff]", value))
