"""Who sent it, made harmless at once: the whole address is used here and goes no further."""

from __future__ import annotations

import hmac
from datetime import datetime
from hashlib import sha256

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.pipeline import Seen
from clickstream.collecting.request import Request, client_address, parse_address, truncated

MAX_USER_AGENT = 1024
MAX_LANGUAGE = 35


class Watcher:
    """Sees senders of one process."""

    def __init__(self, visitor_id_key: str, trusted_proxy_hops: int) -> None:
        self._key = visitor_id_key.encode()
        self._trusted_proxy_hops = trusted_proxy_hops

    def sender(self, request: Request, site: str) -> Seen:
        """The device that sent the request itself."""
        address = client_address(request.headers, self._trusted_proxy_hops)
        agent = request.headers.get("user-agent")
        return self._seen(site, request.received_at, address, agent, request.headers.get("accept-language"))

    def spoken_for(self, event: ClientEvent, received_at: datetime, site: str) -> Seen:
        """The device that a server speaks for: what it states of that device counts, its own address does not."""
        address = parse_address(event.ip) if event.ip else None
        return self._seen(site, received_at, address, event.user_agent, None)

    def _seen(
        self, site: str, received_at: datetime, address: str | None, agent: str | None, accepted: str | None
    ) -> Seen:
        day = received_at.date().isoformat()
        return Seen(
            visitor_id=None if address is None else _visitor_id(self._key, day, site, address, agent or ""),
            ip=None if address is None else truncated(address),
            user_agent=agent[:MAX_USER_AGENT] if agent else None,
            language=_first_language(accepted),
        )


def _visitor_id(key: bytes, day: str, site: str, address: str, agent: str) -> str:
    """128 bits in hex that hold for one day and one site; without the key nobody can find the address by trying."""
    return hmac.new(key, "\n".join((day, site, address, agent)).encode(), sha256).hexdigest()[:32]


def _first_language(accepted: str | None) -> str | None:
    if not accepted:
        return None
    first = accepted.partition(",")[0].partition(";")[0].strip()[:MAX_LANGUAGE]
    return None if first in ("", "*") else first  # Node.js takes any
