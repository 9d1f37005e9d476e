"""Taking secrets and personal data out of addresses, texts, documents and raw bytes, before anything is stored.

Nothing here raises, whatever it is given, and doing it twice changes no more than doing it once. What is looked for
stands in `names` and `patterns`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import orjson

from clickstream.privacy.names import folded, is_agent, is_secret_name, is_secret_parameter, is_version
from clickstream.privacy.patterns import REDACTED, cut_address, decodings, matches, may_match, replaced

NONE: frozenset[str] = frozenset()
MAX_DEPTH = 64
MAX_ROUNDS = 8

_UNPRINTED = re.compile(r"[\t\r\n\0]+")
# Their content is a document, a program, or a person's address.
OPAQUE = ("data", "javascript", "vbscript", "mailto", "tel", "sms", "callto", "skype", "blob", "view-source")
_OPAQUE = re.compile(rf"(?i)({'|'.join(OPAQUE)}):")
# Browsers take any number of slashes, either way, after these schemes.
_AUTHORITY = re.compile(r"(?i)((?:https?|wss?|ftp):[\\/]*|(?:[a-z][a-z0-9+.-]{0,40}:)?[\\/]{2})([^\\/]*)")
# A host that is an IP address is a server's own.
_ADDRESS = re.compile(r"(?:\[[\da-fA-F:.]*\]|[\d.]+)(?::\d*)?", re.ASCII)
_SEGMENT = re.compile(r"[^\\/;,]+")
_PIECE = re.compile(r"[^&;]+")

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s\"'<>\\]+")
_PARAMETER = re.compile(r"""(?<![^?&;#\s,"'(])[\w%.\[\]-]{1,200}=[^&;#\s"'<>]+""")
_BASE64 = re.compile(r"(?:eyJ|W3si)[\w+/-]{8,}={0,2}")
# A member of a document that is broken, or written as text within another; its value may be cut off.
_MEMBER = re.compile(
    r"""(?<!\\)(\\*["'])([\w.\[\] -]{1,200})\1(\s*:\s*)"""
    r"""(?:\\*(["'])(?:[^\\"']|\\.|(?!\4)["'])*+\4?|[\[{][^\]}]*[\]}]?|[^\s,}\]"']+)""",
    re.DOTALL,
)
_PRODUCT_VERSION = re.compile(r"(?<=[A-Za-z]/)\d+(?:\.\d+){3,}|\d+(?:\.\d+){4,}")


def redact_url(url: str, extra: frozenset[str] = NONE) -> str:
    """The address without user, password and fragment, and with REDACTED for what must not be kept.

    That is the value of a parameter with a secret name or one of `extra` (in any case), and each value and path
    segment that holds an e-mail address, a credential or a whole IP address, percent-encoded or not. An address that
    holds a document or names a person (`data:`, `javascript:`, `mailto:`) keeps its scheme alone. The host stays: it
    is a server's.
    """
    url = _UNPRINTED.sub("", url).partition("#")[0].strip()
    if opaque := _OPAQUE.match(url):
        return f"{opaque[1].lower()}:{REDACTED}"
    head, mark, query = url.partition("?")
    start = ""
    if authority := _AUTHORITY.match(head):
        start, head = replaced(authority[1]) + _redact_host(authority[2]), head[authority.end() :]
    return start + _redact_path(head, folded(extra)) + mark + redact_query(query, extra)


def redact_query(query: str, extra: frozenset[str] = NONE) -> str:
    """The query string, without its question mark, with REDACTED for what must not be kept."""
    names = folded(extra)
    return _PIECE.sub(lambda piece: _redact_parameter(piece[0], names), query)


def redact_text(text: str, extra: frozenset[str] = NONE) -> str:
    """Free text with REDACTED for what must not be kept; addresses in it are treated as `redact_url` treats them.

    A text that is one IP address and nothing else is cut to its network: /24 of IPv4, /48 of IPv6.
    """
    return _redact_text(text, folded(extra))


def redact_agent(agent: str) -> str:
    """A User-Agent with REDACTED for what must not be kept. Versions of four numbers stay, after a product's name."""
    if not may_match(agent):
        return agent
    versions: list[str] = []

    def put_away(found: re.Match[str]) -> str:
        versions.append(found[0])
        return "\ue000"

    text = _redact_text(_PRODUCT_VERSION.sub(put_away, agent.replace("\ue000", "")), NONE)
    if text.count("\ue000") != len(versions):  # one stood in what was taken out
        return REDACTED
    return re.sub("\ue000", lambda _: versions.pop(0), text)


def redact_json(value: Any, keep: frozenset[str] = NONE, extra: frozenset[str] = NONE) -> Any:
    """A JSON value with REDACTED for what must not be kept, at any depth; the value given is not changed.

    That is all under a key with a secret name or one of `extra`, unless it is true, false, null or empty, and what
    `redact_text` takes out of texts and keys. Texts that hold JSON, plain or in base64, are looked into. What stands
    under a key of `keep` is left alone: that is the site's own choice.
    """
    return _redact_value(value, folded(keep), folded(extra), 0)


def redact_bytes(payload: bytes, extra: frozenset[str] = NONE) -> bytes:
    """Bytes that nobody could read, with REDACTED for what must not be kept. Compressed bytes are not looked into."""
    names = folded(extra)
    text = payload.decode("utf-8", "surrogateescape")
    plain = text.replace("\0", "")
    if plain != text and _redact_broken(plain, names, 0) != plain:  # UTF-16, perhaps
        return REDACTED.encode()
    return _redact_broken(text, names, 0).encode("utf-8", "surrogateescape")


def _redact_host(authority: str) -> str:
    host = authority.rpartition("@")[2]
    if _ADDRESS.fullmatch(host) or not authority:
        return host
    return REDACTED if not host or matches(host) else host


def _redact_path(path: str, names: frozenset[str]) -> str:
    if "=" not in path and not may_match(path):
        return path

    def without_secret(found: re.Match[str]) -> str:
        segment = found[0]
        return _redact_parameter(segment, names) if "=" in segment else REDACTED if matches(segment) else segment

    return _SEGMENT.sub(without_secret, path)


def _redact_parameter(piece: str, names: frozenset[str]) -> str:
    name, mark, value = piece.partition("=")
    secret = any(_is_secret_parameter(form, names) for form in decodings(name))
    if value and (secret or any(_redact_string(form, NONE, names, 0) != form for form in decodings(value))):
        value = REDACTED
    return (REDACTED if matches(name) else name) + mark + value


def _is_secret_parameter(name: str, names: frozenset[str]) -> bool:
    name = name.replace("+", " ").strip()
    return is_secret_parameter(name) or name.lower() in names


def _is_secret_key(key: str, names: frozenset[str]) -> bool:
    return is_secret_name(key) or key.lower() in names


def _redact_value(value: Any, keep: frozenset[str], names: frozenset[str], depth: int) -> Any:
    if isinstance(value, str):
        return _redact_string(value, keep, names, depth)
    if isinstance(value, Mapping):
        return _redact_members(value, keep, names, depth + 1) if depth < MAX_DEPTH else REDACTED
    if isinstance(value, list | tuple):
        return [_redact_value(item, keep, names, depth + 1) for item in value] if depth < MAX_DEPTH else REDACTED
    return value


def _redact_members(
    members: Mapping[str, Any], keep: frozenset[str], names: frozenset[str], depth: int
) -> dict[str, Any]:
    redacted: dict[str, Any] = {}
    for key, value in members.items():
        name = key if not may_match(key) else replaced(key)
        while name in redacted:  # two keys that were two persons' addresses
            name += "_"
        redacted[name] = value if key.lower() in keep else _redact_member(key, value, keep, names, depth)
    return redacted


def _redact_member(key: str, value: Any, keep: frozenset[str], names: frozenset[str], depth: int) -> Any:
    if _is_secret_key(key, names):
        return value if value is None or isinstance(value, bool) or value in ("", [], {}) else REDACTED
    if isinstance(value, str):
        if is_agent(key):
            return redact_agent(value)
        if is_version(key):
            return _redact_text(value, names, ipv4=False)
    return _redact_value(value, keep, names, depth)


def _redact_string(text: str, keep: frozenset[str], names: frozenset[str], depth: int) -> str:
    document = _redact_document(text, keep, names, depth)
    return _redact_text(text, names, depth=depth) if document is None else document


def _redact_document(text: str, keep: frozenset[str], names: frozenset[str], depth: int) -> str | None:
    """A text that is a JSON object or array; None for any other."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = orjson.loads(text)
    except ValueError:
        return None
    after = _redact_value(value, keep, names, depth + 1)
    return text if after == value else orjson.dumps(after).decode()


def _redact_broken(text: str, names: frozenset[str], depth: int) -> str:
    """A text that should have been a document and perhaps is."""
    document = _redact_document(text, NONE, names, depth)
    if document is not None:
        return document

    def without_value(found: re.Match[str]) -> str:
        quote, key, colon, _ = found.groups()
        return f"{quote}{key}{quote}{colon}{quote}{REDACTED}{quote}" if _is_secret_key(key, names) else found[0]

    return _redact_text(_MEMBER.sub(without_value, text), names, depth=depth)


def _redact_text(text: str, names: frozenset[str], *, ipv4: bool = True, depth: int = 0) -> str:
    if ipv4 and (network := cut_address(text)) is not None:
        return network
    if "=" not in text and "://" not in text and not may_match(text):
        return text
    # What one rule puts in may complete what another looks for, so again until nothing changes.
    for _ in range(MAX_ROUNDS):
        after = _redact_text_once(text, names, ipv4, depth)
        if after == text:
            return text
        text = after
    return REDACTED


def _redact_text_once(text: str, names: frozenset[str], ipv4: bool, depth: int) -> str:
    if depth < MAX_DEPTH and ("eyJ" in text or "W3si" in text):
        text = _BASE64.sub(lambda found: _redact_base64(found[0], names, depth + 1), text)
    if "://" in text:
        text = _URL.sub(lambda found: redact_url(found[0], names), text)
    if "=" in text:
        text = _PARAMETER.sub(lambda found: _redact_parameter(found[0], names), text)
    return replaced(text, ipv4=ipv4)


def _redact_base64(token: str, names: frozenset[str], depth: int) -> str:
    try:
        text = base64.urlsafe_b64decode(token.rstrip("=").replace("+", "-").replace("/", "_") + "==").decode()
    except ValueError:
        return token
    after = _redact_broken(text, names, depth)
    return token if after == text else base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")
