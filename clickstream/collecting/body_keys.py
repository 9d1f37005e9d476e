"""Finds candidates for the write key in a body before it is parsed.

A request without a key that opens a site is refused after these searches, so it never costs a parser. The dialect that
parses the body afterwards decides which candidate is the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

# Keys consist of characters that JSON does not escape.
_MEMBER = re.compile(rb'"\s{0,32}:\s{0,32}(?:"([^"\\]{1,300})"|([0-9]{1,30}))')
_PARAMETER = re.compile(rb'=([^&"\\\s]{1,300})')
MAX_PLACES = 2_000


def members(text: bytes, *names: str) -> Iterator[str]:
    """The values of members of these names in a JSON text, at any depth: the first MAX_PLACES of each name."""
    for name in names:
        quoted = f'"{name}"'.encode()
        for place in _places(text, quoted):
            if match := _MEMBER.match(text, place + len(quoted) - 1):
                yield (match[1] or match[2]).decode("latin-1")


def parameters(text: bytes, *names: str) -> Iterator[str]:
    """The decoded values of parameters of these names in a form, or in query strings within a JSON text."""
    for name in names:
        for place in _places(text, name.encode() + b"="):
            if match := _PARAMETER.match(text, place + len(name)):
                yield unquote_plus(match[1].decode("latin-1"))


def _places(text: bytes, word: bytes) -> Iterator[int]:
    place = -1
    for _ in range(MAX_PLACES):
        place = text.find(word, place + 1)
        if place < 0:
            return
        yield place
