"""Settings of the host: local.settings.json, host.json, and %NAME% in bindings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_BODY_BYTES = 104_857_600
_NAME = re.compile(r"%([^%]+)%")


class InvalidApp(Exception):
    """The real host would refuse to start the app. The message has the reason."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The values of host.json and local.settings.json that this host uses."""

    route_prefix: str = "api"
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    cors_origins: tuple[str, ...] = ()
    cors_credentials: bool = False
    max_body_bytes: int = MAX_BODY_BYTES


def load_settings(app_dir: Path, env: MutableMapping[str, str]) -> HostSettings:
    """Add local.settings.json to `env`, without overriding it, and read host.json. Raise InvalidApp."""
    local = _read(app_dir / "local.settings.json")
    for name, value in local.get("Values", {}).items():
        if not isinstance(value, str):
            raise InvalidApp(f"local.settings.json: {name} must be a string")
        env.setdefault(name, value)
    env.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    http = dict(_read(app_dir / "host.json").get("extensions", {}).get("http", {}))
    if (override := env.get("AzureFunctionsJobHost__extensions__http__routePrefix")) is not None:
        http["routePrefix"] = override
    host = local.get("Host", {})
    # On Azure the templates derive the platform's list from ALLOWED_ORIGINS.
    listed = [*str(host.get("CORS", "")).split(","), *env.get("ALLOWED_ORIGINS", "").split(",")]
    return HostSettings(
        route_prefix=str(http.get("routePrefix", "api")).strip("/"),
        custom_headers=http.get("customHeaders", {}),
        cors_origins=tuple(origin.strip() for origin in listed if origin.strip()),
        cors_credentials=bool(host.get("CORSCredentials", False) or env.get("ALLOWED_ORIGINS")),
        max_body_bytes=int(env.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", MAX_BODY_BYTES)),
    )


def resolve_names(text: str, env: Mapping[str, str]) -> str:
    """Replace every %NAME% by the setting's value. Raise InvalidApp if it is not set."""

    def value_of(match: re.Match[str]) -> str:
        try:
            return env[match[1]]
        except KeyError:
            raise InvalidApp(f"'%{match[1]}%' does not resolve to a value") from None

    return _NAME.sub(value_of, text)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise InvalidApp(f"{path.name}: {error}") from None
    if not isinstance(value, dict):
        raise InvalidApp(f"{path.name} must hold an object")
    return value
