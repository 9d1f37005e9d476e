"""First-party cookies with a visitor's id, as the headers that carry them.

Python's worker parses each Set-Cookie and the host writes it anew: `Partitioned` makes the whole cookie vanish, an
unset path becomes an empty one, `__Host-` fails for the empty domain that is added. So a cookie here is its id, which
needs no escape, Max-Age, a path, and nothing else that the two might not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

YEAR_SECONDS = 365 * 24 * 3600
MAX_HEADER = 16_384
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie of ours. Its value is a UUID."""

    name: str
    same_site: Literal["Lax", "None"]
    max_age_seconds: int = YEAR_SECONDS

    def setting(self, value: UUID, *, secure: bool) -> str:
        """The Set-Cookie header's value. Not `secure` is for plain HTTP on the own machine alone, see `is_secure`."""
        return self._header(str(value), self.max_age_seconds, secure)

    def expiring(self, *, secure: bool) -> str:
        """The Set-Cookie header's value that makes the browser forget it."""
        return self._header("", 0, secure)

    def read(self, headers: Mapping[str, str]) -> UUID | None:
        """The id in a request's Cookie header; None where it is missing or none of ours. Header names in lower case.

        Of several of the name the first counts: browsers put the one with the longest path first.
        """
        for pair in headers.get("cookie", "")[:MAX_HEADER].split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.name and (found := _uuid(value.strip().strip('"'))) is not None:
                return found
        return None

    def _header(self, value: str, max_age_seconds: int, secure: bool) -> str:
        # Without Secure, browsers refuse SameSite=None.
        rules = f"SameSite={self.same_site}; Secure" if secure else "SameSite=Lax"
        return f"{self.name}={value}; Max-Age={max_age_seconds}; Path=/; {rules}; HttpOnly"


OWN_SITE = Cookie("cs_id", "Lax")
OTHER_SITES = Cookie("cs_id", "None")
SNOWPLOW = Cookie("sp", "None")


def is_secure(headers: Mapping[str, str]) -> bool:
    """Whether cookies can be Secure: always, but for plain HTTP to this machine, which is for local work."""
    host = headers.get("host", "").strip().lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name not in _LOOPBACK or headers.get("x-forwarded-proto", "http").lower() == "https"


def _uuid(text: str) -> UUID | None:
    if len(text) != 36:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() and found.int else None
