"""The receipt of an erasure: a signed record of what was done, so that a later change to it can be detected."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from clickstream.erasing.erased import ErasureKeys
from clickstream.erasing.progress import TableChanges
from clickstream.erasing.proof import Statement
from clickstream.erasing.raw_copies import FileChange

SIGNATURE = "signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was asked for, what was changed and how it was proven. Moments are ISO 8601, ids are digests.

    `exports` are the exports of the site whose files may hold the person.
    """

    erasure_id: str
    site: str
    mode: str
    asked_by: str
    asked_at: str
    until: str
    completed_at: str
    subject: Sequence[str]
    linked: bool
    shared_devices_left: int
    counts: Mapping[str, int]
    records_by_site: Mapping[str, int]
    files: Sequence[FileChange]
    undecided: Sequence[FileChange]
    tables: Mapping[str, TableChanges]
    proof: Sequence[Statement]
    exports: Sequence[Mapping[str, Any]]


def canonical(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON: sorted names, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def signed(receipt: Mapping[str, Any], keys: ErasureKeys) -> dict[str, Any]:
    """The receipt with the name of the key and the signature: HMAC-SHA-256 of its canonical form, in hex."""
    document = {**receipt, "key": key_name(keys)}
    return {**document, SIGNATURE: _signature(document, keys)}


def problem_of(receipt: Mapping[str, Any], keys: ErasureKeys) -> str | None:
    """Why a receipt is not valid; None if it is unchanged since it was signed with these keys."""
    if receipt.get("key") != key_name(keys):
        return "it was signed with another key: VISITOR_ID_KEY was another then, or this is no receipt of ours"
    unsigned = {name: value for name, value in receipt.items() if name != SIGNATURE}
    if not hmac.compare_digest(str(receipt.get(SIGNATURE)), _signature(unsigned, keys)):
        return "its signature does not match: it was changed since"
    return None


def key_name(keys: ErasureKeys) -> str:
    """A fingerprint of the key: 8 hex digits that do not reveal it."""
    return sha256(b"name of " + keys.receipts).hexdigest()[:8]


def _signature(receipt: Mapping[str, Any], keys: ErasureKeys) -> str:
    return hmac.digest(keys.receipts, canonical(receipt), sha256).hex()
