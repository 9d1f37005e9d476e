"""Set-Cookie, parsed and written anew as worker and host do it, with every trap that this holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from http.cookies import Morsel, SimpleCookie
from urllib.parse import quote


def rewritten(cookies: SimpleCookie) -> Iterator[str]:
    """The headers that leave the host for one that the code set.

    ASP.NET writes the attributes lower case and in its own order, and `domain` and `path` even where they were not
    set. What SimpleCookie does not understand (`Partitioned`) has made the whole cookie vanish before.
    """
    for name, morsel in cookies.items():
        yield "; ".join(_attributes(name, morsel))


def _attributes(name: str, morsel: Morsel[str]) -> Iterator[str]:
    yield f"{name}={quote(morsel.value, safe='')}"
    if morsel["expires"]:
        # Read as the worker reads it: RFC 5322 with spaces, or it fails.
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
