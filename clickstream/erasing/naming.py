"""Which ids an original names: the bytes of a failed event, of any protocol, whole or cut."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import orjson

# Shorter ids are found only under these names: `42` stands in many an original that is not about visitor 42.
TELLING_LENGTH = 8
ID_NAMES = frozenset(
    {
        *("anonymousid", "userid", "previousid", "distinctid", "anondistinctid", "deviceid", "clientid", "alias"),
        *("networkuserid", "appinstanceid", "visitorid", "duid", "uid", "vid", "cid", "nuid", "tnuid"),
    }
)
MAX_DEPTH = 64
_IN_WORDS = "A-Za-z0-9_-"
WORD = f"[{_IN_WORDS}]"
_PAIR = re.compile(r"""([\w$.-]+)["'\\]*\s*[:=]\s*["'\\]*([^"'\\&,;\s}\]/?#]+)""")
_TOKEN = re.compile(r"[\w@.|:+~-]+")
_WORD = re.compile(r"[\w-]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


@dataclass(slots=True)
class Named:
    """What an original says: `ids` under names of ids, and all its `texts`."""

    ids: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)

    def names_any(self, ids: Iterable[str]) -> bool:
        """Whether one of the ids is named: as the value of an id, or, where it is long enough to tell, in any text."""
        wanted = frozenset(ids)
        if wanted & self.ids:
            return True
        telling = [id for id in wanted if len(id) >= TELLING_LENGTH]
        return any(re.search(bounded(id), text) for id in telling for text in self.texts if id in text)

    def candidates(self) -> frozenset[str]:
        """Everything that may be an id, for who knows ids by their digests alone."""
        telling = {part for text in self.texts for part in _parts(text) if len(part) >= TELLING_LENGTH}
        return frozenset(self.ids | telling)


def bounded(id: str) -> str:
    """A pattern for the id as a word of its own; every dialect of regular expressions reads it."""
    return rf"(?:^|[^{_IN_WORDS}]){re.escape(id)}(?:[^{_IN_WORDS}]|$)"


def named_in(payload: bytes, seen: str | None = None) -> Named:
    """What a failed event's original names, and what the server saw of its sender (a JSON document)."""
    found = Named()
    _read(payload.decode("utf-8", "replace"), found, 0)
    if seen:
        _read(seen, found, 0)
    return found


def _parts(text: str) -> Iterator[str]:
    yield text
    yield from _TOKEN.findall(text)
    yield from _WORD.findall(text)


def _read(text: str, found: Named, depth: int) -> None:
    """A text, and what is packed into it: a JSON document, the same in base64, a query string."""
    found.texts.append(text)
    if depth > MAX_DEPTH:
        return
    if text.lstrip().startswith(("{", "[", '"')):
        try:
            _walk(orjson.loads(text), "", found, depth + 1)
            return
        except ValueError:
            pass
    if _BASE64.fullmatch(text) and (inner := _unpacked(text)) is not None:
        _read(inner, found, depth + 1)
    if "=" in text or ":" in text:
        for plain in {text, unquote_plus(text)}:
            if plain != text:
                found.texts.append(plain)
            found.ids.update(value for name, value in _PAIR.findall(plain) if _folded(name) in ID_NAMES)


def _walk(value: Any, name: str, found: Named, depth: int) -> None:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            found.texts.append(key)
            _walk(item, _folded(key), found, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _walk(item, name, found, depth + 1)
    elif value is not None and not isinstance(value, bool):
        if name in ID_NAMES:
            found.ids.add(str(value))
        if isinstance(value, str):
            _read(value, found, depth + 1)


def _folded(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _unpacked(text: str) -> str | None:
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        inner = b64decode(padded + "=" * (-len(padded) % 4)).decode()
    except (Error, ValueError):
        return None
    return inner if inner.lstrip().startswith(("{", "[")) else None
