"""The part of a site's document about privacy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from clickstream.model.event import Consent
from clickstream.sites.limits import Few


class SignalMode(StrEnum):
    """How a browser's opt-out signal limits a visitor's consent."""

    DENIED = "denied"
    ANONYMOUS = "anonymous"
    IGNORE = "ignore"


class UserIds(StrEnum):
    """How ids of known persons are stored."""

    KEEP = "keep"
    PSEUDONYMIZE = "pseudonymize"


class StoreIp(StrEnum):
    """How much of an IP address is stored."""

    TRUNCATED = "truncated"
    NONE = "none"


Parameter = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Privacy(BaseModel):
    """What is stored about visitors, and which consent counts if they stated none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unknown_consent: Consent = Field(
        default="full", description="The consent of a visitor without any signal: full, anonymous or denied."
    )
    gpc: SignalMode = Field(
        default=SignalMode.ANONYMOUS,
        description="The highest consent of a visitor whose browser sends Sec-GPC; ignore: the signal changes nothing.",
    )
    dnt: SignalMode = Field(
        default=SignalMode.ANONYMOUS,
        description="The highest consent of a visitor whose browser sends DNT; ignore: the signal changes nothing.",
    )
    user_ids: UserIds = Field(
        default=UserIds.KEEP, description="Ids of known persons: keep them, or pseudonymize them by a keyed hash."
    )
    store_ip: StoreIp = Field(
        default=StoreIp.TRUNCATED, description="The address: truncated to /24 (IPv4) or /48 (IPv6), or none of it."
    )
    redact_parameters: Annotated[tuple[Parameter, ...], Few] = Field(
        default=(),
        description="Query parameters whose values are redacted in every address, besides those known as secret.",
    )
    keep_properties: Annotated[tuple[Parameter, ...], Few] = Field(
        default=(),
        description="Properties exempt from redaction, because the site needs what looks like personal data.",
    )
    cookie: StrictBool = Field(
        default=False, description="Whether the collector sets a first-party cookie with the visitor's id."
    )
