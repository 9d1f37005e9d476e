"""Every setting of the product, read once from a mapping. All problems are reported together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from typing import Any, Literal

from clickstream.errors import SettingsError
from clickstream.privacy.pseudonyms import parse_keys

KeyList = str  # pairs of version and secret, checked by `parse_keys`
Schedule = str  # in the form of the Functions host's timers
Role = str  # one of ROLES
OriginList = str  # in the form of the platform's CORS setting, separated by commas
# An event that is older when it reaches its sink is refused. Waits for sites and salts and the processing count.
HOLDING = timedelta(seconds=4)
# Time to send failed events, after the events of their request are durable.
FAILED_EVENTS_TIME = timedelta(milliseconds=500)
DEFAULT_COMPACT_SCHEDULE = "0 */5 * * * *"
DEFAULT_MAINTAIN_SCHEDULE = "0 17 * * * *"
DEFAULT_JOBS_SCHEDULE = "30 * * * * *"
# Settings of this prefix are the connections that jobs may name, and no others.
JOB_CONNECTION = "CONNECTION_"
ROLES = ("all", "collect", "lake")
# App Service leaves this prefix in a setting whose secret it could not read.
_UNRESOLVED = "@Microsoft.KeyVault("
# Names within a group must differ: with the same name, their data would be mixed irrecoverably.
KEPT_APART = (
    ("event_hub_name", "failed_event_hub_name"),
    ("capture_container", "spill_container", "salt_container", "lake_container"),
)
_ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?")
_SERVICE_URI = re.compile(r"https://[a-z0-9.:-]+(/[a-z0-9]+)?/?")
_SCHEDULE = re.compile(r"\S+(\s+\S+){4,5}|\d+:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one Azure service: a connection string (local), or a name and the app's own identity (Azure).

    Read from settings of one prefix, as the Functions host does: `Lake`, or `Lake__accountName` and so on.
    `service_uri` is the address if it does not follow from the name, as in Azure's other clouds.
    """

    prefix: str
    connection_string: str | None = None
    target: str | None = None
    client_id: str | None = None
    service_uri: str | None = None


def _setting(doc: str, default: Any = MISSING, minimum: int | None = None) -> Any:
    metadata = {"doc": doc, "minimum": minimum}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's settings. Each setting's name is that of its field in capitals; docs/settings.md lists them."""

    event_hub_connection: Connection | None
    lake: Connection
    visitor_id_key: str = field(
        repr=False,
        metadata={"doc": "Secret of at least 16 characters; keys the hash that makes visitor ids.", "minimum": 16},
    )
    pseudonym_keys: KeyList = field(
        default="", repr=False, metadata={"doc": "Keys of pseudonyms, newest first.", "minimum": None}
    )
    role: Role = _setting("Which functions this app has: `collect`, `lake`, or `all`.", "all")
    event_hub_name: str = _setting("Event hub that carries accepted events.", "events")
    failed_event_hub_name: str = _setting("Event hub that carries failed events.", "failed-events")
    capture_container: str = _setting("Container that Event Hubs Capture writes to.", "capture")
    config_container: str = _setting("Container that holds the sites' documents.", "config")
    spill_container: str = _setting("Container that keeps what Event Hubs did not take.", "spill")
    salt_container: str = _setting("Container that keeps the daily salts of visitor ids.", "salts")
    lake_container: str = _setting("Container that holds the Delta tables.", "lake")
    compact_schedule: Schedule = _setting(
        "When `compact` runs: NCRONTAB of six fields, in UTC.", DEFAULT_COMPACT_SCHEDULE
    )
    maintain_schedule: Schedule = _setting(
        "When `maintain` runs: NCRONTAB of six fields, in UTC.", DEFAULT_MAINTAIN_SCHEDULE
    )
    jobs_schedule: Schedule = _setting(
        "When `run_jobs` looks for due jobs: NCRONTAB of six fields, in UTC.", DEFAULT_JOBS_SCHEDULE
    )
    vacuum_retention_days: int = _setting("Days that files of old table versions are kept.", 7, 1)
    capture_retention_days: int = _setting("Days that captured files are kept once they are compacted.", 7, 1)
    send_deadline_ms: int = _setting("Milliseconds a request waits for Event Hubs before it is spilled.", 1500, 50)
    spill_deadline_ms: int = _setting("Milliseconds a request waits for the spill before it is refused.", 1500, 50)
    max_request_bytes: int = _setting("Bytes of a request's body, at most.", 4_194_304, 1024)
    max_events_per_request: int = _setting("Events in one request, at most.", 500, 1)
    answered_every_seconds: int = _setting(
        "Seconds that counts of answered events wait before they are written; a killed process loses them.", 10, 1
    )
    trusted_proxy_hops: int = _setting("How many right-most addresses of X-Forwarded-For our own proxies wrote.", 1, 0)
    allowed_origins: OriginList = _setting("Origins that the platform answers preflights for.", "")
    allow_short_keys: bool = _setting("Whether secret keys of fewer than 16 characters open anything.", False)
    demo: bool = _setting("Whether the demo shop is served.", False)
    sites_refresh_seconds: int = _setting("Seconds before the sites' documents are looked at again.", 30, 1)
    compact_max_bytes: int = _setting("Bytes of capture files that one commit takes in, about.", 268_435_456, 1024)
    query_timeout_seconds: int = _setting("Seconds a query may run.", 20, 1)
    query_memory_mb: int = _setting("Megabytes of memory a query may take.", 512, 64)
    query_max_rows: int = _setting("Rows a query may return.", 10_000, 1)
    query_concurrency: int = _setting("Reports that a process answers at once; of one site half of them.", 4, 1)
    query_waiting_per_site: int = _setting("Reports of one site that may wait for their turn.", 50, 1)
    sql_concurrency: int = _setting("SQL statements that a process runs at once; of one site one.", 2, 1)
    sql_waiting_per_site: int = _setting("SQL statements of one site that may wait for their turn.", 8, 1)
    query_files_mb: int = _setting("Megabytes of the lake's files that an instance keeps on its disk.", 512, 0)
    query_spill_mb: int = _setting("Megabytes of temporary disk that reports, or an SQL statement, may take.", 256, 1)
    query_files_folder: str = _setting("Folder they are kept in; without it, one in the system's for such files.", "")
    audience_max_change: int = _setting(
        "Percent of an audience's members that may enter and leave at once; more wait for a release by hand.", 20, 1
    )
    query_answers_mb: int = _setting("Megabytes of memory for answers that are kept until the table changes.", 32, 0)

    @property
    def listed_origins(self) -> frozenset[str]:
        """`allowed_origins` as a set; empty if the setting is."""
        return frozenset(_origins(self.allowed_origins))

    @property
    def delivery(self) -> Literal["hub", "spill"]:
        """The first destination of events: Event Hubs, or the spill if there is no connection to Event Hubs."""
        return "spill" if self.event_hub_connection is None else "hub"

    @property
    def sending_time(self) -> timedelta:
        """The longest time from passing a request's events to their sinks until they are durable."""
        return timedelta(milliseconds=self.send_deadline_ms + self.spill_deadline_ms) + FAILED_EVENTS_TIME

    @property
    def delivery_time(self) -> timedelta:
        """The longest time from receipt until an event is durable. Later it is neither sent nor answered with 200."""
        return HOLDING + self.sending_time

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read every setting from `env`. Raise SettingsError with all problems, each with the setting's name."""
        problems: list[str] = []
        values: dict[str, Any] = {
            "event_hub_connection": _hub_connection(env, problems),
            "lake": _connection(env, "Lake", "accountName", problems),
        }
        for setting in fields(cls):
            if setting.name in values:
                continue
            name = setting.name.upper()
            text = env.get(name, "").strip()
            if not text:
                if setting.default is MISSING:
                    problems.append(f"{name} is required")
                continue
            if text.startswith(_UNRESOLVED):
                problems.append(f"{name} is a Key Vault reference that was not resolved")
                continue
            try:
                values[setting.name] = _PARSERS[str(setting.type)](text, setting.metadata["minimum"])
            except ValueError as error:
                problems.append(f"{name} {error}")
        problems += _one_name_twice(
            {setting.name: values.get(setting.name, setting.default) for setting in fields(cls)}
        )
        if problems:
            raise SettingsError(problems)
        return cls(**values)


def job_connection(env: Mapping[str, str], name: str, target: str = "accountName") -> Connection:
    """The connection that jobs and audiences call by this name, such as `partner` for `CONNECTION_PARTNER`. `target` is
    the setting of the app's identity: `accountName` of an account, `fullyQualifiedNamespace` of Event Hubs.

    Raise SettingsError if it is missing or incomplete. The app needs it for nothing else, so its settings do not hold
    it.
    """
    problems: list[str] = []
    connection = _connection(env, job_setting(name), target, problems)
    if problems:
        raise SettingsError(problems)
    return connection


def job_address(env: Mapping[str, str], name: str) -> str:
    """The address that jobs call by this name, such as the one of a mail server in `CONNECTION_MAIL`.

    Raise SettingsError if it is missing.
    """
    setting = job_setting(name)
    address = env.get(setting, "").strip()
    if not address:
        raise SettingsError([f"{setting} (an address) is required"])
    if address.startswith(_UNRESOLVED):
        raise SettingsError([f"{setting} is a Key Vault reference that was not resolved"])
    return address


def job_setting(name: str) -> str:
    """The setting of the connection that jobs call by this name."""
    return JOB_CONNECTION + name.upper().replace("-", "_")


def _hub_connection(env: Mapping[str, str], problems: list[str]) -> Connection | None:
    """The connection to Event Hubs; None if no setting of that prefix has a value. An incomplete one is a problem."""
    prefix = "EventHubConnection"
    if not any(value.strip() for name, value in env.items() if name.partition("__")[0] == prefix):
        return None
    return _connection(env, prefix, "fullyQualifiedNamespace", problems)


def _connection(env: Mapping[str, str], prefix: str, target: str, problems: list[str]) -> Connection:
    unresolved = [name for name in (prefix, f"{prefix}__{target}") if env.get(name, "").strip().startswith(_UNRESOLVED)]
    problems += [f"{name} is a Key Vault reference that was not resolved" for name in unresolved]
    connection = Connection(
        prefix,
        env.get(prefix, "").strip() or None,
        env.get(f"{prefix}__{target}", "").strip() or None,
        env.get(f"{prefix}__clientId", "").strip() or None,
        env.get(f"{prefix}__blobServiceUri", "").strip() or None,
    )
    targets = {
        prefix: connection.connection_string,
        f"{prefix}__{target}": connection.target,
        f"{prefix}__blobServiceUri": connection.service_uri,
    }
    given = [name for name, value in targets.items() if value is not None]
    if not given:
        problems.append(f"{prefix} (a connection string) or {prefix}__{target} (for the app's identity) is required")
    if len(given) > 1:
        problems.append(f"{' and '.join(given)} exclude one another")
    if connection.service_uri is not None and _SERVICE_URI.fullmatch(connection.service_uri) is None:
        problems.append(f"{prefix}__blobServiceUri must be the address of an account, not {connection.service_uri!r}")
    return connection


def _one_name_twice(values: Mapping[str, Any]) -> Iterator[str]:
    for group in KEPT_APART:
        for position, name in enumerate(group):
            for earlier in group[:position]:
                if values[name] == values[earlier]:
                    yield f"{name.upper()} must be another than {earlier.upper()}, not {values[name]!r} as well"


def _text(text: str, minimum: int | None) -> str:
    if minimum is not None and len(text) < minimum:
        raise ValueError(f"must have at least {minimum} characters")
    return text


def _number(text: str, minimum: int | None) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"must be a whole number, not {text!r}") from None
    if minimum is not None and number < minimum:
        raise ValueError(f"must be at least {minimum}, not {number}")
    return number


def _switch(text: str, minimum: int | None) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"must be true or false, not {text!r}")
    return text.lower() == "true"


def _role(text: str, minimum: int | None) -> str:
    if text not in ROLES:
        raise ValueError(f"must be one of {', '.join(ROLES)}, not {text!r}")
    return text


def _origins(text: str) -> list[str]:
    return [origin.strip() for origin in text.split(",")] if text else []


def is_listable(origin: str) -> bool:
    """Whether `allowed_origins` can contain this origin: scheme, host and port, without path or wildcard."""
    return _ORIGIN.fullmatch(origin) is not None


def _origin_list(text: str, minimum: int | None) -> str:
    for origin in _origins(text):
        if not is_listable(origin):
            raise ValueError(f"must be origins such as https://shop.example, without path and wildcard, not {origin!r}")
    return text


def _key_list(text: str, minimum: int | None) -> str:
    parse_keys(text)
    return text


def _schedule(text: str, minimum: int | None) -> str:
    if _SCHEDULE.fullmatch(text) is None:
        raise ValueError(f"must be NCRONTAB of six fields, not {text!r}")
    return text


_PARSERS: dict[str, Callable[[str, int | None], Any]] = {
    "str": _text,
    "int": _number,
    "bool": _switch,
    "KeyList": _key_list,
    "Role": _role,
    "OriginList": _origin_list,
    "Schedule": _schedule,
}
