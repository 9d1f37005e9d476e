"""Parses the addresses of pages and referrers, and the campaign parameters in them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, unquote_plus, urlsplit

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
CLICK_IDS = (
    *("gclid", "gbraid", "wbraid", "msclkid", "fbclid", "ttclid", "li_fat_id", "twclid", "dclid", "yclid", "ScCid"),
    "rdt_cid",
)
CAMPAIGN = {name.lower(): name for name in (*UTM, *CLICK_IDS)}
_DEFAULT_PORTS = {"https": 443, "http": 80}
# A name in DNS has at most 253 characters (RFC 1035, 2.3.4); longer texts stay unchanged.
_LONGEST_HOST = 253

Fragments = Literal["routes", "all", "none"]


@dataclass(frozen=True, slots=True)
class Address:
    """A URL's parts, without user and password. The host is in lower case, with A-labels (RFC 5890).

    `fragment` is the part after `#`, for campaign parameters; `url` has none. Parts are None if the text is no URL.
    """

    url: str
    host: str | None
    path: str | None
    query: str | None
    fragment: str = ""


def parse_address(url: str, fragments: Fragments = "none") -> Address:
    """Parse any text. A text that is no hierarchical URL stays unchanged, without parts. Never raises.

    `fragments` selects the fragments that name a page: `routes` those of single-page apps (`#/cart`, `#!/cart`), which
    are appended to the path; `all` every other one, too, as `%23fragment`. A fragment with parameters
    (`#access_token=...`) names no page.
    """
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
        port = parts.port
    except ValueError:
        return Address(url, None, None, None)
    paged = _with_fragment_in_path(parts, fragments)
    if not host:
        if not url.startswith("/"):
            return Address(url.partition("#")[0], None, None, parts.query or None, parts.fragment)
        plain = paged._replace(fragment="").geturl()
        return Address(plain, None, paged.path, paged.query or None, parts.fragment)
    host = canonical_host(host)
    authority = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS.get(parts.scheme):
        authority = f"{authority}:{port}"
    scheme = f"{paged.scheme}:" if paged.scheme else ""
    query = f"?{paged.query}" if paged.query else ""
    plain = f"{scheme}//{authority}{paged.path}{query}"
    return Address(plain, host, paged.path or "/", paged.query or None, parts.fragment)


def canonical_host(host: str) -> str:
    """The canonical host: lower case, no dot at the end, letters beyond ASCII as A-labels (xn--)."""
    plain = host.lower().rstrip(".")
    if plain.isascii() or len(plain) > _LONGEST_HOST:
        return plain or host
    try:
        return plain.encode("idna").decode("ascii").rstrip(".") or host
    except UnicodeError:
        return plain


def campaign(address: Address) -> dict[str, str]:
    """The campaign parameters of an address: `utm_*`, and `click_id` as `parameter=value`.

    The query takes precedence over the fragment.
    """
    values = _parameters((address.query or "", address.fragment), CAMPAIGN)
    if not values:
        return values
    click = next((name for name in CLICK_IDS if name in values), None)
    utm = {name: values[name] for name in UTM if name in values}
    return utm if click is None else {**utm, "click_id": f"{click}={values[click]}"}


def parameters(url: str, names: Mapping[str, str]) -> dict[str, str]:
    """The parameters of an address whose names are in `names`, under the names to which it maps them.

    The keys of `names` are in lower case; an address may write them in any case, and behind `&amp;`, as links copied
    from HTML do. The query takes precedence over the fragment, and of several names with one meaning the first in
    `names`. Of a repeated name the last value that is not blank counts, without spaces around it. The number of other
    parameters does not matter.
    """
    if "=" not in url:
        return {}
    rest, _, fragment = url.partition("#")
    return _parameters((rest.partition("?")[2], fragment), names)


def _parameters(texts: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in texts:
        if "=" in text and (pairs := dict(_pairs(text, names))):
            for name, meaning in names.items():
                if name in pairs:
                    values.setdefault(meaning, pairs[name])
    return values


_PAIR = re.compile(r"(?:^|(?<=[?&]))(?:amp;)?([\w.%-]{1,60})=([^&#]*)", re.ASCII)


def _pairs(text: str, names: Container[str]) -> Iterator[tuple[str, str]]:
    """Decoded pairs of name and value, for these names and values that are not blank."""
    for pair in _PAIR.finditer(text):
        name = (unquote_plus(pair[1]) if "%" in pair[1] else pair[1]).lower()
        if name in names and (value := _decoded(pair[2]).strip()):
            yield name, value


def _decoded(value: str) -> str:
    """A value without percent-encoding: of UTF-8, else of Windows-1252, in which older mail tools encode links."""
    try:
        return unquote_plus(value, errors="strict")
    except UnicodeDecodeError:
        return unquote_plus(value, encoding="cp1252", errors="replace")


def _with_fragment_in_path(parts: SplitResult, fragments: Fragments) -> SplitResult:
    fragment = parts.fragment
    if not fragment or fragments == "none":
        return parts
    path, _, query = fragment.partition("?")
    if "=" in path.partition(";")[0]:
        return parts
    if path.startswith(("/", "!/")):
        joined = "&".join(filter(None, (parts.query, query)))
        return parts._replace(path=parts.path.rstrip("/") + "/" + path.lstrip("!/"), query=joined)
    return parts._replace(path=f"{parts.path or '/'}%23{fragment}") if fragments == "all" else parts
