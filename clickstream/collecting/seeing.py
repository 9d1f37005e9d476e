"""Who sent it, made harmless at once: the whole address is used here and goes no further."""

from __future__ import annotations

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.pipeline import Seen
from clickstream.collecting.request import Request, client_address, parse_address, truncated
from clickstream.privacy.redaction import redact_agent
from clickstream.privacy.salts import visitor_id

MAX_USER_AGENT = 1024
MAX_LANGUAGE = 35
# Headers by which a browser or a tracker says how far its visitor may be measured.
SIGNALS = ("sec-gpc", "dnt", "sp-anonymous")


class Watcher:
    """Sees senders of one process. `salt` is the day's; without it nobody gets an id."""

    def __init__(self, visitor_id_key: str, trusted_proxy_hops: int) -> None:
        self._key = visitor_id_key.encode()
        self._trusted_proxy_hops = trusted_proxy_hops

    def sender(self, request: Request, site: str, salt: bytes | None, network_user_id: str | None = None) -> Seen:
        """The device that sent the request itself. `network_user_id` is the id in the collector's own cookie."""
        headers = request.headers
        address = client_address(headers, self._trusted_proxy_hops)
        agent = headers.get("user-agent") or ""
        return Seen(
            visitor_id=self._visitor_id(site, salt, address, agent),
            ip=None if address is None else truncated(address),
            user_agent=redact_agent(agent[:MAX_USER_AGENT]) or None,
            language=_first_language(headers.get("accept-language")),
            network_user_id=network_user_id,
            signals={name: headers[name][:10] for name in SIGNALS if name in headers},
        )

    def spoken_for(self, event: ClientEvent, site: str, salt: bytes | None) -> Seen:
        """The device that a server speaks for: what it states of that device counts, its own address does not."""
        address = parse_address(event.ip) if event.ip else None
        agent = event.user_agent or ""
        return Seen(
            visitor_id=self._visitor_id(site, salt, address, agent),
            ip=None if address is None else truncated(address),
            user_agent=redact_agent(agent[:MAX_USER_AGENT]) or None,
        )

    def _visitor_id(self, site: str, salt: bytes | None, address: str | None, agent: str) -> str | None:
        if salt is None or address is None:
            return None
        return visitor_id(salt, self._key, site, address, agent)


def _first_language(accepted: str | None) -> str | None:
    if not accepted:
        return None
    first = accepted.partition(",")[0].partition(";")[0].strip()[:MAX_LANGUAGE]
    return None if first in ("", "*") else first  # Node.js takes any
