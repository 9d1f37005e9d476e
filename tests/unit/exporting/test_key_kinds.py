"""GnuPG decrypts what is encrypted for each kind of key that partners have."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clickstream.exporting.transforms import Encryption
from clickstream.sites.pgp_keys import UnusableKey, public_key
from tests.support.gnupg import GnuPG, gnupg

pytestmark = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
TEXT = b'"event_id"\n"a"\n'
# The primary key's algorithm and usage, and the algorithm and validity of each subkey for encryption.
KINDS = {
    "RSA that encrypts itself": ("rsa2048", "cert,sign,encr", []),
    "RSA with a subkey": ("rsa2048", "cert", [("rsa2048", "never")]),
    "NIST P-256": ("nistp256", "cert", [("nistp256/ecdh", "never")]),
    "Curve25519": ("ed25519", "cert", [("cv25519", "never")]),
    "an expired subkey beside a good one": ("ed25519", "cert", [("cv25519", "1y"), ("cv25519", "never")]),
}


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GnuPG]:
    with gnupg(tmp_path_factory.mktemp("partner")) as found:
        yield found


def encrypted(keys: Sequence[str]) -> bytes:
    encryption = Encryption([public_key(key, datetime.now(UTC)).certificate for key in keys])
    return encryption.write(TEXT) + encryption.close()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_is_decrypted(partner: GnuPG, kind: str) -> None:
    assert partner.decrypt(encrypted([partner.made(kind, *KINDS[kind])])) == TEXT


def test_a_key_whose_only_subkey_has_expired_is_refused(partner: GnuPG) -> None:
    key = partner.made("late", "ed25519", "cert", [("cv25519", "1y")])
    with pytest.raises(UnusableKey, match="have expired on 2020-12-31"):
        encrypted([key])


def test_each_of_several_recipients_decrypts_the_same_file(partner: GnuPG, tmp_path: Path) -> None:
    with gnupg(tmp_path) as other:
        message = encrypted([partner.made("first", *KINDS["NIST P-256"]), other.public_key])
        assert (partner.decrypt(message), other.decrypt(message)) == (TEXT, TEXT)
