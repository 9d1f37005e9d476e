"""The request for a replay, validated at the border with every problem reported at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from clickstream.problems import parse_body

MAX_BODY_BYTES = 262_144
MAX_IDS = 1000
MAX_LIMIT = 10_000
INVALID = "invalid_replay"


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
    """Selects the failed events that meet all conditions given here."""

    failed_event_ids: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_IDS)] | None = None
    failure_class: Text | None = None
    pointer: Annotated[str, StringConstraints(max_length=2000)] | None = Field(
        default=None, description="Exactly this JSON pointer; the empty one is that of the whole event."
    )
    event_name: Text | None = Field(
        default=None, description="Name of the event, read from the original by the rules now in force."
    )
    dialect: Text | None = None
    received_from: Moment | None = None
    received_to: Moment | None = Field(default=None, description="The end of the period, excluded.")
    message_contains: Text | None = None


class ReplayRequest(_Strict):
    """Process a site's failed events again, the oldest first."""

    site_id: str
    filters: Filters = Filters()
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=True)] = 1000
    after: Text | None = Field(default=None, description="`next` of the previous answer, to continue after it.")
    dry_run: Annotated[bool, Field(strict=True)] = False

    @field_validator("after")
    @classmethod
    def _known_place(cls, text: str | None) -> str | None:
        if text is not None:
            read_place(text)
        return text

    @property
    def place(self) -> Place | None:
        """The place where the previous replay ended; None for the first."""
        return None if self.after is None else read_place(self.after)


Place = tuple[datetime, str]
"""One failed event in the order of replays: when it was received, and its id."""


def write_place(place: Place) -> str:
    """The place as the text of `next`."""
    return f"{place[0].isoformat()} {place[1]}"


def read_place(text: str) -> Place:
    """The inverse of `write_place`. Raise ValueError."""
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
    return parse_body(body, ReplayRequest, MAX_BODY_BYTES, INVALID)
