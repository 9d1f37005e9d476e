"""Redacts secrets and personal data in URLs, texts, documents and raw bytes, before anything is stored.

Nothing here raises, whatever the input, and redaction is idempotent. `names` and `patterns` define what is redacted.
The work is bounded: a part that would take more steps than its event has left, or has too many layers of encoding, is
REDACTED as a whole.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from clickstream.privacy.addresses import (
    AUTHORITY,
    IP_HOST,
    OPAQUE,
    PARAMETER,
    PIECE,
    SEGMENT,
    URL,
    holds_too_much,
    plain,
)
from clickstream.privacy.members import has_member, without_members
from clickstream.privacy.names import MAX_NAME, folded, is_secret_parameter, meaning
from clickstream.privacy.patterns import (
    MAX_ROUNDS,
    REDACTED,
    cut_address,
    decodings,
    matches,
    replaced,
    replaced_once,
)
from clickstream.privacy.screening import (
    DOCUMENT_AS_VALUE,
    NONE,
    is_noticeable,
    may_hide_harm,
    may_hold_a_secret_key,
    may_hold_a_secret_parameter,
    may_say_harm,
)
from clickstream.privacy.steps import STEPS_PER_CALL, Steps

MAX_DEPTH = 64
# Up to this many characters, redacting a text costs no more than checking it first.
SHORT = 200

_BASE64 = re.compile(r"(?:eyJ|W3si)[\w+/-]{8,}={0,2}")
_DOCUMENT = re.compile(r"\s*[\[{]")
_DOCUMENT_AS_VALUE = re.compile(rf"{DOCUMENT_AS_VALUE}[^&;]*")
_EQUALS = re.compile("=")
# What follows a parameter's equals sign, if it is a value that is not redacted already.
_VALUE = re.compile(rf"""(?!{REDACTED}(?:[&;#\s"'<>]|\Z))[^&;]""")
_DECODED_VALUE = re.compile(rf"""(?!{REDACTED}(?:[&;#\s"'<>]|\Z)).""", re.DOTALL)
_PRODUCT_VERSION = re.compile(r"(?<=[A-Za-z]/)\d++(?:\.\d++){3,}|(?<!\d)\d++(?:\.\d++){4,}")


def redact_url(url: str, extra: frozenset[str] = NONE) -> str:
    """The URL without user, password and fragment, and with REDACTED for what must not be stored.

    REDACTED are the value of a parameter with a secret name or one of `extra` (in any case), and each value and path
    segment that holds an e-mail address, a credential or a whole IP address, percent-encoded or not. Of a URL that
    holds a document or names a person (`data:`, `javascript:`, `mailto:`) only the scheme stays. The host stays, also
    if it is an IP address, because it is a server's.
    """
    return Redactor(Steps(len(url)), extra=extra).url(url)


def redact_query(query: str, extra: frozenset[str] = NONE) -> str:
    """The query string, without its question mark, with REDACTED for what must not be stored."""
    return Redactor(Steps(len(query)), extra=extra).query(query)


def redact_text(text: str, extra: frozenset[str] = NONE) -> str:
    """Free text with REDACTED for what must not be stored; URLs in it are redacted as by `redact_url`.

    A text that is exactly one IP address is truncated to its network: /24 of IPv4, /48 of IPv6.
    """
    return Redactor(Steps(len(text)), extra=extra).text(text)


def redact_agent(agent: str) -> str:
    """A User-Agent with REDACTED for what must not be stored. Versions of four numbers after a product's name stay."""
    return Redactor(Steps(len(agent))).agent(agent) if is_noticeable(agent, NONE) else agent


def redact_json(value: Any, keep: frozenset[str] = NONE, extra: frozenset[str] = NONE) -> Any:
    """A copy of a JSON value with REDACTED for what must not be stored, at any depth.

    REDACTED are all values under a key with a secret name or one of `extra`, unless they are true, false, null or
    empty, and what `redact_text` redacts in texts and keys. Texts that hold JSON, plain or in base64, are parsed. A
    value under a key of `keep` stays as it is, by the site's own choice.
    """
    return Redactor(Steps(len(_serialised(value) or b"")), keep, extra).json(value)


def redact_bytes(payload: bytes, extra: frozenset[str] = NONE) -> bytes:
    """Bytes that could not be parsed, with REDACTED for what must not be stored. Compressed bytes are not unpacked."""
    return Redactor(Steps(len(payload)), extra=extra).bytes(payload)


def _serialised(value: Any) -> bytes | None:
    """The value as JSON; None if it cannot be written as strict JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return None


class Redactor:
    """Redacts all parts of one event within its steps. Its methods do what `redact_url` and so on describe.

    `keep` and `extra` are the site's settings.
    """

    def __init__(self, steps: Steps, keep: frozenset[str] = NONE, extra: frozenset[str] = NONE) -> None:
        self._steps = steps
        self._keep = folded(keep)
        self._names = folded(extra)
        self._endings = tuple(self._names)
        # Texts without anything to redact, also not in what is packed into them; then redacted parameters and queries.
        self._clean: set[str] = set()
        self._parameters: dict[str, str] = {}
        self._queries: dict[str, str] = {}

    def url(self, url: str) -> str:
        return self._url(url, 0)

    def query(self, query: str) -> str:
        return self._query(query, 0)

    def text(self, text: str) -> str:
        return self._text(text, 0)

    def agent(self, agent: str) -> str:
        return self._agent(agent, 0)

    def json(self, value: Any) -> Any:
        return self._value(value, self._keep, 0)

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The members, redacted, of a document whose names are our own: names stay, however many steps are left."""
        return {
            name: value if name in self._keep else self._member(name, value, self._keep, 0)
            for name, value in fields.items()
        }

    def bytes(self, payload: bytes) -> bytes:
        text = payload.decode("utf-8", "surrogateescape")
        without_zeros = text.replace("\0", "")
        if without_zeros != text and self._broken(without_zeros, 0) != without_zeros:  # UTF-16, perhaps
            return REDACTED.encode()
        return self._broken(text, 0).encode("utf-8", "surrogateescape")

    def _may_go_on(self, depth: int, steps: int) -> bool:
        return depth < MAX_DEPTH and self._steps.take(STEPS_PER_CALL + steps)

    def _noticeable(self, text: str) -> bool:
        return is_noticeable(text, self._names)

    # Addresses

    def _url(self, url: str, depth: int) -> str:
        url = plain(url)
        if opaque := OPAQUE.match(url):
            return f"{opaque[1].lower()}:{REDACTED}"
        if "@" not in url and not self._is_harmful(url, depth):
            return url
        if not self._may_go_on(depth, len(url) + STEPS_PER_CALL):
            return REDACTED
        head, mark, query = url.partition("?")
        start = ""
        if authority := AUTHORITY.match(head):
            start = replaced(authority[1], self._steps) + self._host(authority[2])
            head = head[authority.end() :]
        return start + self._path(head, depth) + mark + self._query(query, depth)

    def _host(self, authority: str) -> str:
        host = authority.rpartition("@")[2]
        if IP_HOST.fullmatch(host) or not authority:
            return host
        return REDACTED if not host or matches(host, self._steps) else host

    def _path(self, path: str, depth: int) -> str:
        if not self._is_harmful(path, depth):
            return path
        if not self._may_go_on(depth, STEPS_PER_CALL * sum(map(path.count, "\\/;,"))):
            return REDACTED

        def without_secret(match: re.Match[str]) -> str:
            segment = match[0]
            if "=" in segment:
                return self._parameter(segment, depth)
            return REDACTED if self._is_harmful(segment, depth) else segment

        return SEGMENT.sub(without_secret, path)

    def _query(self, query: str, depth: int) -> str:
        if query not in self._queries:  # an event has its page's query twice: in the URL and by itself
            self._queries[query] = self._redact_query(query, depth)
        return self._queries[query]

    def _redact_query(self, query: str, depth: int) -> str:
        if not self._is_harmful(query, depth):
            return query
        if not self._may_go_on(depth, STEPS_PER_CALL * sum(map(query.count, "&;"))):
            return REDACTED
        return PIECE.sub(lambda piece: self._parameter(piece[0], depth), query)

    def _parameter(self, piece: str, depth: int) -> str:
        if piece in self._parameters:
            return self._parameters[piece]
        if self._steps.left < 0:
            return REDACTED
        redacted = self._redact_parameter(piece, depth) if self._noticeable(piece) else piece
        self._parameters[piece] = redacted
        return redacted

    def _redact_parameter(self, piece: str, depth: int) -> str:
        if not self._may_go_on(depth, STEPS_PER_CALL):
            return REDACTED
        name, mark, value = piece.partition("=")
        if value and (self._is_secret_parameter(name) or self._is_harmful(value, depth)):
            value = REDACTED
        return (REDACTED if self._is_harmful(name, depth) else name) + mark + value

    def _is_secret_parameter(self, name: str) -> bool:
        return any(form is None or self._is_secret(form) for form in decodings(name, self._steps))

    def _is_secret(self, name: str) -> bool:
        name = name.replace("+", " ").strip()
        return is_secret_parameter(name) or name.lower() in self._names

    def _is_secret_key(self, key: str) -> bool:
        return meaning(key).is_secret_name or key.lower() in self._names

    # Harm: if a parameter's value has any, the whole value is redacted

    def _is_harmful(self, text: str, depth: int, *, prose: bool = False) -> bool:
        """Whether a text, as it is, decoded or unpacked, holds anything that must not be stored. True may be wrong.

        In `prose`, what looks like a member of a document is a quotation.
        """
        if "%" not in text:
            return self._says_harm(text, depth, prose=prose)
        if text in self._clean:
            return False
        quotes = text.count('"') + text.count("'")
        for form in decodings(text, self._steps):
            if form is None or self._says_harm(
                form, depth, prose=prose and form.count('"') + form.count("'") == quotes, decoded=form is not text
            ):
                return True
        if not prose:
            self._clean.add(text)
        return False

    def _says_harm(self, text: str, depth: int, *, prose: bool, decoded: bool = False) -> bool:
        if "\\" not in text and not may_say_harm(text, self._names):
            return False
        return (
            not self._may_go_on(depth, len(text))
            or cut_address(text) not in (None, text)
            or replaced_once(text, self._steps) != text
            or holds_too_much(text)
            or self._has_a_secret_parameter(text, decoded)
            or (not prose and self._has_a_secret_member(text))
            or any(
                not self._may_go_on(depth, STEPS_PER_CALL) or self._is_harmful(inner, depth + 1)
                for inner in self._packed(text)
            )
            or self._document(text, NONE, depth) not in (None, text)
            or self._steps.left < 0
        )

    def _has_a_secret_parameter(self, text: str, decoded: bool) -> bool:
        if not self._names and not may_hold_a_secret_parameter(text):
            return False
        if not self._may_go_on(0, len(text) + STEPS_PER_CALL * text.count("=")):
            return True
        value = _DECODED_VALUE if decoded else _VALUE
        start = 0
        for sign in _EQUALS.finditer(text):
            name = text[max(start, sign.start() - MAX_NAME) : sign.start()]
            if value.match(text, sign.end()) and self._ends_in_a_secret(name):
                return True
            start = sign.end()
        return False

    def _ends_in_a_secret(self, text: str) -> bool:
        end = text.replace("+", " ").strip()
        if meaning(end).is_secret_parameter:
            return is_secret_parameter(end[1 + max(map(end.rfind, "?&;")) :])
        return end.lower().endswith(self._endings)

    def _has_a_secret_member(self, text: str) -> bool:
        if not self._names and not may_hold_a_secret_key(text):
            return False
        return not self._may_go_on(0, 4 * len(text) + 100 * text.count(":")) or has_member(text, self._is_secret_key)

    def _packed(self, text: str) -> Iterator[str]:
        """The documents embedded in a value, plain or in base64. Percent-encoding is handled elsewhere."""
        if "=" in text:
            yield from (match[0][1:] for match in _DOCUMENT_AS_VALUE.finditer(text))
        tokens = text.count("eyJ") + text.count("W3si")
        if tokens and self._steps.take(6 * len(text) + STEPS_PER_CALL * tokens):
            yield from filter(None, (_from_base64(match[0]) for match in _BASE64.finditer(text)))

    # Documents

    def _value(self, value: Any, keep: frozenset[str], depth: int) -> Any:
        if isinstance(value, str):
            return self._string(value, keep, depth)
        if not isinstance(value, Mapping | list | tuple) or not value or self._is_clean(value):
            return value
        if not self._may_go_on(depth, 0):
            return {REDACTED: REDACTED} if isinstance(value, Mapping) else [REDACTED]
        return self._members(value, keep, depth) if isinstance(value, Mapping) else self._items(value, keep, depth)

    def _is_clean(self, value: Any) -> bool:
        body = _serialised(value)
        if body is None or not self._steps.take(len(body)):
            return False
        return not may_hide_harm(body.decode(), self._names, self._steps)

    def _members(self, members: Mapping[str, Any], keep: frozenset[str], depth: int) -> dict[str, Any]:
        """The redacted members. Once no steps are left, one member named REDACTED replaces the rest."""
        redacted: dict[str, Any] = {}
        plain_keys = not self._is_harmful("\n".join(members), depth)
        for key, value in members.items():
            name = key if plain_keys else replaced(self._without_packed(key, depth), self._steps)
            while name in redacted and self._steps.take(
                len(name)
            ):  # two keys that became the same, such as two e-mail addresses
                name += "_"
            if not self._steps.take(STEPS_PER_CALL):
                redacted[REDACTED] = REDACTED
                break
            redacted[name] = value if key.lower() in keep else self._member(key, value, keep, depth)
        return redacted

    def _member(self, key: str, value: Any, keep: frozenset[str], depth: int) -> Any:
        means = meaning(key)
        if means.is_secret_name or key.lower() in self._names:
            return value if value is None or isinstance(value, bool) or value in ("", [], {}) else REDACTED
        if isinstance(value, str):
            if means.is_agent:
                return self._agent(value, depth)
            if means.is_version:
                return self._text(value, depth, ipv4=False)
        return self._value(value, keep, depth + 1)

    def _items(self, items: Iterable[Any], keep: frozenset[str], depth: int) -> list[Any]:
        """The redacted items. Once no steps are left, one REDACTED replaces the rest."""
        redacted: list[Any] = []
        for item in items:
            if not self._steps.take(STEPS_PER_CALL):
                redacted.append(REDACTED)
                break
            redacted.append(self._value(item, keep, depth + 1))
        return redacted

    def _string(self, text: str, keep: frozenset[str], depth: int) -> str:
        if not self._noticeable(text):
            return text
        document = self._document(text, keep, depth)
        return self._text(text, depth) if document is None else document

    def _document(self, text: str, keep: frozenset[str], depth: int) -> str | None:
        """The redacted text if it is a JSON object or array; None for any other text."""
        if not _DOCUMENT.match(text) or not self._may_go_on(depth, 3 * len(text)):
            return None
        try:
            value = orjson.loads(text)
        except ValueError:
            return None
        after = self._value(value, keep, depth + 1)
        return text if after == value else orjson.dumps(after).decode()

    # Texts

    def _broken(self, text: str, depth: int) -> str:
        """Redacts a text that may be a document, or a broken one."""
        if not self._noticeable(text):
            return text
        document = self._document(text, NONE, depth)
        if document is not None:
            return document
        if self._has_a_secret_member(text):
            text = without_members(text, self._is_secret_key) if self._steps.left >= 0 else REDACTED
        return self._text(text, depth)

    def _text(self, text: str, depth: int, *, ipv4: bool = True) -> str:
        if ipv4 and (network := cut_address(text)) is not None:
            return network
        # REDACTED put in by one rule may complete a match of another, so repeat until nothing changes.
        for _ in range(MAX_ROUNDS):
            if len(text) > SHORT and not self._is_harmful(text, depth, prose=True):
                return text
            if not self._may_go_on(depth, 0):
                return REDACTED
            after = replaced(self._without_packed(text, depth), self._steps, ipv4=ipv4)
            if after == text:
                return text
            text = after
        return REDACTED

    def _without_packed(self, text: str, depth: int) -> str:
        """The text with its base64, URLs and parameters redacted."""
        if tokens := text.count("eyJ") + text.count("W3si"):
            if not self._may_go_on(depth, 6 * len(text) + STEPS_PER_CALL * tokens):
                return REDACTED
            text = _BASE64.sub(lambda match: self._base64(match[0], depth), text)
        if not self._may_go_on(depth, len(text) + STEPS_PER_CALL * sum(map(text.count, ("://", "=")))):
            return REDACTED
        if "://" in text:
            text = URL.sub(lambda *parts: self._url("".join(parts), depth), text)
        if "=" in text:
            text = PARAMETER.sub(lambda *parts: self._parameter("".join(parts), depth), text)
        return text

    def _base64(self, token: str, depth: int) -> str:
        if token in self._clean or (text := _from_base64(token)) is None:
            return token
        if not self._may_go_on(depth, STEPS_PER_CALL):
            return REDACTED
        after = self._broken(text, depth + 1)
        if after != text:
            token = base64.urlsafe_b64encode(after.encode("utf-8", "surrogateescape")).decode().rstrip("=")
        self._clean.add(token)
        return token

    def _agent(self, agent: str, depth: int) -> str:
        if not self._noticeable(agent):
            return agent
        if not self._may_go_on(depth, 12 * len(agent)):
            return REDACTED
        versions: list[str] = []

        def put_away(match: re.Match[str]) -> str:
            versions.append(match[0])
            return "\ue000"

        text = self._text(_PRODUCT_VERSION.sub(put_away, agent.replace("\ue000", "")), depth)
        if text.count("\ue000") != len(versions):  # a version was inside a redacted part
            return REDACTED
        back = iter(versions)
        return re.sub("\ue000", lambda _: next(back), text)


def _from_base64(token: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(token.rstrip("=").replace("+", "-").replace("/", "_") + "==").decode()
    except ValueError:
        return None
