"""One request as the server received it, and readers of its key and its client's address."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network

KEY_PARAMETERS = ("write_key", "writeKey", "writekey")
MAX_ORIGIN = 300  # a host has at most 253 characters


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are in lower case; a repeated parameter has its last value.

    `route` maps the names in the route template to their values.
    """

    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    body: bytes
    received_at: datetime
    method: str = "POST"
    route: Mapping[str, str] = field(default_factory=dict)


def write_key(request: Request) -> str | None:
    """The write key in the places that all dialects share: header X-Write-Key, the user of Basic, or a parameter.

    Jitsu's clients require keys of the form `key:secret`; as with Basic, the part after the colon is ignored.
    """
    if key := request.headers.get("x-write-key", "").partition(":")[0]:
        return key
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return b64decode(credentials, validate=True).decode().partition(":")[0] or None
        except ValueError:
            return None
    return next((request.parameters[name] for name in KEY_PARAMETERS if request.parameters.get(name)), None)


def wants_verdicts(request: Request) -> bool:
    """Whether the caller wants a verdict for each event: the parameter `verdict`, or Prefer: return=representation."""
    by_parameter = request.parameters.get("verdict", "0") not in ("0", "false")
    return by_parameter or "return=representation" in request.headers.get("prefer", "")


def client_address(headers: Mapping[str, str], trusted_hops: int) -> str | None:
    """The client's address as our own outermost proxy saw it; None if it is missing or invalid.

    Each proxy appends its client's address to X-Forwarded-For, so our proxies wrote only the `trusted_hops` right-most
    entries; the client can forge all others. App Service writes `address:port`.
    """
    hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    if not trusted_hops or len(hops) < trusted_hops:
        return None
    return parse_address(hops[-trusted_hops])


def parse_address(text: str) -> str | None:
    """An IP address out of `1.2.3.4`, `1.2.3.4:443`, `2001:db8::1` or `[2001:db8::1]:443`; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address)))  # without its zone id
    return str(address)


def truncated(address: str) -> str:
    """The first address of the address's network: /24 of IPv4, /48 of IPv6."""
    prefix = 48 if ":" in address else 24
    return str(ip_network(f"{address}/{prefix}", strict=False).network_address)
