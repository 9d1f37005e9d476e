"""`/health/ready` over a real lake: whether compaction comes through, how much waits; nothing that names a tenant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import pytest

from clickstream.errors import Unavailable
from clickstream.services import services
from functions import health
from local.azurite import Azurite
from tests.integration.compacting.lake import FAULTY, NOW, START, Lake, event, failed_event, poison

pytestmark = pytest.mark.integration
NOTHING = {"files": 0, "bytes": 0, "oldest_at": None}


@pytest.fixture
def lake(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A lake that the functions of this process read; its hubs cannot be reached, its spill can."""
    lake = Lake(azurite)
    lake.service.create_container(f"config-{lake.settings.lake_container}")
    for name, value in {
        "EventHubConnection": "Endpoint=sb://unused.invalid;SharedAccessKeyName=k;SharedAccessKey=cw==;",
        "Lake": azurite.connection_string,
        "VISITOR_ID_KEY": lake.settings.visitor_id_key,
        "LAKE_CONTAINER": lake.settings.lake_container,
        "SPILL_CONTAINER": lake.settings.spill_container,
        "CAPTURE_CONTAINER": lake.settings.capture_container,
        "CONFIG_CONTAINER": f"config-{lake.settings.lake_container}",
    }.items():
        monkeypatch.setenv(name, value)
    yield lake
    services.cache_clear()


def ready() -> tuple[int, dict[str, Any]]:
    services.cache_clear()
    answer: func.HttpResponse = asyncio.run(health.health_ready(func.HttpRequest("GET", "/", body=b"")))
    return answer.status_code, json.loads(answer.get_body())


def at(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


def test_a_hub_that_cannot_be_compacted_turns_readiness_red_within_two_runs_and_is_named(lake: Lake) -> None:
    assert (ready()[0], ready()[1]["compaction"]) == (200, {})
    lake.capture(0, [event("a")])
    lake.capture(0, [failed_event("f")], hub="failed-events")
    lake.compact()
    well = {"works": True, "succeeded_at": at(NOW), "failed_runs": 0, "waiting": NOTHING, "put_aside": NOTHING}
    assert ready()[1]["compaction"] == {"events": well, "failed-events": well}
    container = lake.service.get_container_client(lake.settings.lake_container)
    log = "events/_delta_log/00000000000000000000.json"
    whole = container.download_blob(log).readall()
    container.upload_blob(log, b"no log", overwrite=True)
    lake.capture(60, [event("b")], first_sequence=1)
    for run in (1, 2):
        with pytest.raises(Unavailable):
            lake.compact()
        status, body = ready()
        assert status == (200 if run == 1 else 503)
        assert body["compaction"]["failed-events"] == well
        assert body["compaction"]["events"]["failed_runs"] == run
    assert (body["status"], body["message"]) == ("unavailable", "compaction of the hub events fails")
    assert body["compaction"]["events"]["works"] is False
    container.upload_blob(log, whole, overwrite=True)
    lake.compact()
    assert (ready()[0], ready()[1]["compaction"]["events"]) == (200, well)


def test_what_waits_and_what_is_put_aside_is_shown_without_a_reason_and_without_a_path(lake: Lake) -> None:
    path = lake.capture(0, [event("a"), poison("p")])
    later = lake.capture(60, [event("b")], first_sequence=2)
    lake.compact(FAULTY)
    client = lake.service.get_container_client(lake.settings.capture_container)
    size = sum(client.get_blob_client(name).get_blob_properties().size for name in (path, later))
    status, body = ready()
    assert status == 200
    assert body["compaction"]["events"]["waiting"] == {"files": 2, "bytes": size, "oldest_at": at(START)}
    lake.compact(FAULTY)
    status, body = ready()
    told = body["compaction"]["events"]
    assert (status, told["works"], told["waiting"], told["put_aside"]["files"]) == (200, True, NOTHING, 1)
    assert told["put_aside"]["oldest_at"] == at(START)
    assert path not in json.dumps(body) and "ZeroDivisionError" not in json.dumps(body)


def test_a_state_that_is_not_there_or_not_ours_is_none(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_CONTAINER", "not-there")
    assert ready()[1]["compaction"] == {}
    blob = lake.service.get_blob_client(lake.settings.lake_container, "state/compaction.json")
    blob.upload_blob(b"\xff no state of ours")
    monkeypatch.setenv("LAKE_CONTAINER", lake.settings.lake_container)
    assert ready()[1]["compaction"] == {}
