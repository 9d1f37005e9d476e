"""GnuPG with a key of its own, as a partner uses it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_GPG = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")


@dataclass(frozen=True, slots=True)
class GnuPG:
    """Commands of a partner who keeps the key in this folder."""

    home: Path

    def run(self, *command: str, data: bytes = b"") -> bytes:
        """The output of any command with this input."""
        environment = {"GNUPGHOME": str(self.home), "PATH": os.environ["PATH"]}
        return subprocess.run(command, input=data, capture_output=True, check=True, env=environment, timeout=120).stdout

    @property
    def public_key(self) -> str:
        """The key that files are encrypted for."""
        return self.run(*_GPG, "--armor", "--export").decode()

    def made(self, name: str, algorithm: str, usage: str, subkeys: Sequence[tuple[str, str]]) -> str:
        """A new public key of 2020, with subkeys for encryption of these algorithms and validities."""
        # Frozen, or the second command could be before the first.
        made = (*_GPG, "--faked-system-time", "20200101T000000!")
        self.run(*made, "--quick-gen-key", name, algorithm, usage, "never")
        listed = self.run(*_GPG, "--with-colons", "--list-keys", f"={name}").decode()
        fingerprint = listed.partition("\nfpr:")[2].split(":")[8]
        for subkey, validity in subkeys:
            self.run(*made, "--quick-add-key", fingerprint, subkey, "encr", validity)
        return self.run(*_GPG, "--armor", "--export", fingerprint).decode()

    def decrypt(self, data: bytes) -> bytes:
        """What was encrypted for the key."""
        return self.run(*_GPG, "--decrypt", data=data)


@contextlib.contextmanager
def gnupg(folder: Path) -> Iterator[GnuPG]:
    """A partner with a new key; its agent ends with the block."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    partner = GnuPG(home)
    try:
        partner.run(*_GPG, "--quick-gen-key", "Partner <partner@example.com>", "future-default", "default", "never")
        yield partner
    finally:
        partner.run("gpgconf", "--kill", "gpg-agent")
