"""One request of an access log, independent of its format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from clickstream.collecting.request import parse_address


class Malformed(ValueError):
    """The line has no known format, or lacks a field that every request has."""


@dataclass(frozen=True, slots=True)
class Line:
    """One request.

    `visitor` is the client's address, or the host name that the server logged instead. `target` is the percent-encoded
    path with query, empty if the request had none. `origin` is scheme and host, None if the log lacks them. Other
    texts that the log lacks are empty.
    """

    number: int
    text: str
    visitor: str
    occurred_at: datetime
    method: str
    target: str
    status: int
    origin: str | None = None
    referrer: str = ""
    user_agent: str = ""


def is_address(text: str) -> bool:
    """Whether the text is an IP address, without a port."""
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def client_of(forwarded: str, peer: str) -> str:
    """The client: the first address of X-Forwarded-For, else the peer."""
    addresses = (parse_address(part) for part in forwarded.split(","))
    return next((address for address in addresses if address), None) or parse_address(peer) or peer


def origin_of(host: str, *, secure: bool = False) -> str | None:
    """Scheme and host of `host` or `host:port`. None if the text is not a host."""
    name, _, port = host.strip().rpartition(":") if not host.endswith("]") else (host, "", "")
    if not name:
        name, port = host.strip(), ""
    if name in ("", "-", "_") or any(sign in name for sign in "/?#@ "):
        return None
    if port in ("80", "443", ""):
        return f"{'https' if secure or port == '443' else 'http'}://{name.lower()}"
    return f"{'https' if secure else 'http'}://{name.lower()}:{port}"
