"""Finds the ids that an original names: the bytes of a failed event of any protocol, complete or cut off.

Only values count. Words of the format do not: names of members and parameters, and `page_view`, `undefined` and the
like, which anybody may have chosen as an id. The originals are untrusted input, so all searches take linear time.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import chain, islice
from typing import Any
from urllib.parse import unquote_plus

import orjson

from clickstream.model.event import CONSENTS, EVENT_TYPES, Event, FailedEvent
from clickstream.privacy.linear import Around, linear

# Shorter ids are found only under these names, because `42` occurs in many originals that are not about visitor 42.
TELLING_LENGTH = 8
ID_NAMES = frozenset(
    {
        *("anonymousid", "userid", "previousid", "distinctid", "anondistinctid", "deviceid", "clientid", "alias"),
        *("networkuserid", "appinstanceid", "visitorid", "duid", "uid", "vid", "cid", "nuid", "tnuid"),
    }
)
# Words that occur in originals and name nobody. An id that is one of them is found only as a whole value.
WORDS_OF_THE_FORMAT = frozenset(
    {
        *EVENT_TYPES,
        *CONSENTS,
        *(column.name for kind in (Event, FailedEvent) for column in fields(kind)),
        *("undefined", "anonymous", "unknown", "(not set)", "properties", "pageview", "$pageview"),
        *("snowplow", "plausible", "schema_violation", "definition_violation", "payload_format", "bad_encoding"),
    }
)
MAX_DEPTH = 64
# The most ids that are looked up per original if ids are known only by their digests.
MAX_CANDIDATES = 4_096
# The most ids that one pattern searches for.
IDS_AT_ONCE = 200
_IN_WORDS = "A-Za-z0-9_-"
WORD = f"[{_IN_WORDS}]"
# What may follow an id that is a value: not more of a word, and not what would make it a name.
_AFTER_VALUE = rf"""(?:$|[^"'\\={_IN_WORDS}]|\\+(?:$|[^"'\\])|\\*["']\s*(?:$|[^\s:]))"""
# The name of an id is short, so only the last 64 characters of a name are matched.
_PAIR = Around(
    re.compile(r"""\s*+["'\\]*+[\w$.-]{1,64}"""),
    re.compile("[:=]"),
    re.compile(r"""\s*+["'\\]*+([^"'\\&,;\s}\]/?#]++)"""),
)
_NAME = re.compile(r"[\w$.-]+")
_TOKEN = re.compile(r"[\w@.|:+~-]+")
_WORD = re.compile(r"[\w-]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


@dataclass(slots=True)
class Named:
    """The values in an original: `ids` under names of ids, and all its `texts`."""

    ids: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)

    def names_any(self, ids: Iterable[str], *, telling_only: bool = False) -> bool:
        """Whether one of the ids is named: as the value of an id, as a whole text or, if `is_telling`, within a text.

        With `telling_only`, values under names of ids do not count, because they prove too little if the original's
        site is unknown.
        """
        wanted = frozenset(ids)
        if not telling_only and wanted & self.ids:
            return True
        if not wanted.isdisjoint(self.texts):
            return True
        return any(holds("\0".join(self.texts)) for holds in _searches(wanted))

    def which_of(self, ids: Iterable[str]) -> frozenset[str]:
        """The ids that are named, of the given ones."""
        return frozenset(
            id
            for id in ids
            if id in self.ids
            or id in self.texts
            or (is_telling(id) and any(re.search(bounded([id]), text) for text in self.texts if id in text))
        )

    def candidates(self) -> frozenset[str]:
        """Values that may be ids, to look up by digest; at most MAX_CANDIDATES of a long original."""
        parts = (part for text in self.texts for part in _parts(text) if is_telling(part))
        return frozenset(islice(chain(self.ids, self.texts, parts), MAX_CANDIDATES))


def is_telling(id: str) -> bool:
    """Whether the id is so distinctive that a text with it as a separate word is about the person who has it."""
    return len(id) >= TELLING_LENGTH and id not in WORDS_OF_THE_FORMAT


def bounded(ids: Iterable[str]) -> str:
    """A pattern for one of the ids as a value that is a separate word. It is valid in Python, Rust and RE2."""
    return rf"(?:^|[^{_IN_WORDS}])(?:{'|'.join(map(re.escape, ids))}){_AFTER_VALUE}"


def named_in(payload: bytes, seen: str | None = None) -> Named:
    """The values in a failed event's original and in `seen`, the JSON document of what the server saw."""
    named = Named()
    _read(payload.decode("utf-8", "replace"), named, 0)
    if seen:
        _read(seen, named, 0)
    return named


@lru_cache(maxsize=64)
def _searches(ids: frozenset[str]) -> tuple[Callable[[str], bool], ...]:
    telling = sorted(filter(is_telling, ids))
    groups = (telling[at : at + IDS_AT_ONCE] for at in range(0, len(telling), IDS_AT_ONCE))
    return tuple(linear(bounded(group)) for group in groups)


def _parts(text: str) -> Iterator[str]:
    yield from (match[0] for match in _TOKEN.finditer(text))
    yield from (match[0] for match in _WORD.finditer(text))


def _read(text: str, named: Named, depth: int) -> None:
    """Add a text and what is embedded in it: a JSON document, plain or in base64, or a query string."""
    if len(text) >= TELLING_LENGTH:
        named.texts.append(text)
    if depth > MAX_DEPTH:
        return
    if text.lstrip().startswith(("{", "[", '"')):
        try:
            _walk(orjson.loads(text), "", named, depth + 1)
            return
        except ValueError:
            pass
    if _BASE64.fullmatch(text) and (inner := _unpacked(text)) is not None:
        _read(inner, named, depth + 1)
    if "=" in text or ":" in text:
        for plain in {text, unquote_plus(text)}:
            if plain != text:
                named.texts.append(plain)
            for start, sign, after in _PAIR.find(plain):
                name = _NAME.match(plain, start, sign.start())
                if name and _folded(name[0]) in ID_NAMES:
                    named.ids.add(after[1])


def _walk(value: Any, name: str, named: Named, depth: int) -> None:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            _walk(item, _folded(key), named, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _walk(item, name, named, depth + 1)
    elif value is not None and not isinstance(value, bool):
        if name in ID_NAMES:
            named.ids.add(str(value))
        if isinstance(value, str):
            _read(value, named, depth + 1)


def _folded(name: str) -> str:
    return "".join(filter(str.isalnum, name[:64])).lower()


def _unpacked(text: str) -> str | None:
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        inner = b64decode(padded + "=" * (-len(padded) % 4)).decode()
    except (Error, ValueError):
        return None
    return inner if inner.lstrip().startswith(("{", "[")) else None
