"""What the server saw of one request, before anything in it is believed."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network

KEY_PARAMETERS = ("write_key", "writeKey", "writekey")


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are lower case; a parameter given twice has its last value.

    `route` holds the values of the route template's names.
    """

    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    body: bytes
    received_at: datetime
    method: str = "POST"
    route: Mapping[str, str] = field(default_factory=dict)


def write_key(request: Request) -> str | None:
    """The write key where every dialect may state it: header X-Write-Key, the user of Basic, or a parameter.

    Jitsu's clients insist on a key of the form `key:secret`; as with Basic, what follows the colon says nothing here.
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
    """Whether the caller asked what became of each event."""
    asked = request.parameters.get("verdict", "0") not in ("0", "false")
    return asked or "return=representation" in request.headers.get("prefer", "")


def client_address(headers: Mapping[str, str], trusted_hops: int) -> str | None:
    """The address that our own outermost proxy saw, as text; None where it is missing or no address.

    Each proxy appends what it saw to X-Forwarded-For, so only the `trusted_hops` right-most entries were written by
    ours; what stands left of them is the client's own claim. App Service writes `address:port`.
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
    """The address's network: /24 of IPv4, /48 of IPv6, written as its first address."""
    prefix = 48 if ":" in address else 24
    return str(ip_network(f"{address}/{prefix}", strict=False).network_address)
