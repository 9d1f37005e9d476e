"""Connections to databases: what settings say, and what the driver is given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from clickstream.errors import SettingsError
from clickstream.importing.sql_session import connection_string
from clickstream.sites.__main__ import _of_jobs
from clickstream.sites.document import parse_site
from clickstream.sql_connection import SqlConnection, sql_connection

PORTAL = (
    "Driver={ODBC Driver 18 for SQL Server};Server=tcp:erp.database.windows.net,1434;Database=erp;Uid=reader;"
    "Pwd={a;b}}c};Encrypt=yes;TrustServerCertificate=no;Connection Timeout=30;"
)


def test_a_connection_string_of_the_portal_is_read() -> None:
    found = sql_connection({"CONNECTION_THE_ERP": PORTAL}, "the-erp")
    assert found == SqlConnection("CONNECTION_THE_ERP", "erp.database.windows.net", "erp", 1434, "reader", "a;b}c")
    assert connection_string(found) == (
        "Server={erp.database.windows.net,1434};Database={erp};UID={reader};PWD={a;b}}c};Encrypt={yes};"
        "TrustServerCertificate={no};"
    )


def test_parts_name_a_user_or_the_apps_own_identity() -> None:
    parts = {"CONNECTION_ERP__server": "s.example", "CONNECTION_ERP__database": "erp"}
    identity = sql_connection({**parts, "CONNECTION_ERP__clientId": "c"}, "erp")
    assert (identity.user, identity.client_id, identity.port) == (None, "c", 1433)
    assert "UID" not in connection_string(identity)
    user = {"CONNECTION_ERP__user": "u", "CONNECTION_ERP__password": "p", "CONNECTION_ERP__port": "1500"}
    assert sql_connection({**parts, **user}, "erp") == SqlConnection(
        "CONNECTION_ERP", "s.example", "erp", 1500, "u", "p"
    )


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "CONNECTION_ERP (a connection string) or CONNECTION_ERP__server and CONNECTION_ERP__database are"),
        ({"": "Server=s;Database=d", "__server": "s"}, "exclude one another"),
        ({"": "nonsense"}, "must be a connection string"),
        ({"": "Server=s;hush;Database=d"}, "must be a connection string"),
        ({"": "Server=s;Password={a}hush;Database=d"}, "must be a connection string"),
        ({"": "hush;Password={a};Database=d"}, "must be a connection string"),
        ({"": "Server=s;Database=d;Secret=hush"}, "has the keyword 'Secret'"),
        ({"": "Server=s;Database=d;Encrypt=no"}, "connections are always encrypted"),
        ({"": "Server=s;Database=d;TrustServerCertificate=maybe"}, "must be yes or no"),
        ({"": "Server=s,port;User ID=u"}, "has no database; the port of CONNECTION_ERP is no number; "),
        ({"__server": "s", "__database": "d", "__user": "u"}, "needs a user and a password"),
        (
            {"__server": "s", "__database": "d", "__user": "u", "__password": "p", "__clientId": "c"},
            "so it has no clientId",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused_without_their_values(settings: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError) as error:
        sql_connection({f"CONNECTION_ERP{name}": value for name, value in settings.items()}, "erp")
    assert problem in error.value.message
    assert "hush" not in error.value.message


def test_a_plan_says_which_database_is_not_set() -> None:
    source = {"connection": "erp", "table": "orders", "timestamp_column": "changed"}
    document: dict[str, Any] = {"site": "shop", "keys": [{"kind": "public", "key": "shop-web"}]}
    document["jobs"] = [{"name": "orders", "import": "sql", "from": source}]
    sites = {"shop": parse_site(yaml.safe_dump(document).encode(), expected="shop")}
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    (line,) = _of_jobs(sites, {}, moment)
    assert line.startswith("! shop: the job orders needs a setting of the app: CONNECTION_ERP (a connection string) or")
    assert list(_of_jobs(sites, {"CONNECTION_ERP": PORTAL}, moment)) == []
