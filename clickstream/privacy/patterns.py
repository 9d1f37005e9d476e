"""What looks like an e-mail address, a credential or a whole IP address, wherever it stands in a text.

Every search is linear in the text's length: texts come from strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import unquote

REDACTED = "REDACTED"

# The sign of an address, plain and as URLs, JSON, JavaScript and HTML write it.
_AT = re.compile(r"[@＠﹫]|%(?:25)*40|(?<!\\)\\+(?:u0040|x40)|&#(?:0*64|[xX]0*40);|&commat;")  # noqa: RUF001
_LABEL = r"(?:[\w-]|%(?!(?:25)*40))"
_DOMAIN = re.compile(rf"(?:{_LABEL}++\.)+(?!\d+(?![\w-])){_LABEL}{{2,}}|\[[\da-fA-F:.]+\]")
_NOT_LOCAL = re.compile(r"[^\w.%+'~*!^{}|$-]")

_CREDENTIAL = re.compile(
    r"eyJ(?:[^\We]|-|e(?!yJ))*+(?:\.|%(?:25)*2[eE])[\w-]++(?:\.[\w-]*+)*"  # JSON Web Token
    r"|(?:sk|rk)_(?:live|test)_\w{8,}|whsec_\w{8,}"  # Stripe
    r"|gh[opsur]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}"
    r"|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}"  # Slack
    r"|A(?:KIA|SIA)[A-Z0-9]{12,}"  # Amazon
    r"|AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}"  # Google
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}|pypi-[\w-]{16,}|sk-[\w-]{20,}"
    r"|[Bb]earer(?:\s|\+|%20)+[\w.~+/=-]{12,}"
    r"|(?:AccountKey|SharedAccessKey|SharedAccessSignature)=[\w+/=%-]{16,}"  # Azure
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\w+/=\s\\-]*+"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|[01]?\d?\d)"
# One that ends in 0 says no more than its network, and may be a browser's version.
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}(?!0+(?!\d)){_OCTET}")
# IPv6, and the addresses of network cards; a time of day has too few groups.
_COLONS = re.compile(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,}")
# Four groups of four: a run of sixteen digits may be any number, so there the name must tell.
_CARD = re.compile(r"(?<![\w-])[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?![\w-])")
_TOKEN = re.compile(r"[^\s\"'<>]+")

# What each of the patterns above needs, told quickly: each search starts at one character that texts seldom hold.
_AFTER_DOT = re.compile(r"\.(?:\d{1,3}\.\d{1,3}\.(?!0+(?!\d))\d|(?<=SG\.)|(?<=ya29\.))")
_AFTER_LINE = re.compile(r"_(?:(?:live|test)_|pat_|(?<=gh[opsur]_)|(?<=npm_)|(?<=whsec_))")
_AFTER_DASH = re.compile(
    r"-(?:(?<=xox[a-z]-)|(?<=xapp-)|(?<=glpat-)|(?<=pypi-)|(?<=sk-)|(?<=GOCSPX-)|----B|\d{4}-\d{4}-\d)"
)
# A network of IPv6 ends in two colons, and nothing is cut off of one.
_AFTER_COLON = re.compile(r":(?::(?!\"|\Z)|(?:[0-9A-Fa-f]{1,4}:){3})")
_AFTER_A = re.compile(r"A(?:KIA|SIA|Iza)")
_AFTER_SPACE = re.compile(r" \d{4} \d{4} \d")
_AFTER_EQUALS = re.compile(r"=(?:(?<=Key=)|(?<=Signature=))")
_DECODINGS = 4
_ROUNDS = 8


def may_match(text: str) -> bool:
    """Whether anything here can hold of the text. Quick; True promises nothing."""
    return bool(
        "@" in text
        or "%" in text
        or "\\" in text
        or "eyJ" in text
        or "W3si" in text
        or "earer" in text
        or ("&" in text and ("&#" in text or "&commat" in text))
        or "＠" in text  # noqa: RUF001
        or "﹫" in text
        or ("." in text and _AFTER_DOT.search(text))
        or ("_" in text and _AFTER_LINE.search(text))
        or ("-" in text and _AFTER_DASH.search(text))
        or (":" in text and _AFTER_COLON.search(text))
        or ("A" in text and _AFTER_A.search(text))
        or (" " in text and _AFTER_SPACE.search(text))
        or ("=" in text and _AFTER_EQUALS.search(text))
    )


def matches(text: str, *, ipv4: bool = True) -> bool:
    """Whether anything in the text, as it is or percent-decoded, must not be kept."""
    return may_match(text) and any(_replaced(form, ipv4) != form for form in decodings(text))


def replaced(text: str, *, ipv4: bool = True) -> str:
    """The text, with REDACTED for each thing that must not be kept. Without `ipv4`, those of IPv4 stay."""
    if not may_match(text):
        return text
    text = _replaced(text, ipv4)
    if "%" not in text:
        return text

    def without_encoded(found: re.Match[str]) -> str:
        return REDACTED if "%" in found[0] and matches(found[0], ipv4=ipv4) else found[0]

    return _TOKEN.sub(without_encoded, text)


def decodings(text: str) -> Iterator[str]:
    """The text, and what it says with one percent-encoding after another taken off; four at most."""
    yield text
    for _ in range(_DECODINGS):
        decoded = unquote(text)
        if decoded == text:
            return
        text = decoded
        yield text


def cut_address(text: str) -> str | None:
    """The network of a text that is one IP address: /24 of IPv4, /48 of IPv6; None for any other text."""
    if not 2 <= len(text) <= 64 or ("." not in text and ":" not in text):
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address))
    prefix = 48 if isinstance(address, IPv6Address) else 24
    network = ip_network(f"{address}/{prefix}", strict=False).network_address
    return text if network == address else str(network)


def _replaced(text: str, ipv4: bool) -> str:
    # What was put in may stand beside a sign that now makes sense, so again until nothing changes.
    for _ in range(_ROUNDS):
        after = _replaced_once(text, ipv4)
        if after == text:
            return text
        text = after
    return REDACTED


def _replaced_once(text: str, ipv4: bool) -> str:
    text = _CREDENTIAL.sub(REDACTED, _without_emails(text))
    text = _CARD.sub(lambda found: REDACTED if _luhn(found[0]) else found[0], text)
    return _COLONS.sub(_without_address, _IPV4.sub(REDACTED, text) if ipv4 else text)


def _without_emails(text: str) -> str:
    kept: list[str] = []
    done = 0
    for sign in _AT.finditer(text):
        if sign.start() < done or (domain := _DOMAIN.match(text, sign.end())) is None:
            continue
        start = sign.start()
        while start > done and not _NOT_LOCAL.match(text[start - 1]):
            start -= 1
        if start < sign.start():
            kept += (text[done:start], REDACTED)
            done = domain.end()
    return "".join(kept) + text[done:] if kept else text


def _without_address(found: re.Match[str]) -> str:
    text = found[0]
    groups = sum(1 for group in text.split(":") if group)
    if groups == 3 and text.endswith("::") and text.count("::") == 1:
        return text
    return REDACTED if groups >= 3 and ("::" in text or text.count(":") >= 5) else text


def _luhn(text: str) -> bool:
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10
