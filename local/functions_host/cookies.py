"""Set-Cookie headers, parsed and rewritten as the worker and the host do, with all side effects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from http.cookies import Morsel, SimpleCookie
from urllib.parse import quote


def rewritten(cookies: SimpleCookie) -> Iterator[str]:
    """The Set-Cookie headers that the host sends for the cookies of a response.

    ASP.NET writes attributes in lower case and its own order, and `domain` and `path` even if they are not set. A
    cookie with an attribute that SimpleCookie does not know, such as `Partitioned`, is lost before this step.
    """
    for name, morsel in cookies.items():
        yield "; ".join(_attributes(name, morsel))


def _attributes(name: str, morsel: Morsel[str]) -> Iterator[str]:
    yield f"{name}={quote(morsel.value, safe='')}"
    if morsel["expires"]:
        # The worker reads dates of RFC 5322 only.
        moment = parsedate_to_datetime(morsel["expires"]).replace(tzinfo=UTC)
        yield f"expires={format_datetime(moment, usegmt=True)}"
    if morsel["max-age"]:
        yield f"max-age={int(morsel['max-age'])}"
    yield f"domain={morsel['domain']}"
    yield f"path={morsel['path']}"
    if morsel["secure"]:
        yield "secure"
    if morsel["samesite"]:
        yield f"samesite={morsel['samesite'].lower()}"
    if morsel["httponly"]:
        yield "httponly"
