"""`python -m clickstream.erasing`: hands over, erases, and verifies the receipt that the lake keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from clickstream.erasing.__main__ import erase, erasure_request, export, export_request, parse, verify
from clickstream.errors import InvalidRequest, NotFound
from clickstream.services import Services
from local.azurite import Azurite
from tests.integration.erasing.world import USER, World, canary, event

pytestmark = pytest.mark.integration


def test_a_person_is_handed_over_and_erased_by_command(azurite: Azurite, tmp_path: Path) -> None:
    world = World(azurite)
    world.capture(canary("c"), event("a"))
    world.compact()
    container = world.lake.settings.lake_container
    settings = replace(world.lake.settings, config_container=container)
    services = Services(settings)
    file = tmp_path / "person.ndjson"
    with pytest.raises(NotFound):
        erase(services, erasure_request(parse(["erase", "shop", "--user", USER])))
    world.lake.service.get_blob_client(container, "sites/shop.yaml").upload_blob(b"site: shop")
    export(services, export_request(parse(["export", "shop", "--user", USER, "--to", str(file)])), str(file))
    assert [list(json.loads(line)) for line in file.read_text().splitlines()] == [["table", "row"], ["end"]]
    receipt = erase(services, erasure_request(parse(["erase", "shop", "--user", USER, "--asked-by", "ticket 2"])))
    assert (receipt["asked_by"], receipt["counts"]["events"]) == ("ticket 2", 1)
    path = f"receipts/shop/{receipt['erasure_id']}.json"
    assert verify(services, path) == f"{path} is as it was signed at {receipt['completed_at']}"
    with pytest.raises(InvalidRequest, match="another key"):
        verify(Services(replace(settings, visitor_id_key="another secret of ours")), path)
    with pytest.raises(NotFound):
        verify(services, "receipts/shop/no-such.json")
    with pytest.raises(InvalidRequest):
        verify(services, str(file))


def test_a_line_that_names_nobody_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        erasure_request(parse(["erase", "shop"]))
    with pytest.raises(InvalidRequest):
        export_request(parse(["export", "shop", "--linked"]))
