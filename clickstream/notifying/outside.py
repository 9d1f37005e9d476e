"""What servers of mails and webhooks have in common."""

from __future__ import annotations

# Of each step of a conversation.
TIMEOUT_SECONDS = 20.0
MAX_ANSWER = 200
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def shortened(status: int, answer: bytes | str) -> str:
    """A server's answer with its status, on one line."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{status} {''.join(character if character.isprintable() else ' ' for character in text)[:MAX_ANSWER]}"
