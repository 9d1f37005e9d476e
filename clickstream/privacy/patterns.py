"""Finds e-mail addresses, credentials, card numbers and whole IP addresses anywhere in a text.

Each kind has a quick look, a linear pattern for whether a text may hold one, and patterns for where it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import unquote_to_bytes

from clickstream.privacy.linear import Around, linear, word_or
from clickstream.privacy.steps import STEPS_PER_CALL, Steps

REDACTED = "REDACTED"
# How many layers of encoding are decoded; a text with more is redacted.
MAX_DECODINGS = 8
MAX_ROUNDS = 8

_LABEL = r"(?:[\w-]|%(?!(?:25)*40))"
_DOMAIN = re.compile(rf"(?:{_LABEL}++\.)+(?!\d+(?![\w-])){_LABEL}{{2,}}|\[[\da-fA-F:.]+\]")
_MAY_BE_DOMAIN = rf"(?:{word_or('%.-')}+\.{word_or('%-')}{{2}}|\[)"
_LOCAL_MARKS = ".%+'~*!^{}|$-"
_LOCAL = re.compile(rf"[\w{re.escape(_LOCAL_MARKS)}]+")
_EMAIL = Around(_LOCAL, re.compile("@"), _DOMAIN, ahead=True)
# The sign `@` as URLs, JSON, JavaScript, HTML and wide letters write it.
_WRITTEN = r"[＠﹫]|%(?:25)*40|&#(?:0*64|[xX]0*40);|&commat;"  # noqa: RUF001
_ESCAPED = r"\\+(?:u0040|x40)"
_WRITTEN_EMAIL = Around(_LOCAL, re.compile(rf"{_WRITTEN}|(?<!\\){_ESCAPED}"), _DOMAIN, ahead=True)

_PRIVATE_KEY = r"[A-Z ]{0,40}PRIVATE KEY-----[\w+/=\s\\-]*+"
# How a credential or a card number continues after a space, which would end a value.
AFTER_SPACE = (
    rf"(?:(?<=[Bb]earer)\s++[\w.~+/=-]{{12,}}|(?<=-----BEGIN)\s{_PRIVATE_KEY}|(?<=\d{{4}})(?: \d{{4}}){{3}}(?![\w-]))"
)
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
    rf"|-----BEGIN {_PRIVATE_KEY}"
)
_CREDENTIAL_BEGINS = (
    rf"eyJ{word_or('-')}*(?:\.|%(?:25)*2[eE])|[sr]k_(?:live|test)_|whsec_|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|xapp-"
    rf"|A(?:KIA|SIA)[A-Z0-9]{{3}}|AIza|ya29\.|GOCSPX-|SG\.{word_or('-')}|npm_|pypi-|sk-{word_or('-')}{{4}}"
    r"|[Bb]earer(?:\s|\+|%20)|(?:AccountKey|SharedAccessKey|SharedAccessSignature)=|-----BEGIN "
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|[01]?\d?\d)"
# An address that ends in 0 is no more than a network, and may be a browser's version.
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}(?!0+(?!\d)){_OCTET}")
# IPv6 and MAC addresses; a time of day has too few groups.
_COLONS = re.compile(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,}")
# A text that is one address; for IPv6 with an optional zone (interface).
_ADDRESS = re.compile(r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*(?:%.*)?")
_GROUP = "[0-9A-Fa-f]{1,4}"
# Four groups of four. Sixteen digits in a row may be any number, so those are found only by their name.
_CARD = re.compile(r"(?<![\w-])[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?![\w-])")
_is_encoded = linear("%[0-9A-Fa-f]{2}")
_ENCODED = re.compile(r"(?<![^\s\"'<>])[^\s\"'<>%]*+%[^\s\"'<>]*+")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of content that must not be stored, and the cost of replacing it.

    The cost is `steps` for each character and `steps_per_sign` for each `sign`. A text without the sign has none of the
    kind.
    """

    quick_look: str
    replaced: Callable[[str], str]
    steps: int
    sign: str = ""
    steps_per_sign: int = 0
    may_hold: Callable[[str], bool] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "may_hold", linear(self.quick_look))

    def price(self, text: str) -> int:
        """The steps that replacing in this text costs."""
        return STEPS_PER_CALL + self.steps * len(text) + self.steps_per_sign * text.count(self.sign)


def _redacted(*_: str) -> str:
    return REDACTED


def _without_address(match: re.Match[str]) -> str:
    text = match[0]
    groups = sum(1 for group in text.split(":") if group)
    if groups == 3 and text.endswith("::") and text.count("::") == 1:
        return text
    return REDACTED if groups >= 3 and ("::" in text or text.count(":") >= 5) else text


def _without_card(match: re.Match[str]) -> str:
    digits = [int(character) for character in reversed(match[0]) if character.isdigit()]
    luhn = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return match[0] if luhn % 10 else REDACTED


IPV4 = Kind(rf"(?:{_OCTET}\.){{3}}0*[\d&&[^0]]", lambda text: _IPV4.sub(REDACTED, text), 12, ".", 30)
KINDS = (
    Kind(rf"{word_or(_LOCAL_MARKS)}@{_MAY_BE_DOMAIN}", lambda text: _EMAIL.sub(_redacted, text), 1, "@", 200),
    Kind(
        rf"{word_or(_LOCAL_MARKS)}(?:{_WRITTEN}|{_ESCAPED}){_MAY_BE_DOMAIN}",
        lambda text: _WRITTEN_EMAIL.sub(_redacted, text),
        25,
    ),
    Kind(_CREDENTIAL_BEGINS, lambda text: _CREDENTIAL.sub(REDACTED, text), 12),
    Kind(r"[2-6]\d{3}(?: \d{4} \d{4} |-\d{4}-\d{4}-)\d{4}", lambda text: _CARD.sub(_without_card, text), 40),
    IPV4,
    Kind(
        rf"(?:[0-9A-Fa-f]{{0,4}}:){{5}}|{_GROUP}::+{_GROUP}:+{_GROUP}|{_GROUP}:+{_GROUP}::+{_GROUP}"
        rf"|::+{_GROUP}:+{_GROUP}:+{_GROUP}|{_GROUP}:+{_GROUP}:+{_GROUP}:+{_GROUP}::",
        lambda text: _COLONS.sub(_without_address, text),
        8,
        ":",
        70,
    ),
)
NOT_IPV4 = tuple(kind for kind in KINDS if kind is not IPV4)
# The quick looks of all kinds as one pattern.
SENSITIVE = "|".join(kind.quick_look for kind in KINDS)
_may_match = linear(SENSITIVE)


def replaced_once(text: str, steps: Steps, *, ipv4: bool = True) -> str:
    """The text after one pass. The result may need another: REDACTED next to a sign can complete a new match."""
    if not _may_match(text):
        return text
    for kind in KINDS if ipv4 else NOT_IPV4:
        if kind.sign in text and kind.may_hold(text):
            if not steps.take(kind.price(text)):
                return REDACTED
            text = kind.replaced(text)
    return text


def replaced(text: str, steps: Steps, *, ipv4: bool = True) -> str:
    """The text with REDACTED for everything that must not be stored. Without `ipv4`, IPv4 addresses stay."""
    for _ in range(MAX_ROUNDS):
        after = replaced_once(text, steps, ipv4=ipv4)
        if after == text:
            break
        text = after
    else:
        return REDACTED
    if "%" not in text or not matches(text, steps, ipv4=ipv4):
        return text
    if not steps.take(STEPS_PER_CALL * text.count("%")):
        return REDACTED
    return _ENCODED.sub(lambda match: REDACTED if matches(match[0], steps, ipv4=ipv4) else match[0], text)


def matches(text: str, steps: Steps, *, ipv4: bool = True) -> bool:
    """Whether anything in the text, as it is or percent-decoded, must not be stored."""
    if steps.left < 0:
        return True
    if "%" not in text and not _may_match(text):
        return False
    return any(form is None or replaced_once(form, steps, ipv4=ipv4) != form for form in decodings(text, steps))


def decodings(text: str, steps: Steps) -> Iterator[str | None]:
    """The text, then each further percent-decoding of it; ends with None if there are too many layers."""
    for _ in range(MAX_DECODINGS + 1):
        yield text
        if "%" not in text or not _is_encoded(text):
            return
        if not steps.take(STEPS_PER_CALL + len(text) + 35 * text.count("%")):
            break
        decoded = _decoded(text)
        if decoded == text:
            return
        text = decoded
    yield None


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


def cut_address(text: str) -> str | None:
    """The network address if the text is one IP address: /24 of IPv4, /48 of IPv6; None for any other text."""
    if len(text) > 64 or _ADDRESS.fullmatch(text) is None:
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
