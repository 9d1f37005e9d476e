"""First-party cookies with a visitor's id, as the headers that carry them.

Python's worker parses each Set-Cookie header and the host writes it again: `Partitioned` makes the whole cookie vanish,
an unset path becomes an empty one, `__Host-` fails because an empty domain is added. So a cookie here has only an id,
which needs no escaping, Max-Age, a path, and attributes that both know.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from uuid import UUID

YEAR_SECONDS = 365 * 24 * 3600
MAX_HEADER = 16_384
_LABEL = b"clickstream/cookie/v1"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie of ours. Its value is a UUID."""

    name: str
    same_site: Literal["Lax", "None"]
    max_age_seconds: int = YEAR_SECONDS

    def setting(self, value: UUID, *, secure: bool) -> str:
        """The Set-Cookie header's value. Set `secure` except for plain HTTP on the local machine, see `is_secure`."""
        return self._header(str(value), self.max_age_seconds, secure)

    def expiring(self, *, secure: bool) -> str:
        """The Set-Cookie header's value that makes the browser delete the cookie."""
        return self._header("", 0, secure)

    def read(self, headers: Mapping[str, str]) -> UUID | None:
        """The id in a request's Cookie header; None if it is missing or not a UUID. Header names are in lower case.

        If several cookies have the name, the first valid one counts: browsers send the longest path first.
        """
        for pair in headers.get("cookie", "")[:MAX_HEADER].split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.name and (visitor := _uuid(value.strip().strip('"'))) is not None:
                return visitor
        return None

    def _header(self, value: str, max_age_seconds: int, secure: bool) -> str:
        # Without Secure, browsers refuse SameSite=None.
        rules = f"SameSite={self.same_site}; Secure" if secure else "SameSite=Lax"
        return f"{self.name}={value}; Max-Age={max_age_seconds}; Path=/; {rules}; HttpOnly"


OWN_SITE = Cookie("cs_id", "Lax")
OTHER_SITES = Cookie("cs_id", "None")
SNOWPLOW = Cookie("sp", "None")


def id_for_site(key: bytes, site: str, value: UUID) -> str:
    """The cookie's visitor id for one site: 128 bits in hex, different for each site.

    A browser sends the cookie of the collector's host with the events of every site. The cookie's own value would show
    sites of different owners that they have the same visitor.
    """
    name = site.encode()
    content = b"".join((_LABEL, len(name).to_bytes(4, "big"), name, value.bytes))
    return hmac.new(key, content, sha256).hexdigest()[:32]


def is_secure(headers: Mapping[str, str]) -> bool:
    """Whether cookies can be Secure: always, except for plain HTTP to the local machine."""
    host = headers.get("host", "").strip().lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name not in _LOOPBACK or headers.get("x-forwarded-proto", "http").lower() == "https"


def _uuid(text: str) -> UUID | None:
    if len(text) != 36:
        return None
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() and parsed.int else None
