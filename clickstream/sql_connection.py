"""How a database of Azure SQL is reached: a connection string, or its parts with a user or the app's own identity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clickstream.errors import SettingsError
from clickstream.settings import JOB_CONNECTION

DEFAULT_PORT = 1433
PARTS = ("server", "database", "port", "user", "password", "clientId")
_BRACED = re.compile(r"\{((?:[^}]|\}\})*)\}")
_KEYWORDS = {
    "server": "server", "data source": "server", "address": "server", "addr": "server",
    "database": "database", "initial catalog": "database",
    "uid": "user", "user id": "user", "user": "user", "pwd": "password", "password": "password",
    "encrypt": "encrypt", "trustservercertificate": "trust",
}  # fmt: skip
# Of the connection strings that the portal shows, but without meaning here.
_IGNORED = (
    "driver", "connection timeout", "connect timeout", "persist security info", "multipleactiveresultsets",
)  # fmt: skip
_YES, _NO = ("yes", "true", "mandatory"), ("no", "false")


@dataclass(frozen=True, slots=True)
class SqlConnection:
    """A database. Without a user the app signs in by its own identity, `client_id` if it has several.

    `trusts_any_certificate` is for servers on one's own machine.
    """

    prefix: str
    server: str
    database: str
    port: int = DEFAULT_PORT
    user: str | None = None
    password: str | None = None
    client_id: str | None = None
    trusts_any_certificate: bool = False


def sql_connection(env: Mapping[str, str], name: str) -> SqlConnection:
    """The database that jobs call by this name, such as `erp` for `CONNECTION_ERP`. Raise SettingsError."""
    prefix = JOB_CONNECTION + name.upper().replace("-", "_")
    parts = {part: env.get(f"{prefix}__{part}", "").strip() for part in PARTS}
    if text := env.get(prefix, "").strip():
        if any(parts.values()):
            raise SettingsError([f"{prefix} and {prefix}__... exclude one another"])
        return _parsed(prefix, text)
    if not parts["server"] and not parts["database"]:
        raise SettingsError([f"{prefix} (a connection string) or {prefix}__server and {prefix}__database are required"])
    return _checked(
        prefix,
        parts["server"],
        parts["database"],
        parts["port"],
        parts["user"] or None,
        parts["password"] or None,
        client_id=parts["clientId"] or None,
    )


def _parsed(prefix: str, text: str) -> SqlConnection:
    values: dict[str, str] = {}
    for keyword, value in _pairs(prefix, text):
        if keyword.lower() in _IGNORED:
            continue
        if keyword.lower() not in _KEYWORDS:
            known = "Server, Database, User ID, Password, Encrypt, TrustServerCertificate"
            raise SettingsError([f"{prefix} has the keyword {keyword!r}; known are {known}"])
        values[_KEYWORDS[keyword.lower()]] = value
    if values.get("encrypt", "yes").lower() not in _YES:
        raise SettingsError([f"{prefix} must have Encrypt=yes, or nothing of it: connections are always encrypted"])
    trust = values.get("trust", "no").lower()
    if trust not in (*_YES, *_NO):
        raise SettingsError([f"TrustServerCertificate of {prefix} must be yes or no"])
    server, _, port = values.get("server", "").partition(",")
    server = re.sub(r"^tcp:", "", server.strip(), flags=re.IGNORECASE)
    user, password = values.get("user"), values.get("password")
    return _checked(prefix, server, values.get("database", ""), port, user, password, trust=trust in _YES)


def _pairs(prefix: str, text: str) -> Iterator[tuple[str, str]]:
    """Keywords and values; a value in braces may have any character. Raise SettingsError."""
    while text := text.strip("; "):
        keyword, equals, rest = text.partition("=")
        rest = rest.lstrip()
        if braced := _BRACED.match(rest):
            value, rest = braced[1].replace("}}", "}"), rest[braced.end() :].lstrip()
            is_separated = not rest or rest.startswith(";")
        else:
            value, is_separated = rest.partition(";")[0].strip(), True
            rest = rest.partition(";")[2]
        if not (equals and is_separated) or ";" in keyword:
            raise SettingsError([f"{prefix} must be a connection string: keywords and values, with ; between them"])
        yield keyword.strip(), value
        text = rest


def _checked(
    prefix: str,
    server: str,
    database: str,
    port: str,
    user: str | None,
    password: str | None,
    *,
    client_id: str | None = None,
    trust: bool = False,
) -> SqlConnection:
    problems = [f"{prefix} has no {part}" for part, value in (("server", server), ("database", database)) if not value]
    port = port.strip() or str(DEFAULT_PORT)
    if re.fullmatch(r"[1-9][0-9]{0,4}", port) is None:
        problems.append(f"the port of {prefix} is no number")
    if (user is None) != (password is None):
        problems.append(f"{prefix} needs a user and a password, or neither for the app's identity")
    if user is not None and client_id is not None:
        problems.append(f"{prefix} has a user, so it has no clientId")
    if problems:
        raise SettingsError(problems)
    return SqlConnection(prefix, server, database, int(port), user, password, client_id, trust)
