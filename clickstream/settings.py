"""Every setting of the product, read once from a mapping, with every problem reported at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from clickstream.errors import SettingsError
from clickstream.privacy.pseudonyms import parse_keys

KeyList = str  # pairs of version and secret, checked by `parse_keys`
Schedule = str  # as the Functions host's timers take it
DEFAULT_COMPACT_SCHEDULE = "0 */5 * * * *"
DEFAULT_MAINTAIN_SCHEDULE = "0 17 * * * *"
# What would be mixed up beyond repair if two of one group had one name.
KEPT_APART = (
    ("event_hub_name", "failed_event_hub_name"),
    ("capture_container", "spill_container", "salt_container", "lake_container"),
)
_SCHEDULE = re.compile(r"\S+(\s+\S+){4,5}|\d+:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one Azure service: a connection string (local), or a name and the app's own identity (Azure).

    Read from settings of one prefix, as the Functions host does: `Lake`, or `Lake__accountName` and so on.
    """

    prefix: str
    connection_string: str | None = None
    target: str | None = None
    client_id: str | None = None


def _setting(doc: str, default: Any = MISSING, minimum: int | None = None) -> Any:
    metadata = {"doc": doc, "minimum": minimum}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's choices. A field's setting is its name in capitals; docs/settings.md lists them all."""

    event_hub_connection: Connection
    lake: Connection
    visitor_id_key: str = field(
        repr=False,
        metadata={"doc": "Secret of at least 16 characters; keys the hash that makes visitor ids.", "minimum": 16},
    )
    pseudonym_keys: KeyList = field(
        default="", repr=False, metadata={"doc": "Keys of pseudonyms, newest first.", "minimum": None}
    )
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
    vacuum_retention_days: int = _setting("Days that files of old table versions are kept.", 7, 1)
    capture_retention_days: int = _setting("Days that captured files are kept once they are compacted.", 7, 1)
    send_deadline_ms: int = _setting("Milliseconds a request waits for Event Hubs before it is spilled.", 1500, 50)
    spill_deadline_ms: int = _setting("Milliseconds a request waits for the spill before it is refused.", 1500, 50)
    max_request_bytes: int = _setting("Bytes of a request's body, at most.", 4_194_304, 1024)
    max_events_per_request: int = _setting("Events in one request, at most.", 500, 1)
    trusted_proxy_hops: int = _setting("How many right-most addresses of X-Forwarded-For our own proxies wrote.", 1, 0)
    sites_refresh_seconds: int = _setting("Seconds before the sites' documents are looked at again.", 30, 1)
    compact_max_bytes: int = _setting("Bytes of capture files that one commit takes in, about.", 268_435_456, 1024)
    query_timeout_seconds: int = _setting("Seconds a query may run.", 20, 1)
    query_memory_mb: int = _setting("Megabytes of memory a query may take.", 512, 64)
    query_max_rows: int = _setting("Rows a query may return.", 10_000, 1)
    query_files_mb: int = _setting("Megabytes of the lake's files that an instance keeps on its disk.", 512, 0)
    query_files_folder: str = _setting("Folder they are kept in; without it, one in the system's for such files.", "")
    query_answers_mb: int = _setting("Megabytes of memory for answers that are kept until the table changes.", 32, 0)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read every setting from `env`. Raise SettingsError with all problems, each naming its setting."""
        problems: list[str] = []
        values: dict[str, Any] = {
            "event_hub_connection": _connection(env, "EventHubConnection", "fullyQualifiedNamespace", problems),
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


def _connection(env: Mapping[str, str], prefix: str, target: str, problems: list[str]) -> Connection:
    connection = Connection(
        prefix,
        env.get(prefix, "").strip() or None,
        env.get(f"{prefix}__{target}", "").strip() or None,
        env.get(f"{prefix}__clientId", "").strip() or None,
    )
    if connection.connection_string is None and connection.target is None:
        problems.append(f"{prefix} (a connection string) or {prefix}__{target} (for the app's identity) is required")
    if connection.connection_string is not None and connection.target is not None:
        problems.append(f"{prefix} and {prefix}__{target} exclude one another")
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
    "KeyList": _key_list,
    "Schedule": _schedule,
}
