"""What can go wrong, named by who must act: the caller, nobody but time, or the operator."""

from __future__ import annotations

from collections.abc import Sequence


class ClickstreamError(Exception):
    """The root of every error this product raises on purpose.

    `code` is a stable machine-readable word; the message is a sentence for a person.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class InvalidRequest(ClickstreamError):
    """The caller sent something unusable; sending it again cannot help. `pointer` is a JSON pointer into the body."""

    code = "invalid_request"

    def __init__(self, message: str, *, code: str | None = None, pointer: str | None = None) -> None:
        super().__init__(message, code=code)
        self.pointer = pointer


class RequestTooLarge(ClickstreamError):
    """The request is over a size or count limit; a smaller one may succeed."""

    code = "too_large"


class UnsupportedEncoding(ClickstreamError):
    """The body is packed in a way that is not read here."""

    code = "unsupported_encoding"


class NotAcceptable(ClickstreamError):
    """The answer is given in none of the forms that the caller accepts."""

    code = "not_acceptable"


class NotFound(ClickstreamError):
    """There is nothing of this name."""

    code = "not_found"


class TooManyRequests(ClickstreamError):
    """A key sent more than its site allows. `retry_after_seconds` says when the next may succeed."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unauthorized(ClickstreamError):
    """No key, or one that opens nothing. Says the same for an unknown and for a revoked key."""

    code = "unauthorized"


class Forbidden(ClickstreamError):
    """A valid key that does not reach what was asked for."""

    code = "forbidden"


class LimitExceeded(ClickstreamError):
    """A query ran over its time, memory or row limit; a narrower one may succeed."""

    code = "limit_exceeded"


class Unavailable(ClickstreamError):
    """A peer did not take or give what was asked, in time. Trying again later is right."""

    code = "unavailable"


class Conflict(ClickstreamError):
    """Another writer committed first; the caller looks again and does what is left."""

    code = "conflict"


class SettingsError(ClickstreamError):
    """The operator's settings cannot be used. `problems` lists every one of them."""

    code = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class InvalidSite(ClickstreamError):
    """A site's document cannot be used. `problems` lists every one of them."""

    code = "invalid_site"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
