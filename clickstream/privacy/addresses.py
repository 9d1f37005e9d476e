"""Patterns for the parts of a URL, as browsers and texts write it."""

from __future__ import annotations

import re

from clickstream.privacy.linear import Around, linear
from clickstream.privacy.patterns import AFTER_SPACE

# The rest of a URL with one of these schemes is a document, a program, or a person's address.
SCHEMES = ("data", "javascript", "vbscript", "mailto", "tel", "sms", "callto", "skype", "blob", "view-source")
OPAQUE_SCHEME = rf"(?:^|[^A-Za-z])(?i:{'|'.join(SCHEMES)})://"
OPAQUE = re.compile(rf"(?i)({'|'.join(SCHEMES)}):")
# Browsers accept any number of slashes and backslashes after these schemes.
AUTHORITY = re.compile(r"(?i)((?:https?|wss?|ftp):[\\/]*|(?:[a-z][a-z0-9+.-]{0,40}:)?[\\/]{2})([^\\/]*)")
# A host that is an IP address belongs to a server, not to a visitor.
IP_HOST = re.compile(r"(?:\[[\da-fA-F:.]*\]|[\d.]+)(?::\d*)?", re.ASCII)
SEGMENT = re.compile(r"[^\\/;,]+")
PIECE = re.compile(r"[^&;]+")

_IN_URL = r"[^\s\"'<>\\]"
_IN_VALUE = r"""[^&;#\s"'<>]"""
URL = Around(
    re.compile(r"[A-Za-z0-9+.-]{1,20}[A-Za-z]"),
    re.compile("://"),
    re.compile(rf"{_IN_URL}+(?:{AFTER_SPACE}{_IN_URL}*+)?"),
)
PARAMETER = Around(
    re.compile(r"""[\w%.\[\]-]{1,200}+(?=[?&;#\s,"'(]|\Z)"""),
    re.compile("="),
    re.compile(rf"{_IN_VALUE}+(?:{AFTER_SPACE}{_IN_VALUE}*+)?"),
)
# Finds the parts of a URL that are not stored: a user, a fragment, characters that browsers drop, an opaque scheme; and
# a parameter's value that is an IPv6 address.
holds_too_much = linear(
    rf"""://[^\s"'<>\\]*[#\x00]|:///*[^\\/?#\s"'<>]*@|{OPAQUE_SCHEME}|=[0-9A-Fa-f:.]*::[0-9A-Fa-f]"""
)


def plain(url: str) -> str:
    """The URL without its fragment and without characters that browsers drop."""
    for unprinted in "\t\r\n\0":
        url = url.replace(unprinted, "")
    return url.partition("#")[0].strip()
