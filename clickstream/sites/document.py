"""A site's document: parsed, checked, with every problem reported at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from clickstream.errors import InvalidSite


class KeyKind(StrEnum):
    """What a key opens."""

    PUBLIC = "public"  # stands in pages; the device's clock is not trusted far
    SERVER = "server"  # secret; may state the visitor's address and agent
    IMPORT = "import"  # secret; as server, and `created_at` is taken as it is
    READ = "read"  # secret; opens queries, writes nothing


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(_Strict):
    """One key and what it opens."""

    kind: KeyKind
    key: Annotated[str, StringConstraints(min_length=4, max_length=128, pattern=r"^[A-Za-z0-9._~-]+$")]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not an IANA time zone") from None
    return name


def _not_empty(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    if not keys:
        raise ValueError("a site needs at least one key")
    return keys


class Site(_Strict):
    """One measured site."""

    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    keys: Annotated[tuple[Key, ...], AfterValidator(_not_empty)]
    origins: tuple[str, ...] = ()

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of this origin may send events."""
        return not self.origins or origin in self.origins


def parse_site(text: bytes, *, expected: str) -> Site:
    """Read the document of the site `expected`, which is its file's name. Raise InvalidSite with every problem."""
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidSite([f"not YAML: {' '.join(str(error).split())}"]) from None
    if not isinstance(document, dict):
        raise InvalidSite(["the document must be a mapping"])
    try:
        site = Site.model_validate(document)
    except ValidationError as error:
        raise InvalidSite(
            [f"/{'/'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        ) from None
    if site.site != expected:
        raise InvalidSite([f"/site: is {site.site!r}, but the file is named {expected!r}"])
    return site
