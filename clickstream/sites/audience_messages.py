"""The part of a site's document that says which hub is sent changes of audiences."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StringConstraints

Hub = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,254}[A-Za-z0-9])?$")]
ConnectionName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](-?[a-z0-9]){0,62}$")]
MAX_RATE = 100_000
MAX_TRAITS = 20
# Members of a message that are no traits.
RESERVED = frozenset({"_created", "_modified", "user_id", "anonymous_id", "segment_events"})


def _free(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name!r} is a member of every message")
    return name


Trait = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_free)]


class AudienceMessages(BaseModel):
    """Where messages about members of audiences are sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hub: Hub = Field(description="Name of the event hub, which must exist.")
    connection: ConnectionName | None = Field(
        default=None,
        description="Name of the connection: the app's settings CONNECTION_<NAME> say how to reach the namespace; "
        "none: that of the app's events.",
    )
    traits: Annotated[tuple[Trait, ...], Field(max_length=MAX_TRAITS)] = Field(
        default=(), description="Traits of people that messages carry, such as email."
    )
    removed: Literal["exits", "nothing"] = Field(
        default="exits", description="What is sent about the members of an audience that is removed from the document."
    )
    existing_per_minute: Annotated[StrictInt, Field(ge=1, le=MAX_RATE)] = Field(
        default=600, description="Members per minute, at most, that are reported because they are members already."
    )

    @property
    def destination(self) -> str:
        """Connection and hub as one text; see `split_destination`."""
        return f"{self.connection or ''}/{self.hub}"


def split_destination(destination: str) -> tuple[str | None, str]:
    """The name of the connection, None for the app's namespace, and the hub."""
    connection, _, hub = destination.partition("/")
    return connection or None, hub
