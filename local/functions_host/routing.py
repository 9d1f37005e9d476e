"""Match routes as ASP.NET does for the host: sorted by function name, the first match wins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

from local.functions_host.settings import InvalidApp

_PARAMETER = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)(:int)?(\?)?\}")
# An optional parameter of no characters: the way to serve the root.
_EMPTY = re.compile(r"\{[A-Za-z_]\w*:maxlength\(0\)\?\}")
_INTEGER = re.compile(r"[+-]?\d+")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Route(Generic[T]):
    pattern: re.Pattern[str]
    integers: frozenset[str]
    methods: frozenset[str]
    target: T

    def accepts(self, values: Mapping[str, str]) -> bool:
        """Whether the values of parameters with the constraint `int` are whole numbers of 32 bits."""
        numbers = [text for name, text in values.items() if name in self.integers]
        return all(_INTEGER.fullmatch(text) and -(2**31) <= int(text) < 2**31 for text in numbers)


class Router(Generic[T]):
    """Finds the target of a path. A wrong method is no match, so the answer is 404, not 405."""

    def __init__(self, routes: Sequence[tuple[str, str, frozenset[str], T]], prefix: str) -> None:
        """`routes` are (function name, template, methods, target). Without methods a route matches all of them.

        Raise InvalidApp for a template with syntax that this host does not support.
        """
        self._routes = [
            _compile("/".join(part for part in (prefix, template.strip("/")) if part), methods, target)
            for _, template, methods, target in sorted(routes, key=lambda route: route[0].lower())
        ]

    def find(self, method: str, raw_path: str) -> tuple[T, Mapping[str, str]] | None:
        """The target of a path, and the values of its parameters, percent-decoded except `%2F`."""
        path = raw_path.strip("/")
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match is None or (route.methods and method not in route.methods):
                continue
            values = {name: _decoded(value) for name, value in match.groupdict().items() if value}
            if route.accepts(values):
                return route.target, values
        return None


def _compile(template: str, methods: frozenset[str], target: T) -> _Route[T]:
    integers: set[str] = set()
    pattern = ""
    for segment in filter(None, _EMPTY.sub("", template).split("/")):
        optional = False
        piece = ""
        at = 0
        for match in _PARAMETER.finditer(segment):
            stars, name, integer, question = match.groups()
            piece += re.escape(segment[at : match.start()])
            piece += f"(?P<{name}>.*)" if stars else f"(?P<{name}>[^/]+)"
            optional = bool(stars or question)
            integers |= {name} if integer else set()
            at = match.end()
        piece += re.escape(segment[at:])
        separator = "/" if pattern else ""
        pattern += f"(?:{separator}{piece})?" if optional else f"{separator}{piece}"
    if set("{}") & set(_PARAMETER.sub("", _EMPTY.sub("", template))):
        raise InvalidApp(f"this host does not support the route {template!r}")
    return _Route(re.compile(pattern, re.IGNORECASE), frozenset(integers), methods, target)


def _decoded(value: str) -> str:
    return "%2F".join(unquote(part) for part in re.split("%2[Ff]", value))
