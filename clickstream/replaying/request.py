"""What callers may ask of a replay, checked at the border: every problem at once, each with its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from clickstream.errors import InvalidRequest, RequestTooLarge
from clickstream.sites.problems import pointer

MAX_BODY_BYTES = 262_144
MAX_IDS = 1000
MAX_LIMIT = 10_000


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies beyond the calendar") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Filters(_Strict):
    """Which failed events are meant: those for which all that is said here holds."""

    failed_event_ids: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_IDS)] | None = None
    failure_class: Text | None = None
    pointer: Annotated[str, StringConstraints(max_length=2000)] | None = Field(
        default=None, description="Exactly this JSON pointer; the empty one is that of a whole event."
    )
    event_name: Text | None = Field(default=None, description="As the rules now in force read it from the original.")
    dialect: Text | None = None
    received_from: Moment | None = None
    received_to: Moment | None = Field(default=None, description="Not itself included.")
    message_contains: Text | None = None


class ReplayRequest(_Strict):
    """Judge a site's failed events again, the oldest first."""

    site_id: str
    filters: Filters = Filters()
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=True)] = 1000
    after: Text | None = Field(default=None, description="`next` of the answer before, to go on behind it.")
    dry_run: Annotated[bool, Field(strict=True)] = False

    @field_validator("after")
    @classmethod
    def _known_place(cls, text: str | None) -> str | None:
        if text is not None:
            read_place(text)
        return text

    @property
    def place(self) -> Place | None:
        """Where the replay before came to its end."""
        return None if self.after is None else read_place(self.after)


Place = tuple[datetime, str]
"""One failed event in the order of replays: when it was received, and its id."""


def write_place(place: Place) -> str:
    """The place as `next` tells it."""
    return f"{place[0].isoformat()} {place[1]}"


def read_place(text: str) -> Place:
    """The place that `write_place` told. Raise ValueError."""
    moment, _, failed_event_id = text.partition(" ")
    try:
        received_at = datetime.fromisoformat(moment)
    except ValueError:
        raise ValueError("is no `next` of an answer") from None
    if received_at.tzinfo is None or not failed_event_id:
        raise ValueError("is no `next` of an answer")
    return _in_utc(received_at), failed_event_id


def parse_replay(body: bytes) -> ReplayRequest:
    """Read the body of `POST /api/replay`. Raise InvalidRequest with every problem, RequestTooLarge."""
    if len(body) > MAX_BODY_BYTES:
        raise RequestTooLarge(f"the body has more than {MAX_BODY_BYTES} bytes")
    try:
        return ReplayRequest.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from None


def refusal(error: ValidationError) -> InvalidRequest:
    """All problems in one sentence; the pointer is that of the first."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{pointer(problem['loc']) or '/'}: {problem['msg'].removeprefix('Value error, ')}" for problem in found]
    return InvalidRequest("; ".join(told), code="invalid_replay", pointer=pointer(found[0]["loc"]))
