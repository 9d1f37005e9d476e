"""Pseudonyms of known persons: keyed hashes that only the operator can compute, with the key's version in each."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256

from clickstream.privacy.patterns import matches
from clickstream.privacy.steps import Steps

DERIVED_VERSION = 0
MIN_SECRET = 16

_PSEUDONYM = re.compile(r"p(0|[1-9]\d{0,3})_[0-9a-f]{32}")
_ENTRY = re.compile(r"([1-9]\d{0,3}):(.+)", re.DOTALL)
_LABEL = b"clickstream/pseudonym/v1"


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """One key. Once it is destroyed, its pseudonyms can no longer be traced to a person."""

    version: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PseudonymKeys:
    """The keys in force, newest first. The first computes new pseudonyms, the others still find older ones."""

    keys: tuple[PseudonymKey, ...]

    @classmethod
    def parse(cls, text: str, visitor_id_key: str) -> PseudonymKeys:
        """Read `2:secret two,1:secret one`. Raise ValueError, whose message shows no secret.

        The last key has version 0 and is derived from `visitor_id_key`, so an empty text is valid.
        """
        derived = hmac.new(visitor_id_key.encode(), _LABEL + b"/derived", sha256).digest()
        return cls((*parse_keys(text), PseudonymKey(DERIVED_VERSION, derived)))

    @property
    def versions(self) -> frozenset[int]:
        """The versions of all keys."""
        return frozenset(key.version for key in self.keys)


def parse_keys(text: str) -> tuple[PseudonymKey, ...]:
    """Read `2:secret two,1:secret one`; nothing for an empty text. Raise ValueError as `PseudonymKeys.parse`."""
    keys: list[PseudonymKey] = []
    for number, entry in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(
                f"must be version:secret pairs with commas between, versions from 1; entry {number} is not"
            )
        version, secret = int(match[1]), match[2].strip()
        if len(secret) < MIN_SECRET:
            raise ValueError(
                f"must have secrets of at least {MIN_SECRET} characters; that of version {version} is short"
            )
        if keys and version >= keys[-1].version:
            raise ValueError(f"must have the newest version first, each once; {version} follows {keys[-1].version}")
        keys.append(PseudonymKey(version, secret.encode()))
    return tuple(keys)


def pseudonym(user_id: str, keys: PseudonymKeys) -> str:
    """`p{version}_` and 128 bits in hex: HMAC-SHA-256 of the id under the newest key.

    An id that already is a pseudonym of a known version stays as it is, so replaying an event changes nothing. A client
    may send somebody's pseudonym, as it may send somebody's id: neither proves anything, and to compute the pseudonym
    of a given person it would need the key.
    """
    if is_pseudonym(user_id, keys):
        return user_id
    return _keyed_hash(user_id, keys.keys[0])


def all_pseudonyms(user_id: str, keys: PseudonymKeys) -> tuple[str, ...]:
    """The person's pseudonym under each key, newest first: for joins, exports and erasure after a key rotation."""
    return (user_id,) if is_pseudonym(user_id, keys) else tuple(_keyed_hash(user_id, key) for key in keys.keys)


def is_pseudonym(text: str, keys: PseudonymKeys) -> bool:
    """Whether the text has the form of a pseudonym of a known key version."""
    match = _PSEUDONYM.fullmatch(text)
    return match is not None and int(match[1]) in keys.versions


def storable_id(user_id: str, keys: PseudonymKeys, *, keep: bool) -> str:
    """The id as it may be stored: unchanged if the site keeps ids, else its pseudonym.

    An id that holds an e-mail address, a credential or an IP address is always pseudonymised.
    """
    return user_id if keep and not matches(user_id, Steps(len(user_id))) else pseudonym(user_id, keys)


def normalized(user_id: str) -> str:
    """The text that is hashed: stripped, and an e-mail address in lower case. Other ids may differ by case."""
    text = user_id.strip()
    return text.lower() if "@" in text and matches(text, Steps(len(text))) else text


def _keyed_hash(user_id: str, key: PseudonymKey) -> str:
    content = normalized(user_id).encode("utf-8", "surrogatepass")
    digest = hmac.new(key.secret, _LABEL + b"\0" + content, sha256).hexdigest()
    return f"p{key.version}_{digest[:32]}"
