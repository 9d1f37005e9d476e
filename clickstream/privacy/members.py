"""Finds members in JSON documents that are broken, cut off, or embedded in other text."""

from __future__ import annotations

import re
from collections.abc import Callable

from clickstream.privacy.patterns import REDACTED

_KEY = re.compile(r"""(?<!\\)(\\*["'])([\w.\[\] -]{1,200})\1\s*:\s*""")
_TEXT = r"""\\*(["'])(?:[^\\"']|\\.|(?!\1)["'])*+\1?"""
_VALUE = re.compile(rf"""{_TEXT}|[^\s,}}\]"'\[{{][^\s,}}\]"']*+""", re.DOTALL)
# Values that hold no secret: true, false, null, and empty ones.
_NOTHING = re.compile(r"""(?:null|true|false)\b|\\*(["'])\\*\1|\[\s*\]|\{\s*\}""")
_PART = re.compile(rf"(?<!\\){_TEXT}|(?P<opens>[\[{{])|(?P<closes>[\]}}])", re.DOTALL)


def has_member(text: str, is_secret: Callable[[str], bool]) -> bool:
    """Whether the text has a member with a secret key and a value that is not empty."""
    return any(is_secret(match[2]) and not _NOTHING.match(text, match.end()) for match in _KEY.finditer(text))


def without_members(text: str, is_secret: Callable[[str], bool]) -> str:
    """The text with REDACTED as the value of each member with a secret key."""
    parts: list[str] = []
    last_end = 0
    for match in _KEY.finditer(text):
        if match.start() >= last_end and is_secret(match[2]) and not _NOTHING.match(text, match.end()):
            parts += (text[last_end : match.end()], match[1], REDACTED, match[1])
            last_end = _end_of_value(text, match.end())
    return "".join(parts) + text[last_end:] if parts else text


def _end_of_value(text: str, start: int) -> int:
    """The index after the value that starts at `start`; the end of the text if the value was cut off."""
    if value := _VALUE.match(text, start):
        return value.end()
    depth = 0
    for part in _PART.finditer(text, start):
        if part["opens"]:
            depth += 1
        elif part["closes"]:
            depth -= 1
        if depth <= 0:
            return part.start() if depth < 0 else part.end()
    return len(text) if depth else start
