"""The child process that encrypts stdin to stdout, for the certificates that its arguments have in hex."""

from __future__ import annotations

import sys

from pysequoia import Cert, encrypt_file


def main() -> None:
    """Encrypt all of stdin. It holds one piece of it at a time."""
    recipients = [Cert.from_bytes(bytes.fromhex(text)) for text in sys.argv[1:]]
    encrypt_file("/dev/stdin", "/dev/stdout", recipients=recipients, armor=False)


if __name__ == "__main__":
    main()
