"""The errors of this product. Their names distinguish who must act: the caller, the operator, or nobody but a retry."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass


class ClickstreamError(Exception):
    """The base class of every error that this product raises on purpose.

    `code` is stable and machine-readable; the message is a sentence for a person.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


@dataclass(frozen=True, slots=True)
class Without:
    """A part of a body, by JSON pointer (RFC 6901), without which the rest is still usable. `instead` may replace it.

    `is_clock` if the part is a time of the client's clock.
    """

    pointer: str
    instead: object = None
    is_clock: bool = False


class InvalidRequest(ClickstreamError):
    """The caller sent something invalid; a retry cannot help. `pointer` is a JSON pointer (RFC 6901) into the body.

    `without` is the part that can be left out to repair it, if there is one.
    """

    code = "invalid_request"

    def __init__(
        self, message: str, *, code: str | None = None, pointer: str | None = None, without: Without | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.pointer = pointer
        self.without = without


class RequestTooLarge(ClickstreamError):
    """The request is over a size or count limit; a smaller one may succeed."""

    code = "too_large"


class LengthRequired(ClickstreamError):
    """The body was chunked, without Content-Length, and the host dropped it; a request with a length may succeed."""

    code = "length_required"


class UnsupportedEncoding(ClickstreamError):
    """The body's Content-Encoding is not supported."""

    code = "unsupported_encoding"


class NotAcceptable(ClickstreamError):
    """The caller's Accept header names no form that this route has."""

    code = "not_acceptable"


class NotFound(ClickstreamError):
    """There is no resource of this name."""

    code = "not_found"


class TooManyRequests(ClickstreamError):
    """A key is over its site's rate limit. A retry may succeed after `retry_after_seconds`."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unauthorized(ClickstreamError):
    """The key is missing, unknown or revoked. The message is the same for an unknown and a revoked key."""

    code = "unauthorized"


class Forbidden(ClickstreamError):
    """The key is valid but does not allow this request."""

    code = "forbidden"


class LimitExceeded(ClickstreamError):
    """A query exceeded its limit of time, memory or rows; a narrower one may succeed."""

    code = "limit_exceeded"


class Unavailable(ClickstreamError):
    """A peer failed or did not answer in time. A retry later may succeed.

    `durable` is how many of the messages that were sent are known to be durable nevertheless; the others may be or not.
    """

    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, durable: int = 0) -> None:
        super().__init__(message, code=code)
        self.durable = durable


class Refused(Unavailable):
    """A peer refused; an operator must remove the reason, and a retry cannot help before that."""

    code = "refused"


class InternalError(ClickstreamError):
    """A fault of this product. `incident` is its id in the log."""

    code = "internal_error"

    def __init__(self, incident: str) -> None:
        super().__init__(f"something went wrong here; the log has it as {incident}")
        self.incident = incident


class Conflict(ClickstreamError):
    """Another writer committed first. The caller reads the new state and retries."""

    code = "conflict"


class SettingsError(ClickstreamError):
    """The operator's settings are invalid. `problems` has one sentence per problem."""

    code = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class InvalidSite(ClickstreamError):
    """A site's document is invalid. `problems` has one sentence per problem."""

    code = "invalid_site"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def places(error: BaseException) -> str:
    """Types of an exception and its causes, and the places where they were raised.

    Without their messages, which may hold data of a client.
    """
    cause = error.__cause__ or error.__context__
    earlier = f"{places(cause)}\nled to\n" if cause is not None else ""
    return f"{earlier}{''.join(traceback.format_tb(error.__traceback__))}{type(error).__qualname__}"
