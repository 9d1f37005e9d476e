"""Settings: read at once, refused at once, and written down where an operator looks."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from clickstream.errors import SettingsError
from clickstream.settings import Connection, Settings

ROOT = Path(__file__).parents[2]
REQUIRED = {"EventHubConnection": "Endpoint=x", "Lake": "AccountName=x", "VISITOR_ID_KEY": "0123456789abcdef"}
OF_THE_HOST = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
CONNECTIONS = {"event_hub_connection": "EventHubConnection", "lake": "Lake"}


def names() -> set[str]:
    return {CONNECTIONS.get(field.name, field.name.upper()) for field in fields(Settings)}


def test_defaults_hold_where_nothing_is_said() -> None:
    settings = Settings.from_env(REQUIRED)
    assert settings.event_hub_name == "events"
    assert settings.send_deadline_ms == 1500


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"VISITOR_ID_KEY": "short", "MAX_REQUEST_BYTES": "many", "SEND_DEADLINE_MS": "1"})
    assert [problem.split(" ")[0] for problem in caught.value.problems] == [
        "Lake",
        "VISITOR_ID_KEY",
        "SEND_DEADLINE_MS",
        "MAX_REQUEST_BYTES",
    ]


def test_without_a_word_of_event_hubs_events_go_to_the_spill() -> None:
    settings = Settings.from_env({**REQUIRED, "EventHubConnection": " "})
    assert (settings.event_hub_connection, settings.delivery) == (None, "spill")
    assert Settings.from_env(REQUIRED).delivery == "hub"


@pytest.mark.parametrize("name", ["EventHubConnection__clientId", "EventHubConnection__fullyQualifiedNamespcae"])
def test_half_a_connection_to_event_hubs_is_a_problem_and_not_a_choice_to_do_without(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**REQUIRED, "EventHubConnection": "", name: "x"})
    [problem] = caught.value.problems
    assert problem.startswith("EventHubConnection (a connection string) or EventHubConnection__fullyQualifiedNamespace")


def test_an_identity_is_taken_in_place_of_a_connection_string() -> None:
    settings = Settings.from_env(
        {
            "EventHubConnection__fullyQualifiedNamespace": "x.servicebus.windows.net",
            "EventHubConnection__clientId": "id",
            "Lake__accountName": "lake",
            "VISITOR_ID_KEY": "0123456789abcdef",
        }
    )
    assert settings.event_hub_connection == Connection(
        "EventHubConnection", None, "x.servicebus.windows.net", client_id="id"
    )
    assert settings.lake == Connection("Lake", None, "lake")


def test_the_accounts_address_is_taken_in_place_of_its_name() -> None:
    address = "https://lake.blob.core.usgovcloudapi.net"
    settings = Settings.from_env({**REQUIRED, "Lake": "", "Lake__blobServiceUri": address, "Lake__clientId": "id"})
    assert settings.lake == Connection("Lake", client_id="id", service_uri=address)


@pytest.mark.parametrize(
    "address", ["lake", "http://lake.blob.core.windows.net", "https://lake/a/b", "https://lake?sig=x"]
)
def test_an_address_that_is_no_accounts_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="Lake__blobServiceUri must be the address of an account"):
        Settings.from_env({**REQUIRED, "Lake": "", "Lake__blobServiceUri": address})


def test_two_ways_to_one_service_contradict() -> None:
    with pytest.raises(SettingsError, match="Lake and Lake__accountName exclude one another"):
        Settings.from_env({**REQUIRED, "Lake__accountName": "lake"})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"FAILED_EVENT_HUB_NAME": "events"}, ["FAILED_EVENT_HUB_NAME"]),
        ({"EVENT_HUB_NAME": "failed-events"}, ["FAILED_EVENT_HUB_NAME"]),
        ({"SALT_CONTAINER": "lake"}, ["LAKE_CONTAINER"]),
        ({"CAPTURE_CONTAINER": "x", "SPILL_CONTAINER": "x"}, ["SPILL_CONTAINER"]),
    ],
)
def test_containers_and_hubs_that_must_differ_have_two_names(settings: dict[str, str], named: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**REQUIRED, **settings})
    assert [problem.split(" ")[0] for problem in caught.value.problems] == named


@pytest.mark.parametrize("schedule", ["often", "0 */5", "5m", "0 0 0 0 0 0 0"])
def test_a_schedule_that_the_host_cannot_read_is_refused(schedule: str) -> None:
    with pytest.raises(SettingsError, match="COMPACT_SCHEDULE"):
        Settings.from_env({**REQUIRED, "COMPACT_SCHEDULE": schedule})


@pytest.mark.parametrize("schedule", ["*/10 * * * * *", "*/5 * * * *", "0 0 9-17 * * MON-FRI", "00:05:00"])
def test_a_schedule_is_one_of_the_hosts_forms(schedule: str) -> None:
    assert Settings.from_env({**REQUIRED, "COMPACT_SCHEDULE": schedule}).compact_schedule == schedule


@pytest.mark.parametrize(
    "name", ["VISITOR_ID_KEY", "PSEUDONYM_KEYS", "Lake", "EventHubConnection", "EVENT_HUB_NAME", "QUERY_MEMORY_MB"]
)
def test_a_secret_that_could_not_be_read_is_no_secret(name: str) -> None:
    # App Service leaves the reference itself in the variable, which everybody can read in the templates.
    reference = "@Microsoft.KeyVault(VaultName=kv;SecretName=visitor-id-key)"
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**REQUIRED, name: reference})
    assert list(caught.value.problems) == [f"{name} is a Key Vault reference that was not resolved"]


@pytest.mark.parametrize(
    "origins", ["*", "shop.example", "https://shop.example/", "https://*.shop.example", "https://a,"]
)
def test_an_origin_that_no_browser_sends_is_refused(origins: str) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_ORIGINS must be origins such as"):
        Settings.from_env({**REQUIRED, "ALLOWED_ORIGINS": origins})


def test_the_visitor_key_is_not_shown() -> None:
    assert "0123456789abcdef" not in repr(Settings.from_env(REQUIRED))


def test_the_sample_names_every_setting_and_no_other() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert set(sample) - OF_THE_HOST == names()
    Settings.from_env(sample)


def test_the_documentation_names_every_setting_with_its_default_and_no_other() -> None:
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|\n ").split(" | ")]
        for line in (ROOT / "docs" / "settings.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    documented = {row[0]: row[1] for row in rows}
    assert set(documented) == names()
    for field in fields(Settings):
        if field.name in CONNECTIONS or field.name == "visitor_id_key":
            continue
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert documented[field.name.upper()] == default, field.name
