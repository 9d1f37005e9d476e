"""Pages and referrers: addresses taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
CLICK_IDS = ("gclid", "gbraid", "wbraid", "msclkid", "fbclid", "ttclid", "li_fat_id", "twclid", "dclid", "yclid")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL's parts: without user, password and fragment, which are nobody's business; the host in lower case."""

    url: str
    host: str | None
    path: str | None
    query: str | None


def parse_address(url: str) -> Address:
    """Take any text; what is no hierarchical URL is kept whole, with no parts."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
        port = parts.port
    except ValueError:
        return Address(url, None, None, None)
    if not host:
        path = parts.path if url.startswith("/") else None
        return Address(url.partition("#")[0], None, path, parts.query or None)
    authority = f"[{host}]" if ":" in host else host
    if port is not None:
        authority = f"{authority}:{port}"
    plain = parts._replace(netloc=authority, fragment="").geturl()
    return Address(plain, host, parts.path or "/", parts.query or None)


def campaign(query: str | None) -> dict[str, str]:
    """The campaign fields that a page's query string states: `utm_*`, and `click_id` as `parameter=value`."""
    if not query or ("utm_" not in query and "id=" not in query):
        return {}
    try:
        stated = dict(parse_qsl(query, max_num_fields=200))
    except ValueError:
        return {}
    found = {name: stated[name] for name in UTM if stated.get(name)}
    click = next((name for name in CLICK_IDS if stated.get(name)), None)
    return found if click is None else {**found, "click_id": f"{click}={stated[click]}"}
