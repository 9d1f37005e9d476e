"""The collector's own cookie with the visitor's id, where a site wants one: set only with full consent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from clickstream.collecting.dialect import Verdict
from clickstream.collecting.request import Request
from clickstream.privacy.cookie import OTHER_SITES, OWN_SITE, Cookie, is_secure
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind


@dataclass(frozen=True, slots=True)
class VisitorCookie:
    """The cookie of one request. `network_user_id` is the id it holds, or one made for it."""

    cookie: Cookie
    network_user_id: str
    held: bool
    secure: bool

    def header_for(self, verdicts: Sequence[Verdict]) -> str | None:
        """The Set-Cookie header's value: renewed while consent is full, expired when it is not, else nothing."""
        if any(verdict.consent == "full" for verdict in verdicts):
            return self.cookie.setting(UUID(self.network_user_id), secure=self.secure)
        return self.cookie.expiring(secure=self.secure) if self.held else None


def visitor_cookie(request: Request, access: Access, new_id: Callable[[], str]) -> VisitorCookie | None:
    """The cookie of a request, None where the site sets none or the sender is no browser of a visitor."""
    if not access.site.privacy.cookie or access.kind is not KeyKind.PUBLIC:
        return None
    same_site = request.headers.get("sec-fetch-site") in ("same-origin", "same-site", "none")
    cookie = OWN_SITE if same_site else OTHER_SITES
    held = cookie.read(request.headers)
    return VisitorCookie(cookie, str(held or new_id()), held is not None, is_secure(request.headers))
