"""The collector's own cookie with the visitor's id, for sites that want one. It is set only with full consent."""

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
    """The cookie for one request. `value` is that of the request's cookie if it has one (`held`), else a new one."""

    cookie: Cookie
    value: UUID
    held: bool
    secure: bool

    def header_for(self, verdicts: Sequence[Verdict]) -> str | None:
        """The Set-Cookie header's value: it renews the cookie if any event has full consent, else deletes one that the
        request had. None otherwise.
        """
        if any(verdict.consent == "full" for verdict in verdicts):
            return self.cookie.setting(self.value, secure=self.secure)
        return self.cookie.expiring(secure=self.secure) if self.held else None


def visitor_cookie(request: Request, access: Access, new_id: Callable[[], str]) -> VisitorCookie | None:
    """The cookie for a request; None if the site sets no cookies, or the key is secret, so the sender is no browser."""
    if not access.site.privacy.cookie or access.kind is not KeyKind.PUBLIC:
        return None
    same_site = request.headers.get("sec-fetch-site") in ("same-origin", "same-site", "none")
    cookie = OWN_SITE if same_site else OTHER_SITES
    held = cookie.read(request.headers)
    return VisitorCookie(cookie, held or UUID(new_id()), held is not None, is_secure(request.headers))
