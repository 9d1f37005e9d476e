"""Parses and validates a site's document, and reports every problem at once."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal

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
from clickstream.problems import Place, problem_lines, refuse
from clickstream.sites.currencies import Currency, Rates, check_rates
from clickstream.sites.deferred import Deferred, load_audience_messages, load_audiences, load_jobs
from clickstream.sites.event_definitions import EventDefinitions
from clickstream.sites.event_validation import Definitions
from clickstream.sites.funnels import Funnel, funnel_problems
from clickstream.sites.goals import Goals
from clickstream.sites.hosts import Host, Origin, any_of
from clickstream.sites.identity import Identity, Profiles
from clickstream.sites.limits import Few
from clickstream.sites.privacy import Privacy
from clickstream.sites.source_rules import SourceRule
from clickstream.sites.visit_rules import Annotations, Segments, Visits
from clickstream.sites.yaml_text import read_yaml
from clickstream.sites.zones import Zone

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from clickstream.sites.audience_messages import AudienceMessages
    from clickstream.sites.audiences import Audience
    from clickstream.sites.jobs import Job

    Audiences = tuple[Audience, ...]
    Messages = AudienceMessages | None
    Jobs = tuple[Job, ...]
else:
    Audiences = Annotated[tuple, Deferred(load_audiences)]
    Messages = Annotated[object, Deferred(load_audience_messages)]
    Jobs = Annotated[tuple, Deferred(load_jobs)]

DIGEST = "sha256:"


class KeyKind(StrEnum):
    """What a key opens."""

    PUBLIC = "public"  # visible in pages; the device's clock is trusted only within limits
    SERVER = "server"  # secret; may state the visitor's address and agent
    IMPORT = "import"  # secret; as server, and `created_at` is used unchanged
    READ = "read"  # secret; opens queries, writes nothing
    SHARE = "share"  # visible in links to the dashboard; opens reports without single persons
    ADMIN = "admin"  # secret; opens jobs that change what is stored, such as replays


WRITERS = frozenset({KeyKind.PUBLIC, KeyKind.SERVER, KeyKind.IMPORT})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(_Strict):
    """One key and what it opens."""

    kind: KeyKind = Field(
        description="public is visible in pages; server, import, read and admin are secret. read opens queries and "
        "writes nothing; share, in links, opens only the queries that show no single person; admin opens jobs that "
        "change what is stored."
    )
    key: Annotated[
        str, StringConstraints(max_length=128, pattern=r"^(sha256:[0-9a-f]{64}|[A-Za-z0-9._~-]{4,128})$")
    ] = Field(
        repr=False,
        description="The key, or of a secret one its digest as sha256: and 64 hex digits, so that the document can be "
        "committed.",
    )

    stream: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = Field(
        default=None,
        description="The stream that events of this write key belong to, in the column `stream`; none: `default`.",
    )

    @property
    def is_digest(self) -> bool:
        """Whether the document has the key's digest instead of the key."""
        return self.key.startswith(DIGEST)

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 digest by which keys are looked up."""
        return bytes.fromhex(self.key.removeprefix(DIGEST)) if self.is_digest else digest_of(self.key)


def digest_of(key: str) -> bytes:
    """SHA-256 of a key that a caller sent, 32 bytes; any text is accepted."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def _key_problems(index: int, key: Key, above: set[bytes]) -> Iterator[tuple[Place, str]]:
    if key.kind is KeyKind.PUBLIC and key.is_digest:
        yield (index, "key"), "a public key stands in pages, so write it as it is"
    if key.stream is not None and key.kind not in WRITERS:
        yield (index, "stream"), f"a {key.kind} key sends no events, so it names no stream"
    if key.digest in above:
        yield (index, "key"), "is the key of an entry above; a key opens one thing"
    above.add(key.digest)


def _checked_keys(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    if not keys:
        raise ValueError("a site needs at least one key")
    above: set[bytes] = set()
    refuse(problem for index, key in enumerate(keys) for problem in _key_problems(index, key, above))
    return keys


MAX_SHARED_PROPERTIES = 100
SharedProperty = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Site(_Strict):
    """One measured site."""

    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = Field(
        description="The site's name, as in the file's name and in the column `site`."
    )
    time_zone: Zone = Field(default="UTC", description="IANA time zone whose days and hours reports count in.")
    keys: Annotated[tuple[Key, ...], Few, AfterValidator(_checked_keys)] = Field(
        description="Who may send events and who may read them; at least one."
    )
    origins: Annotated[tuple[Origin, ...], Few] = Field(
        default=(),
        description="Browser origins that may send, such as https://shop.example or https://*.shop.example; "
        "empty: any.",
    )
    internal_hosts: Annotated[tuple[Host, ...], Few] = Field(
        default=(), description="Hosts that are the site's own, so that a visit from one to another has no new source."
    )
    page_fragments: Literal["routes", "all", "none"] = Field(
        default="routes",
        description="Which fragments of addresses name a page: routes (#/cart, #!/cart), all of them, or none.",
    )
    sources: Annotated[tuple[SourceRule, ...], Few] = Field(
        default=(), description="Rules for the source of visits, checked before every list; the first match counts."
    )
    redirect_hosts: Annotated[tuple[Host, ...], Few] = Field(
        default=(), description="Hosts that a counted click may lead to; empty: none."
    )
    rate_limit_per_second: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="Events per second that one key may send to one process; of a public key, one network may send "
        "half. None: no limit.",
    )
    retention_days: Annotated[StrictInt, Field(ge=1, le=36_500)] | None = Field(
        default=None, description="Whole UTC days that events and failed events are kept; none: for ever."
    )
    embed_origins: Annotated[tuple[Origin, ...], Few] = Field(
        default=(), description="Browser origins whose pages may frame the site's shared dashboard; empty: none."
    )
    shared_properties: Annotated[tuple[SharedProperty, ...], Field(max_length=MAX_SHARED_PROPERTIES)] = Field(
        default=(), description="Properties of events whose values share keys may see; empty: none."
    )
    smallest_shared_group: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        default=5, description="Visitors of the smallest group that share keys see separately; 1: no minimum."
    )
    privacy: Privacy = Field(default_factory=Privacy, description="What is kept of visitors.")
    events: EventDefinitions = Field(default_factory=EventDefinitions, description="The events that the site expects.")
    currency: Currency | None = Field(
        default=None,
        description="ISO 4217 code of the currency of amounts that name none, and the target of `rates`.",
    )
    rates: Rates = Field(
        default_factory=dict,
        description="What one unit of another currency is worth in the site's: a number, or numbers by the day from "
        "which each applies. None: revenue is reported per currency.",
    )
    goals: Goals = Field(default=(), description="What visitors should do; reports count who did.")
    funnels: Annotated[tuple[Funnel, ...], Few] = Field(
        default=(), description="Steps towards a goal; reports count who reached which."
    )
    audiences: Audiences = Field(
        default=(), description="People who meet a condition now, such as having put something into a cart lately."
    )
    audience_messages: Messages = Field(
        default=None, description="The event hub that is sent who enters and leaves audiences; none: no messages."
    )
    segments: Segments = Field(default=(), description="Filters that queries use by name.")
    annotations: Annotations = Field(default=(), description="What happened when, as marks on the dashboard's chart.")
    visits: Visits = Field(default_factory=Visits, description="Where visits end.")
    identity: Identity = Field(default_factory=Identity, description="Which ids are one person.")
    profiles: Profiles = Field(default_factory=Profiles, description="What is kept about people.")
    jobs: Jobs = Field(default=(), description="Exports, imports, mails and alerts, once or on a schedule.")

    @field_validator("rates")
    @classmethod
    def _lead_to_the_currency(cls, rates: Rates, info: ValidationInfo) -> Rates:
        if "currency" in info.data:  # else it has a problem of its own
            check_rates(rates, info.data["currency"])
        return rates

    @field_validator("funnels")
    @classmethod
    def _fit_the_goals(cls, funnels: tuple[Funnel, ...], info: ValidationInfo) -> tuple[Funnel, ...]:
        if "goals" in info.data:  # else they have problems of their own
            refuse(funnel_problems(funnels, (goal.name for goal in info.data["goals"])))
        return funnels

    @field_validator("audiences")
    @classmethod
    def _fit_the_site(cls, audiences: tuple[Audience, ...], info: ValidationInfo) -> tuple[Audience, ...]:
        if audiences and "goals" in info.data:  # else they have problems of their own
            from clickstream.sites.audiences import audience_problems

            goals = (goal.name for goal in info.data["goals"])
            refuse(audience_problems(audiences, goals, info.data.get("retention_days")))
        return audiences

    @field_validator("jobs")
    @classmethod
    def _name_audiences(cls, jobs: tuple[Job, ...], info: ValidationInfo) -> tuple[Job, ...]:
        if jobs and "audiences" in info.data:  # else they have problems of their own
            from clickstream.sites.member_exports import unknown_audiences

            refuse(unknown_audiences(jobs, (audience.slug for audience in info.data["audiences"])))
        return jobs

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of this origin, as a browser writes it, may send. Without a list, every origin may."""
        return not self.origins or self.origin_pattern.fullmatch(origin) is not None

    def is_internal(self, host: str) -> bool:
        """Whether the host, in lower case, is listed as the site's own."""
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


def parse_site(text: bytes, *, expected: str) -> Site:
    """Read the document of the site `expected`, which is its file's name. Raise InvalidSite with every problem."""
    document = read_yaml(text)
    if not isinstance(document, dict):
        raise InvalidSite(["the document must be a mapping"])
    try:
        site = Site.model_validate(document)
        # Compile here once, so that the first event does not have to.
        _ = site.definitions, site.origin_pattern, site.internal_pattern, site.redirect_pattern
    except ValidationError as error:
        raise InvalidSite(problem_lines(error)) from None
    except Exception as error:  # a document that makes a library fail must not affect the others
        raise InvalidSite([f"cannot be used: {type(error).__name__}: {error}"]) from error
    if site.site != expected:
        raise InvalidSite([f"/site: is {site.site!r}, but the file is named {expected!r}"])
    return site
