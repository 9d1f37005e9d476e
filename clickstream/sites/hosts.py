"""Hosts and browser origins in a site's document: exact ones, or with `*.` every host below a domain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# A wildcard needs more than a top-level domain: `*.com` would match nearly every host.
_NAME = rf"(?:\*\.{_LABEL}(?:\.{_LABEL})+|{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])"
_HOST = re.compile(_NAME)
_ORIGIN = re.compile(rf"(?P<scheme>https?)://{_NAME}(?::(?P<port>[1-9][0-9]{{0,4}}))?")
_DEFAULT_PORTS = {"https": "443", "http": "80"}


def _host(text: str) -> str:
    if _HOST.fullmatch(text) is None:
        raise ValueError("a host is `shop.example` or `*.shop.example`, in lower case, without scheme, port or path")
    return text


def _origin(text: str) -> str:
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError("an origin is `https://host`, `https://host:port` or `https://*.domain`, and nothing after it")
    if match["port"] == _DEFAULT_PORTS[match["scheme"]]:
        raise ValueError(f"browsers leave out port {match['port']} of {match['scheme']}; leave it out here too")
    return text


Host = Annotated[str, AfterValidator(_host)]
Origin = Annotated[str, AfterValidator(_origin)]


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """A pattern whose `fullmatch` accepts what one of the hosts or origins describes, in linear time."""
    return re.compile("|".join(re.escape(text).replace(r"\*\.", rf"(?:{_LABEL}\.)+") for text in patterns) or r"(?!)")
