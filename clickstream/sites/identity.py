"""The parts of a site's document about people: whose word joins ids to people, and what is kept about them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

from clickstream.sites.limits import Few


class Believed(StrEnum):
    """Which keys are believed."""

    ANY = "any"
    SERVER = "server"


class Trusted(StrEnum):
    """Whose user ids are believed."""

    ANY = "any"
    SERVER = "server"
    SIGNED = "signed"


class IdentityLimits(BaseModel):
    """Sizes beyond which evidence is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partners: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(
        default=20, description="Ids that one id may be an alias of; an id with more is a placeholder."
    )
    ids: Annotated[StrictInt, Field(ge=2, le=10_000)] = Field(
        default=100, description="Ids that aliases may join into one person."
    )
    people: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(
        default=10, description="People on one device; with more, its anonymous events are its own."
    )


Id = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=200)]
SecretVersion = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Identity(BaseModel):
    """Which ids are one person, see docs/identity.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trust: Trusted = Field(
        default=Trusted.ANY,
        description="Whose `user_id` is believed: any key's, a secret key's (`server`), or also one with a signature.",
    )
    aliases: Believed = Field(
        default=Believed.SERVER, description="Whose alias of two users is believed: that of any key, or of secret keys."
    )
    protected_ids: Annotated[tuple[Id, ...], Few] = Field(
        default=(), description="Further ids that mean nobody, in any case, such as demo-user."
    )
    logout_events: Annotated[tuple[EventName, ...], Few] = Field(
        default=(), description="Names of events by which a user leaves a device."
    )
    secret_versions: Annotated[tuple[SecretVersion, ...], Field(min_length=1, max_length=5)] = Field(
        default=(1,), description="Versions of the secret whose signatures of user ids are valid."
    )
    limits: IdentityLimits = Field(default_factory=IdentityLimits, description="Sizes of what is still a person.")


TraitName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Profiles(BaseModel):
    """What is kept about people, see docs/profiles.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: TraitName = Field(default="name", description="The trait that names a person for readers.")
    first_write: Annotated[tuple[TraitName, ...], Few] = Field(
        default=(), description="Traits that keep their first value, such as signup_source."
    )
