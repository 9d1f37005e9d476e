"""A site's document: parsed, checked, with every problem reported at once."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from clickstream.errors import InvalidSite
from clickstream.sites.counting import Segments, Visits
from clickstream.sites.event_definitions import EventDefinitions
from clickstream.sites.funnels import Funnel, funnel_problems
from clickstream.sites.goals import Goals
from clickstream.sites.hosts import Host, Origin, any_of
from clickstream.sites.judging import Definitions
from clickstream.sites.privacy import Privacy
from clickstream.sites.problems import Place, refuse, told
from clickstream.sites.source_rules import SourceRule

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

DIGEST = "sha256:"


class KeyKind(StrEnum):
    """What a key opens."""

    PUBLIC = "public"  # stands in pages; the device's clock is not trusted far
    SERVER = "server"  # secret; may state the visitor's address and agent
    IMPORT = "import"  # secret; as server, and `created_at` is taken as it is
    READ = "read"  # secret; opens queries, writes nothing
    SHARE = "share"  # stands in links to the dashboard; opens reports that tell of no single person
    ADMIN = "admin"  # secret; opens jobs that change what is stored, such as replays


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(_Strict):
    """One key and what it opens."""

    kind: KeyKind = Field(
        description="public stands in pages; server, import, read and admin are secret. read opens queries and writes "
        "nothing; share, in links, opens of these what tells of no single person; admin opens jobs that change what is "
        "stored."
    )
    key: Annotated[
        str, StringConstraints(max_length=128, pattern=r"^(sha256:[0-9a-f]{64}|[A-Za-z0-9._~-]{4,128})$")
    ] = Field(
        repr=False,
        description="The key, or of a secret one its digest as sha256: and 64 hex digits, so that the document can be "
        "committed.",
    )

    @property
    def is_digest(self) -> bool:
        """Whether the document keeps the key's digest in place of the key."""
        return self.key.startswith(DIGEST)

    @cached_property
    def digest(self) -> bytes:
        """What keys are looked up by."""
        return bytes.fromhex(self.key.removeprefix(DIGEST)) if self.is_digest else digest_of(self.key)


def digest_of(key: str) -> bytes:
    """SHA-256 of a key as a caller states it; of any text at all."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not an IANA time zone") from None
    return name


def _key_problems(index: int, key: Key, above: tuple[Key, ...]) -> Iterator[tuple[Place, str]]:
    if key.kind is KeyKind.PUBLIC and key.is_digest:
        yield (index, "key"), "a public key stands in pages, so write it as it is"
    if any(key.digest == other.digest for other in above):
        yield (index, "key"), "is the key of an entry above; a key opens one thing"


def _checked_keys(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    if not keys:
        raise ValueError("a site needs at least one key")
    refuse(problem for index, key in enumerate(keys) for problem in _key_problems(index, key, keys[:index]))
    return keys


class Site(_Strict):
    """One measured site."""

    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = Field(
        description="The site's name, as in the file's name and in the column `site`."
    )
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="UTC", description="IANA time zone whose days and hours reports count in."
    )
    keys: Annotated[tuple[Key, ...], AfterValidator(_checked_keys)] = Field(
        description="Who may send events and who may read them; at least one."
    )
    origins: tuple[Origin, ...] = Field(
        default=(),
        description="Browser origins that may send, such as https://shop.example or https://*.shop.example; "
        "empty: any.",
    )
    internal_hosts: tuple[Host, ...] = Field(
        default=(), description="Hosts that are the site's own, so that a visit from one to another has no new source."
    )
    sources: tuple[SourceRule, ...] = Field(
        default=(), description="Rules of where visits come from, before every list; of several that hold the first."
    )
    redirect_hosts: tuple[Host, ...] = Field(
        default=(), description="Hosts that a counted click may lead to; empty: none."
    )
    rate_limit_per_second: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Events per second that one key may send to one process; none: no limit."
    )
    retention_days: Annotated[StrictInt, Field(ge=1, le=36_500)] | None = Field(
        default=None, description="Whole UTC days that events and failed events are kept; none: for ever."
    )
    embed_origins: tuple[Origin, ...] = Field(
        default=(), description="Browser origins whose pages may frame the site's shared dashboard; empty: none."
    )
    privacy: Privacy = Field(default_factory=Privacy, description="What is kept of visitors.")
    events: EventDefinitions = Field(default_factory=EventDefinitions, description="The events that the site expects.")
    goals: Goals = Field(default=(), description="What visitors should do; reports tell who did.")
    funnels: tuple[Funnel, ...] = Field(default=(), description="Steps on the way there; reports tell who took which.")
    segments: Segments = Field(default=(), description="Filters that queries use by name.")
    visits: Visits = Field(default_factory=Visits, description="Where visits end.")

    @field_validator("funnels")
    @classmethod
    def _fit_the_goals(cls, funnels: tuple[Funnel, ...], info: ValidationInfo) -> tuple[Funnel, ...]:
        if "goals" in info.data:  # else they are wrong themselves
            refuse(funnel_problems(funnels, (goal.name for goal in info.data["goals"])))
        return funnels

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of this origin, as a browser writes it, may send. Without a list every origin may."""
        return not self.origins or self.origin_pattern.fullmatch(origin) is not None

    def is_internal(self, host: str) -> bool:
        """Whether the host, in lower case, is named as the site's own."""
        return self.internal_pattern.fullmatch(host) is not None

    def redirects_to(self, host: str) -> bool:
        """Whether a counted click may lead to the host, in lower case and without a port."""
        return self.redirect_pattern.fullmatch(host) is not None

    @cached_property
    def definitions(self) -> Definitions:
        """The event definitions, compiled."""
        return Definitions(self.events)

    @cached_property
    def origin_pattern(self) -> re.Pattern[str]:
        """Matches allowed origins."""
        return any_of(self.origins)

    @cached_property
    def internal_pattern(self) -> re.Pattern[str]:
        """Matches the site's own hosts."""
        return any_of(self.internal_hosts)

    @cached_property
    def redirect_pattern(self) -> re.Pattern[str]:
        """Matches hosts that clicks may lead to."""
        return any_of(self.redirect_hosts)


class _Loader(yaml.SafeLoader):
    """YAML in which a key given twice is an error, not a setting silently lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_site(text: bytes, *, expected: str) -> Site:
    """Read the document of the site `expected`, which is its file's name. Raise InvalidSite with every problem."""
    try:
        document: Any = yaml.load(text, _Loader)
    except Exception as error:  # a wrong tag or a bottomless document makes the reader raise whatever it comes to
        raise InvalidSite([f"not YAML: {' '.join(str(error).split()) or type(error).__name__}"]) from None
    if not isinstance(document, dict):
        raise InvalidSite(["the document must be a mapping"])
    try:
        site = Site.model_validate(document)
        _ = site.definitions  # compiled here, once, and not by the first event
    except ValidationError as error:
        raise InvalidSite(told(error)) from None
    except RecursionError:
        raise InvalidSite(["the document is nested without end"]) from None
    if site.site != expected:
        raise InvalidSite([f"/site: is {site.site!r}, but the file is named {expected!r}"])
    return site
