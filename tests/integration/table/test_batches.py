"""Each row has the number of the commit that added it, and keeps it whenever its file is rewritten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream.enriching.loader import SOURCES
from clickstream.enriching.rerunning import chosen_steps, rerun
from clickstream.erasing.eraser import Eraser
from clickstream.erasing.request import ErasureRequest
from clickstream.maintaining.maintainer import Maintainer
from clickstream.model.schema import arrow_schema
from clickstream.storage.account import table_uri
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.specs import EVENTS_TABLE
from local.azurite import Azurite
from tests.integration.compacting.lake import NOW, START, Lake, event

pytestmark = pytest.mark.integration
FROM_GOOGLE: dict[str, Any] = {"page_host": "shop.example", "referrer_host": "www.google.com"}


@pytest.fixture
def lake(azurite: Azurite) -> Iterator[Lake]:
    lake = Lake(azurite)
    config = f"config-{uuid4().hex[:12]}"
    lake.service.create_container(config)
    lake.settings = replace(lake.settings, config_container=config)
    yield lake
    lake.service.close()


def commits(lake: Lake) -> int:
    table = Table.open_or_create(EVENTS_TABLE, lake.account, lake.settings.lake_container)
    return table.application_version(COMPACTOR) or 0


def batches(lake: Lake) -> dict[str, int]:
    return {row["event_id"]: row["batch"] for row in lake.rows()}


def events(lake: Lake) -> DeltaTable:
    uri = table_uri(lake.settings.lake_container, "events")
    return DeltaTable(uri, storage_options=lake.account.delta_options())


def files_since(lake: Lake, number: int) -> int:
    """How many files a reader of later batches opens."""
    return len(list(events(lake).to_pyarrow_dataset().get_fragments(pc.field("batch") > number)))


def add(lake: Lake, second: int, *ids: str, **fields: Any) -> int:
    """Compact one captured file of these events. Returns the number of the commit."""
    bodies = [event(event_id, anonymous_id=f"device-of-{event_id}", **FROM_GOOGLE, **fields) for event_id in ids]
    lake.capture(second, bodies, first_sequence=10 * second)
    lake.compact()
    return commits(lake)


def test_a_rows_batch_is_the_number_of_its_commit_and_never_changes(lake: Lake) -> None:
    numbers = {event_id: add(lake, second, event_id) for second, event_id in enumerate(("a", "b", "c"))}
    numbers["late"] = add(lake, 3, "late", occurred_at=START - timedelta(days=3))
    lake.spill([event("spilled")])
    lake.compact()
    numbers["spilled"] = commits(lake)
    assert len(set(numbers.values())) == len(numbers), "each commit has a number of its own"
    assert batches(lake) == numbers
    assert files_since(lake, 0) == 5
    assert files_since(lake, numbers["late"]) == 1, "readers skip files by their bounds"

    later = START + timedelta(days=30)
    report = Maintainer(lake.account, lake.settings, lambda: later).run(later + timedelta(minutes=10))
    assert report.tables["events"].merged_files == 4
    assert batches(lake) == numbers, "after a merge"

    sources = b"version: '1'\nsources: [{name: Search, kind: search, hosts: [google.*]}]\n"
    lake.service.get_blob_client(lake.settings.config_container, SOURCES).upload_blob(sources)
    containers = (lake.settings.lake_container, lake.settings.config_container)
    dates = ((START - timedelta(days=4)).date(), START.date())
    assert rerun(lake.account, containers, dates, chosen_steps(()), lambda line: None).changed_rows
    assert batches(lake) == numbers, "after a new enrichment"

    request = {"site_id": "shop", "anonymous_ids": ["device-of-b"], "asked_by": "ticket", "mode": "anonymise"}
    eraser = Eraser(lake.account, lake.settings, lambda: NOW, lambda: "erasure-1", bytes, lambda site: ())
    eraser.erase(ErasureRequest.model_validate(request))
    left = batches(lake)
    assert "b" not in left, "its id is a token now"
    assert sorted(left.values()) == sorted(numbers.values()), "after an erasure"

    last = max(numbers.values())
    add(lake, 9, "d")
    assert [event_id for event_id, number in batches(lake).items() if number > last] == ["d"], "what is new alone"


def test_readers_of_a_table_from_before_skip_files_by_batch_too(lake: Lake) -> None:
    uri, options = table_uri(lake.settings.lake_container, "events"), lake.account.delta_options()
    columns = tuple(column for column in EVENTS_TABLE.columns if column.name != "batch")
    write_deltalake(uri, arrow_schema(columns).empty_table(), partition_by=["event_date"], storage_options=options)
    first = add(lake, 0, "a")
    add(lake, 1, "b")
    assert files_since(lake, first) == 1
