"""Signatures of user ids: with one, a page proves by a public key that the site's own server named its visitor."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256

# The name by which any tracker sends a signature, as a property, a trait or a member of the context.
USER_ID_SIGNATURE = "user_id_signature"

_LABEL = "clickstream/user-id/v1"


def signing_secret(visitor_id_key: str, site: str, version: int) -> str:
    """The site's secret of this version, 64 hex digits: the key of HMAC-SHA-256, as text.

    It is derived, so no app has to keep it, and neither another site's secret nor `visitor_id_key` follows from it.
    """
    return _hmac(visitor_id_key, f"{_LABEL}/{site}/{version}")


def signature_of(user_id: str, secret: str) -> str:
    """The signature of a user id, 64 hex digits."""
    return _hmac(secret, user_id)


def is_signed(user_id: str, signature: object, secrets: Iterable[str]) -> bool:
    """Whether a client's value is the signature of the user id under one of the secrets; any value is accepted."""
    if not isinstance(signature, str):
        return False
    given = signature.strip().lower().encode("utf-8", "surrogatepass")
    return any(hmac.compare_digest(given, signature_of(user_id, secret).encode()) for secret in secrets)


def _hmac(key: str, content: str) -> str:
    return hmac.new(key.encode(), content.encode("utf-8", "surrogatepass"), sha256).hexdigest()
