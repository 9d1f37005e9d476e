"""Why a run failed, and who must act."""

from __future__ import annotations

from enum import StrEnum


class Actor(StrEnum):
    """Who can remove the reason."""

    AUTHOR = "author"  # of the site's document
    OPERATOR = "operator"  # of the app: settings, roles
    OTHER_SIDE = "other_side"  # who owns the container or sends the files
    NOBODY = "nobody"  # a later try may succeed
    US = "us"  # a fault of this product


class JobFailed(Exception):
    """A run cannot go on. `code` is stable; the message is a sentence without values of rows and without secrets."""

    def __init__(self, actor: Actor, code: str, message: str) -> None:
        super().__init__(message)
        self.actor, self.code, self.message = actor, code, message
