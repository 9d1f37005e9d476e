"""Which keys files can be encrypted for, and until when. The key files are of GnuPG 2.2, with its clock set back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from pysequoia import Cert, Tsk, encrypt
from pysequoia.packet import PacketPile, Tag

from clickstream.errors import InvalidSite
from clickstream.sites.__main__ import _of_jobs
from clickstream.sites.document import parse_site
from clickstream.sites.pgp_keys import UnusableKey, public_key
from clickstream.sites.planning import read_sites

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEYS = Path(__file__).parent / "keys"
DAY = timedelta(days=1)


def text_of(name: str) -> str:
    return (KEYS / f"{name}.asc").read_text()


def made(validity: timedelta | None = None) -> tuple[str, datetime]:
    """A public key of this validity, and when it was made."""
    seconds = None if validity is None else int(validity.total_seconds())
    secret = Tsk.generate("Partner <partner@example.com>", validity_seconds=seconds)
    certificate = secret.extract_certificate()
    created = next(packet.key_created for packet in PacketPile.from_bytes(bytes(certificate)))
    return str(certificate), created


def test_a_key_can_be_used_until_it_expires() -> None:
    text, created = made(10 * DAY)
    key = public_key(text, created + 9 * DAY)
    assert key.expires_at is not None and abs(key.expires_at - created - 10 * DAY) < timedelta(seconds=2)
    with pytest.raises(UnusableKey, match="has expired on") as late:
        public_key(text, created + 11 * DAY)
    assert late.value.has_expired
    assert public_key(made()[0], NOW).expires_at is None


@pytest.mark.parametrize(
    ("name", "problem", "has_expired"),
    [
        ("subkey-expired", "the keys for encryption of .* have expired on 2020-12-31", True),
        ("sign-only", "has no key for encryption", False),
    ],
)
def test_keys_for_which_nothing_can_be_encrypted(name: str, problem: str, has_expired: bool) -> None:
    with pytest.raises(UnusableKey, match=problem) as refused:
        public_key(text_of(name), NOW)
    assert refused.value.has_expired is has_expired


def test_only_subkeys_that_have_not_expired_are_used() -> None:
    def subkeys(data: bytes) -> int:
        return sum(packet.tag == Tag.PublicSubkey for packet in PacketPile.from_bytes(data))

    certificate = public_key(text_of("rotated"), NOW).certificate
    assert (subkeys(text_of("rotated").encode()), subkeys(certificate)) == (2, 1)
    message = encrypt(b"x", recipients=[Cert.from_bytes(certificate)], armor=False)
    assert [packet.tag == Tag.PKESK for packet in PacketPile.from_bytes(message)].count(True) == 1


def test_a_revoked_key_a_private_key_and_other_text_are_refused() -> None:
    secret = Tsk.generate("Partner <partner@example.com>")
    revoked = secret.extract_certificate()
    revoked = type(revoked).from_bytes(bytes(revoked) + bytes(revoked.revoke(secret.certifier())))
    for text, problem in ((str(revoked), "is revoked"), (str(secret), "is a private key"), ("x", "is no public key")):
        with pytest.raises(UnusableKey, match=problem):
            public_key(text, NOW)


def document(*keys: str, **to: object) -> bytes:
    target = {"connection": "partner", "container": "exports", "filename": "x", "pgp_keys": list(keys), **to}
    job = {"name": "events", "export": "events", "to": target}
    return yaml.safe_dump({"site": "shop", "keys": [{"kind": "public", "key": "shop-web"}], "jobs": [job]}).encode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (document("x"), "/jobs/0/to/pgp_keys/0: is no public key: it begins with -----BEGIN PGP PUBLIC KEY BLOCK-----"),
        (document("-----BEGIN PGP PRIVATE KEY BLOCK-----"), "/jobs/0/to/pgp_keys/0: is a private key: revoke it, and"),
        (document(text_of("sign-only")), "/jobs/0/to/pgp_keys/0: 8298B76E6A4ECAF9 has no key for encryption"),
        (document(compress_first=True), "/jobs/0/to/compress_first: needs `compress` and `pgp_keys`"),
    ],
)
def test_plan_refuses_keys_that_cannot_encrypt(text: bytes, problem: str) -> None:
    with pytest.raises(InvalidSite) as refused:
        read_sites({"shop": text})
    assert [line.removeprefix("shop.yaml: ")[: len(problem)] for line in refused.value.problems] == [problem]


def test_plan_shows_keys_that_expire_soon_or_have_expired() -> None:
    text, created = made(100 * DAY)
    connection = {"CONNECTION_PARTNER": "AccountName=a;AccountKey=Yg=="}

    def lines(days: int) -> list[str]:
        site = parse_site(document(text), expected="shop")
        return list(_of_jobs({"shop": site}, connection, created + days * DAY))

    assert lines(1) == []
    (soon,), (late,) = lines(80), lines(200)
    assert soon.startswith("! shop: a key of the job events, ") and " expires on " in soon
    assert "cannot be used" in late and "has expired on" in late
