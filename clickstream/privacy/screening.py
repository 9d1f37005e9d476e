"""Prefilters for redaction: most texts and serialised events have nothing to redact, and need no full walk."""

from __future__ import annotations

from clickstream.privacy.addresses import OPAQUE_SCHEME
from clickstream.privacy.linear import linear
from clickstream.privacy.names import SECRET_NAMES, SECRET_PARAMETERS, folded
from clickstream.privacy.patterns import SENSITIVE, decodings
from clickstream.privacy.steps import Steps

NONE: frozenset[str] = frozenset()
# The prefilter compares this many last letters of a name; with fewer, it would flag `event_name`.
LAST_LETTERS = 6


def _may_end_in(names: frozenset[str], between: str, mark: str) -> str:
    """A pattern for the last letters of these names before a mark; characters of `between` may separate them."""
    endings = sorted({name[-LAST_LETTERS:] for name in names})
    return "(?i:" + "|".join(f"{between}*".join(ending) for ending in endings) + f"){between}*{mark}"


_SECRET_PARAMETER = _may_end_in(SECRET_PARAMETERS, "[^A-Za-z=&]", "=")
_SECRET_KEY = _may_end_in(SECRET_NAMES, '[^A-Za-z"]', r"""["']\s*:""")
# A parameter's value that is a document.
DOCUMENT_AS_VALUE = r"=(?:\s|%(?:25)*(?:20|0[9aAdD]))*(?:[\[{]|%(?:25)*(?:5[bB]|7[bB]))"
_HINT = "|".join(
    (
        DOCUMENT_AS_VALUE,
        "eyJ|W3si",  # base64 of JSON
        r"""[:/\\][^\s"'<>]*[@#\x00]""",  # a URL with a user, a fragment or characters that browsers drop
        OPAQUE_SCHEME,
        r'::[^"]',  # perhaps a text that is one IPv6 address
    )
)
may_hold_a_secret_parameter = linear(_SECRET_PARAMETER)
may_hold_a_secret_key = linear(_SECRET_KEY)
_may_say_harm = linear(SENSITIVE, _HINT, f"{_SECRET_PARAMETER}|{_SECRET_KEY}")


def may_need_redaction(body: bytes, extra: frozenset[str] = NONE, steps: Steps | None = None) -> bool:
    """Whether `redact_json` could change anything in this compact JSON of UTF-8. False is certain; True is not.

    `extra` are the site's own parameters, as in `redact_json`; `steps` are those left for the event.
    """
    return may_hide_harm(body.decode("utf-8", "replace"), folded(extra), steps or Steps(len(body)))


def may_hide_harm(text: str, names: frozenset[str], steps: Steps) -> bool:
    """The same for a text that may be part of a document, plain and percent-decoded. `names` are in lower case."""
    if "\\" in text:
        text = text.replace('\\"', '"').replace("\\n", "\n")  # the usual escapes; others may hide anything
        if "\\" in text:
            return True
    if "%" not in text:
        return may_say_harm(text, names)
    return any(form is None or may_say_harm(form, names) for form in decodings(text, steps))


def is_noticeable(text: str, names: frozenset[str]) -> bool:
    """A faster form of the same check, without decoding: any `%` or backslash makes it True."""
    return "%" in text or "\\" in text or may_say_harm(text, names)


def may_say_harm(text: str, names: frozenset[str] = NONE) -> bool:
    """Whether a text, without decoding, may need redaction. False is certain. Linear, some 5 ns a character."""
    if _may_say_harm(text):
        return True
    if not names:
        return False
    lower = text.lower().replace("+", " ")
    return any(name in lower for name in names)
