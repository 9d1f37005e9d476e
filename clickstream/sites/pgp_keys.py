"""Public keys of OpenPGP in sites' documents: whether files can be encrypted for them.

The library that encrypts also does so for keys that have expired, so every key is checked here before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pysequoia.packet import Packet


class UnusableKey(Exception):
    """Nothing can be encrypted for a key. The message says why; `has_expired` if it is only too late for it."""

    def __init__(self, message: str, *, has_expired: bool = False) -> None:
        super().__init__(message)
        self.has_expired = has_expired


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A certificate without the keys that have expired or are revoked; None: it never expires."""

    name: str
    certificate: bytes
    expires_at: datetime | None


@dataclass(slots=True)
class _Part:
    """The primary key or a subkey, with what belongs to it; that of the newest signature holds."""

    key: Packet
    packets: list[Packet]
    encrypts: bool = False
    expires_at: datetime | None = None
    is_revoked: bool = False
    signed_at: datetime | None = field(default=None)

    def take(self, packet: Packet) -> None:
        """Add a packet that follows the key."""
        from pysequoia.packet import SignatureType

        self.packets.append(packet)
        if packet.signature_type in (SignatureType.SubkeyRevocation, SignatureType.KeyRevocation):
            self.is_revoked = True
        if (flags := packet.key_flags) is None or packet.signature_created is None:
            return
        if self.signed_at is None or packet.signature_created >= self.signed_at:
            self.signed_at = packet.signature_created
            self.encrypts = flags.transport_encryption or flags.storage_encryption
            validity, created = packet.key_validity_period, self.key.key_created
            self.expires_at = created + validity if validity and created is not None else None

    def is_over(self, now: datetime) -> bool:
        """Whether it is revoked or has expired."""
        return self.is_revoked or (self.expires_at is not None and self.expires_at <= now)


def public_key(text: str, now: datetime) -> PublicKey:
    """The key of an armored text, as far as it can be used at this moment. Raise UnusableKey."""
    from pysequoia import Cert
    from pysequoia.packet import PacketPile, Tag

    try:
        given = list(PacketPile.from_bytes(text.encode()))
        if any(packet.tag in (Tag.SecretKey, Tag.SecretSubkey) for packet in given):
            raise UnusableKey("is a private key: revoke it, and give the public one")
        certificates = Cert.split_bytes(text.encode())
        packets = list(PacketPile.from_bytes(bytes(certificates[0])))
    except UnusableKey:
        raise
    except Exception as error:  # the library has no class of its own
        raise UnusableKey("is no public key of OpenPGP") from error
    if len(certificates) > 1:
        raise UnusableKey("has several keys; list each by itself")
    certificate = certificates[0]
    name = certificate.fingerprint.upper()[-16:]
    parts: list[_Part] = []
    for packet in packets:
        if packet.key_created is not None and packet.fingerprint is not None and packet.signature_type is None:
            parts.append(_Part(packet, [packet]))
        elif parts:
            parts[-1].take(packet)
    primary, *subkeys = parts
    if primary.is_revoked or certificate.is_revoked:
        raise UnusableKey(f"{name} is revoked")
    if primary.is_over(now):
        raise UnusableKey(f"{name} has expired on {primary.expires_at:%Y-%m-%d}", has_expired=True)
    encrypting = [part for part in parts if part.encrypts and not part.is_revoked]
    if not encrypting:
        raise UnusableKey(f"{name} has no key for encryption")
    usable = [part for part in encrypting if not part.is_over(now)]
    if not usable:
        ended = max(part.expires_at for part in encrypting if part.expires_at is not None)
        raise UnusableKey(f"the keys for encryption of {name} have expired on {ended:%Y-%m-%d}", has_expired=True)
    remaining = [primary, *(part for part in subkeys if part in usable)]
    ends = [part.expires_at for part in usable]
    latest = None if None in ends else max(end for end in ends if end is not None)
    bounds = [end for end in (latest, primary.expires_at) if end is not None]
    certificate = Cert.from_packets([packet for part in remaining for packet in part.packets])
    return PublicKey(name, bytes(certificate), min(bounds, default=None))
