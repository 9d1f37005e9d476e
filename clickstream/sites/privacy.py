"""What a site keeps of its visitors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from clickstream.event import Consent


class SignalMode(StrEnum):
    """What a browser's opt-out signal makes of a visitor's consent."""

    DENIED = "denied"
    ANONYMOUS = "anonymous"
    IGNORE = "ignore"


class UserIds(StrEnum):
    """How ids of known persons are kept."""

    KEEP = "keep"
    PSEUDONYMIZE = "pseudonymize"


class StoreIp(StrEnum):
    """What is kept of an address."""

    TRUNCATED = "truncated"
    NONE = "none"


Parameter = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Privacy(BaseModel):
    """What is kept of visitors, and what consent means where they did not say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unknown_consent: Consent = Field(
        default="full", description="The consent of a visitor of whom no signal says any: full, anonymous or denied."
    )
    gpc: SignalMode = Field(
        default=SignalMode.ANONYMOUS,
        description="The consent at most of a visitor whose browser sends Sec-GPC; ignore: the signal changes nothing.",
    )
    dnt: SignalMode = Field(
        default=SignalMode.ANONYMOUS,
        description="The consent at most of a visitor whose browser sends DNT; ignore: the signal changes nothing.",
    )
    user_ids: UserIds = Field(
        default=UserIds.KEEP, description="Ids of known persons: keep them, or pseudonymize them by a keyed hash."
    )
    store_ip: StoreIp = Field(
        default=StoreIp.TRUNCATED, description="The address: truncated to /24 (IPv4) or /48 (IPv6), or none of it."
    )
    redact_parameters: tuple[Parameter, ...] = Field(
        default=(),
        description="Query parameters whose values are redacted in every address, besides those known as secret.",
    )
    keep_properties: tuple[Parameter, ...] = Field(
        default=(),
        description="Properties exempt from redaction, because the site needs what looks like personal data.",
    )
    cookie: StrictBool = Field(
        default=False, description="Whether the collector sets a first-party cookie with the visitor's id."
    )
