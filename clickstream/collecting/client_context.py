"""The client of a request: visitor id, truncated address, user agent and consent signals.

The full address is read here only. It is truncated and hashed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.request import Request, client_address, parse_address, truncated
from clickstream.privacy.cookie import id_for_site
from clickstream.privacy.redaction import redact_agent
from clickstream.privacy.salts import visitor_id

MAX_USER_AGENT = 1024
MAX_LANGUAGE = 35
# Headers by which browsers and trackers limit consent.
SIGNALS = ("sec-gpc", "dnt", "sp-anonymous")


@dataclass(frozen=True, slots=True)
class ClientContext:
    """The client as the server sees it, without personal data: `ip` is truncated, `visitor_id` a keyed hash.

    `signals` are the headers of SIGNALS that were sent.
    """

    visitor_id: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    language: str | None = None
    network_user_id: str | None = None
    signals: Mapping[str, str] = field(default_factory=dict)


class ContextReader:
    """Reads the contexts of clients. `salt` is the salt of the day; without it `visitor_id` is None."""

    def __init__(self, visitor_id_key: str, trusted_proxy_hops: int) -> None:
        self._key = visitor_id_key.encode()
        self._trusted_proxy_hops = trusted_proxy_hops

    def of_request(self, request: Request, site: str, salt: bytes | None, cookie: UUID | None = None) -> ClientContext:
        """The context of the device that sent the request. `cookie` is the value of the collector's own cookie."""
        headers = request.headers
        address = client_address(headers, self._trusted_proxy_hops)
        agent = headers.get("user-agent") or ""
        return ClientContext(
            visitor_id=self._visitor_id(site, salt, address, agent),
            ip=None if address is None else truncated(address),
            user_agent=redact_agent(agent[:MAX_USER_AGENT]) or None,
            language=_first_language(headers.get("accept-language")),
            network_user_id=None if cookie is None else id_for_site(self._key, site, cookie),
            signals={name: headers[name][:10] for name in SIGNALS if name in headers},
        )

    def of_device(self, event: ClientEvent, site: str, salt: bytes | None) -> ClientContext:
        """The context of the device whose event a server sends, by the event's address and user agent."""
        address = parse_address(event.ip) if event.ip else None
        agent = event.user_agent or ""
        return ClientContext(
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
