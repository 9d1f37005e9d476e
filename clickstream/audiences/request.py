"""The requests of operators about an audience, validated at the border."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from clickstream.problems import parse_body

MAX_BODY_BYTES = 10_000
INVALID = "invalid_audience_request"


class AudienceRequest(BaseModel):
    """The body of a request about one audience of a site."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site_id: str = Field(description="The site whose audience it is.", max_length=200)


def parse_audience_request(body: bytes) -> AudienceRequest:
    """Raise InvalidRequest, RequestTooLarge."""
    return parse_body(body, AudienceRequest, MAX_BODY_BYTES, INVALID)
