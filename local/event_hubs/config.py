"""Configuration: the official emulator's `Config.json`, with sections of our own for Capture and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_pascal

DEFAULT_KEY_NAME = "RootManageSharedAccessKey"
DEFAULT_KEY = "SAS_KEY_VALUE"


class InvalidConfig(ValueError):
    """A configuration that cannot be used; the message lists every problem."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_pascal)


class ConsumerGroup(_Section):
    name: str


class Entity(_Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")]
    partition_count: Annotated[int, Field(ge=1, le=32)] = 1
    consumer_groups: tuple[ConsumerGroup, ...] = ()


class Namespace(_Section):
    type: Literal["EventHub"] = "EventHub"
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,48}[A-Za-z0-9]$")]
    entities: tuple[Entity, ...]

    @field_validator("entities")
    @classmethod
    def _names_differ(cls, entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
        names = [entity.name.lower() for entity in entities]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"named twice: {', '.join(twice)}")
        return entities


class Logging(_Section):
    type: str = "File"


class Capture(_Section):
    """Where and how Capture writes; without this section nothing is captured."""

    storage_connection_string: Annotated[str, Field(pattern=r"AccountName=.+|UseDevelopmentStorage=true")]
    container: str = "capture"
    interval_in_seconds: Annotated[int, Field(ge=1, le=900)] = 300
    size_limit_in_bytes: Annotated[int, Field(ge=1024, le=524_288_000)] = 314_572_800
    skip_empty_archives: bool = False
    queue: Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$")] | None = None


class UserConfig(_Section):
    namespace_config: Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=1)]
    logging_config: Logging = Logging()
    capture: Capture | None = None
    keys: Mapping[str, str] = Field(default_factory=lambda: {DEFAULT_KEY_NAME: DEFAULT_KEY})
    retention_in_bytes: Annotated[int, Field(ge=1_000_000)] = 67_108_864


@dataclass(frozen=True, slots=True)
class Config:
    """What the emulator runs with."""

    namespace: Namespace
    capture: Capture | None
    keys: Mapping[str, str]
    retention_bytes: int


class _Document(_Section):
    user_config: UserConfig


def parse_config(text: bytes) -> Config:
    """Raise InvalidConfig with every problem and its place."""
    try:
        user = _Document.model_validate_json(text).user_config
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, p['loc'])) or 'document'}: {p['msg']}" for p in error.errors())
        raise InvalidConfig("; ".join(problems)) from None
    return Config(user.namespace_config[0], user.capture, user.keys, user.retention_in_bytes)
