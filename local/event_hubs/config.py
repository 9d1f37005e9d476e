"""Configuration: the official emulator's `Config.json`, with additional sections for Capture and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator
from pydantic.alias_generators import to_pascal

DEFAULT_KEY_NAME = "RootManageSharedAccessKey"
DEFAULT_KEY = "SAS_KEY_VALUE"
TO_STORAGE, TO_FOLDER = "(to storage)", "(to a folder)"


class InvalidConfig(ValueError):
    """The configuration is invalid. The message lists every problem."""


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
            raise ValueError(f"duplicate names: {', '.join(twice)}")
        return entities


class Logging(_Section):
    type: str = "File"


class _Windows(_Section):
    """When Capture closes a file: after seconds, or at a size in bytes."""

    interval_in_seconds: Annotated[int, Field(ge=1, le=900)] = 300
    size_limit_in_bytes: Annotated[int, Field(ge=1024, le=524_288_000)] = 314_572_800
    skip_empty_archives: bool = False


class FolderCapture(_Windows):
    """Capture to a local folder."""

    folder: Path


class Capture(_Windows):
    """Capture to a storage account, Azurite or a real one, with Event Grid events on a queue if one is named."""

    storage_connection_string: Annotated[str, Field(pattern=r"AccountName=.+|UseDevelopmentStorage=true")]
    container: str = "capture"
    queue: Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$")] | None = None


def _target(capture: Any) -> str:
    return TO_FOLDER if isinstance(capture, dict) and "Folder" in capture else TO_STORAGE


class UserConfig(_Section):
    namespace_config: Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=1)]
    logging_config: Logging = Logging()
    # Without this section Capture is off.
    capture: (
        Annotated[
            Annotated[Capture, Tag(TO_STORAGE)] | Annotated[FolderCapture, Tag(TO_FOLDER)], Discriminator(_target)
        ]
        | None
    ) = None
    keys: Mapping[str, str] = Field(default_factory=lambda: {DEFAULT_KEY_NAME: DEFAULT_KEY})
    retention_in_bytes: Annotated[int, Field(ge=1_000_000)] = 67_108_864


@dataclass(frozen=True, slots=True)
class Config:
    """The emulator's configuration. `retention_bytes` is per partition; without `keys` no token is required."""

    namespace: Namespace
    capture: Capture | FolderCapture | None
    keys: Mapping[str, str]
    retention_bytes: int


class _Document(_Section):
    user_config: UserConfig


def parse_config(text: bytes) -> Config:
    """Parse a Config.json. Raise InvalidConfig with every problem and its path in the document."""
    try:
        user = _Document.model_validate_json(text).user_config
    except ValidationError as error:
        problems = (f"{_place(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        raise InvalidConfig("; ".join(problems)) from None
    return Config(user.namespace_config[0], user.capture, user.keys, user.retention_in_bytes)


def _place(path: tuple[int | str, ...]) -> str:
    """The path in the document, without the tags that pydantic adds."""
    return ".".join(str(part) for part in path if part not in (TO_STORAGE, TO_FOLDER)) or "document"
