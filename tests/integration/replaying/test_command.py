"""`python -m clickstream.replaying`, with an event hub that is gone: what is repaired goes through the spill."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from clickstream.errors import InvalidRequest, NotFound
from clickstream.replaying.__main__ import parse, replay, table
from clickstream.services import Services
from clickstream.settings import Connection
from local.azurite import Azurite
from local.processes import free_port
from tests.integration.replaying.world import DOCUMENT, World, request, sale

pytestmark = pytest.mark.integration


def test_it_goes_on_until_all_are_looked_at_and_what_is_spilled_counts_as_durable(azurite: Azurite) -> None:
    world = World(azurite)
    world.fail(*(sale(number) for number in range(5)))
    world.compact()
    container = world.lake.settings.lake_container
    document = (DOCUMENT % "number").encode()
    world.lake.service.get_blob_client(container, "sites/shop.yaml").upload_blob(document)
    nobody = f"Endpoint=sb://127.0.0.1:{free_port()};SharedAccessKeyName=k;SharedAccessKey=cw==;"
    hub = Connection("EventHubConnection", nobody + "UseDevelopmentEmulator=true")
    settings = replace(world.lake.settings, config_container=container, event_hub_connection=hub)
    answer = asyncio.run(replay(Services(settings), request(limit=2), everything=True))
    assert table(answer).splitlines() == [
        "examined        5",
        "repaired        5",
        "still_failed    0",
        "not_replayable  0",
        "removed         5",
        "remaining       0",
        *(f"  repaired  f{number}" for number in range(5)),
    ]
    world.compact()
    assert world.lake.ids() == ["e0", "e1", "e2", "e3", "e4"]
    assert world.failed_ids() == []
    with pytest.raises(NotFound):
        asyncio.run(replay(Services(settings), request(site_id="no-such-site"), everything=True))


def test_options_are_the_filters_of_a_request() -> None:
    line = "shop --id a --id b --class c --pointer /p --name n --dialect plain --message m"
    asked, everything = parse([*line.split(), "--from", "2026-03-10T00:00:00Z", "--to", "2026-03-11T00:00:00Z"])
    assert everything
    told = asked.filters.model_dump(mode="json")
    assert told.pop("received_from") == "2026-03-10T00:00:00Z"
    assert told.pop("received_to") == "2026-03-11T00:00:00Z"
    assert told == {
        "failed_event_ids": ["a", "b"],
        "failure_class": "c",
        "pointer": "/p",
        "event_name": "n",
        "dialect": "plain",
        "message_contains": "m",
    }
    asked, everything = parse(["shop", "--limit", "3", "--dry-run"])
    assert (asked.limit, asked.dry_run, everything) == (3, True, False)
    with pytest.raises(InvalidRequest):
        parse(["shop", "--limit", "0"])
