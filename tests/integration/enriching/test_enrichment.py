"""Enrichment of a real lake: at compaction, of tables from before, and again after a list has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from clickstream.compacting.compactor import Compactor
from clickstream.enriching.loader import PLACES, SOURCES, Enrichment
from clickstream.enriching.rerunning import chosen_steps, rerun
from clickstream.errors import InvalidRequest
from clickstream.model.schema import BODY_COLUMNS, DERIVED_COLUMNS, EVENT_COLUMNS, VERSION_COLUMN, arrow_schema
from clickstream.storage.account import table_uri
from clickstream.table.enriched import Renewed
from local.azurite import Azurite
from tests.integration.compacting.lake import NOW, START, Lake, event

pytestmark = pytest.mark.integration
DAY = START.date()
DERIVED = [column.name for column in DERIVED_COLUMNS]
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4 Mobile Safari/604.1"
SITE = b"site: shop\nkeys: [{kind: public, key: shop}]\n"
FROM_GOOGLE: dict[str, Any] = {"page_host": "shop.example", "referrer_host": "www.google.com", "user_agent": PHONE}


@pytest.fixture
def lake(azurite: Azurite) -> Iterator[Lake]:
    made = Lake(azurite)
    config = f"config-{uuid4().hex[:12]}"
    made.service.create_container(config)
    made.settings = replace(made.settings, config_container=config)
    yield made
    made.service.close()


def supply(lake: Lake, path: str, data: bytes) -> None:
    lake.service.get_blob_client(lake.settings.config_container, path).upload_blob(data, overwrite=True)


def again(lake: Lake, *steps: str) -> Renewed:
    containers = (lake.settings.lake_container, lake.settings.config_container)
    return rerun(lake.account, containers, (DAY, DAY), chosen_steps(steps), lambda line: None)


def database(tmp_path: Path, city: str) -> bytes:
    writer = MMDBWriter(database_type="Test-City", languages=["en"])
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country": {"iso_code": "DE"}, "city": {"names": {"en": city}}})
    path = tmp_path / f"{city}.mmdb"
    writer.to_db_file(str(path))
    return path.read_bytes()


def test_compaction_makes_the_columns_by_what_the_operator_and_the_site_supply(lake: Lake, tmp_path: Path) -> None:
    supply(lake, PLACES, database(tmp_path, "Berlin"))
    supply(lake, SOURCES, b"version: '1'\nsources: [{name: Forum, kind: social, hosts: [forum.example]}]\n")
    supply(lake, "sites/shop.yaml", SITE + b"sources: [{when: {host: news.example}, channel: Press}]\n")
    lake.capture(0, [event("a", ip="198.51.100.0", language="de-DE", screen_width=390, **FROM_GOOGLE)])
    lake.spill([event("b", page_host="shop.example", referrer_host="news.example", click_id="x=1")])
    lake.capture(5, [event("c", page_host="shop.example", referrer_host="forum.example")], first_sequence=1)
    lake.compact()
    first, second, third = sorted(lake.rows(), key=lambda row: row["event_id"])
    assert [first[name] for name in ("browser", "browser_version", "os", "os_version", "device_class", "is_bot")] == [
        *("Mobile Safari", "17.4", "iOS", "17.4", "mobile", False)
    ]
    assert [first[name] for name in ("source", "medium", "channel")] == ["Google", "organic", "Organic Search"]
    assert [first[name] for name in ("country", "region", "city")] == ["DE", None, "Berlin"]
    assert (first["primary_language"], first["screen_class"]) == ("de", "xs")
    assert (second["source"], second["channel"], second["click_id_kind"]) == ("news.example", "Press", "x")
    assert (third["source"], third["channel"]) == ("Forum", "Organic Social")
    assert all(row[VERSION_COLUMN] for row in (first, second, third))


def test_a_renewed_database_is_taken_and_those_long_out_of_use_are_removed(lake: Lake, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    long_ago = cache / "old.mmdb"
    long_ago.write_bytes(b"")
    os.utime(long_ago, (0, 0))
    rows = pa.table({"ip": ["198.51.100.0"], "site": ["shop"]})
    for city in ("Berlin", "Bonn", "Bonn"):
        supply(lake, PLACES, database(tmp_path, city))
        config = lake.account.container(lake.settings.config_container)
        enrichment = Enrichment(config, chosen_steps(["place"]), cache)
        assert enrichment.enrich(rows)["city"].to_pylist() == [city]
    assert not long_ago.exists()
    assert {file.suffix for file in cache.iterdir()} == {".mmdb"}


def test_what_cannot_be_used_is_left_out_and_told(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    for path in (PLACES, SOURCES, "sites/shop.yaml"):
        supply(lake, path, b"\xff\x00 nothing of the kind")
    lake.capture(0, [event("a", ip="198.51.100.0", **FROM_GOOGLE)])
    lake.compact()
    assert [(row["source"], row["country"]) for row in lake.rows()] == [("Google", None)]
    for path in (PLACES, SOURCES, "sites/shop.yaml"):
        assert f"{path} cannot be used" in caplog.text


def test_without_steps_the_columns_are_there_and_null_until_they_are_asked_for(lake: Lake) -> None:
    lake.capture(0, [event("a", **FROM_GOOGLE)])
    compactor = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: NOW, steps=())
    compactor.run(NOW + timedelta(hours=1))
    (row,) = lake.rows()
    assert {name: row[name] for name in DERIVED} == {**dict.fromkeys(DERIVED), VERSION_COLUMN: ""}
    again(lake)
    assert [row["source"] for row in lake.rows()] == ["Google"]


def test_fields_of_a_body_that_are_named_as_derived_columns_are_kept_as_properties(lake: Lake) -> None:
    body = event("a", **FROM_GOOGLE)
    lake.capture(0, [body[:-1] + b',"browser":"Mine","source":"mine"}'])
    lake.compact()
    (row,) = lake.rows()
    assert (row["browser"], row["source"]) == ("Mobile Safari", "Google")
    assert row["properties"] == '{"browser":"Mine","source":"mine"}'


def old_row() -> dict[str, Any]:
    body = {column.name: None for column in BODY_COLUMNS}
    moments = dict.fromkeys(("received_at", "occurred_at", "enqueued_at"), START)
    flags = {column.name: False for column in BODY_COLUMNS if column.type == pa.bool_() and not column.nullable}
    texts = {column.name: "x" for column in BODY_COLUMNS if column.type == pa.string() and not column.nullable}
    where = {"event_date": DAY, "hub_partition": "0", "sequence_number": 0, "capture_file": "f"}
    return {**body, **flags, **texts, **moments, **where, "site": "shop", "event_id": "old", **FROM_GOOGLE}


def test_a_table_from_before_gets_the_columns_and_its_rows_get_values_on_request(lake: Lake) -> None:
    schema = arrow_schema(tuple(column for column in EVENT_COLUMNS if column.name not in DERIVED))
    uri, options = table_uri(lake.settings.lake_container, "events"), lake.account.delta_options()
    rows = pa.Table.from_pylist([{**old_row(), "event_type": "page_view"}], schema=schema)
    write_deltalake(uri, rows, partition_by=["event_date"], storage_options=options)
    lake.capture(0, [event("new", **FROM_GOOGLE)])
    lake.compact()
    assert {row["event_id"]: row["source"] for row in lake.rows()} == {"old": None, "new": "Google"}
    assert again(lake) == Renewed(files=2, rows=2, rewritten_files=1, changed_rows=1)
    assert {row["event_id"]: row["source"] for row in lake.rows()} == {"old": "Google", "new": "Google"}
    assert DeltaTable(uri, storage_options=options).schema().to_arrow().field("source").nullable


def test_after_a_list_has_changed_old_rows_are_made_anew_and_nothing_else_of_them_changes(
    lake: Lake, tmp_path: Path
) -> None:
    lake.capture(0, [event(f"e{number}", ip="198.51.100.0", **FROM_GOOGLE) for number in range(3)])
    lake.capture(1, [event("bot", user_agent="curl/8.1")], first_sequence=3)
    lake.capture(2, [event("late", occurred_at=START - timedelta(days=1), **FROM_GOOGLE)], first_sequence=4)
    lake.compact()
    before = {row["event_id"]: row for row in lake.rows()}
    assert again(lake) == Renewed(files=1, rows=4)
    supply(lake, SOURCES, b"version: '1'\nsources: [{name: Search, kind: search, hosts: [google.*]}]\n")
    supply(lake, PLACES, database(tmp_path, "Bonn"))
    assert again(lake, "place") == Renewed(files=1, rows=4, rewritten_files=1, changed_rows=3)
    assert {row["source"] for row in lake.rows()} == {"Google", "(direct)"}
    assert again(lake) == Renewed(files=1, rows=4, rewritten_files=1, changed_rows=3)
    assert again(lake) == Renewed(files=1, rows=4)
    after = {row["event_id"]: row for row in lake.rows()}
    places = {"country": "DE", "city": "Bonn"}
    for name in ("e0", "e1", "e2"):
        version = after[name][VERSION_COLUMN]
        assert after[name] == {**before[name], **places, "source": "Search", VERSION_COLUMN: version}
    assert after["bot"] == {**before["bot"], VERSION_COLUMN: after["e0"][VERSION_COLUMN]}
    assert after["late"] == before["late"], "of another date"


def test_compaction_beside_a_rerun_loses_and_doubles_nothing(lake: Lake) -> None:
    for second in range(3):
        lake.capture(second, [event(f"e{second}", **FROM_GOOGLE)], first_sequence=second)
        lake.compact()
    stopped = threading.Event()
    failures: list[BaseException] = []

    def keep_rerunning() -> None:
        number = 0
        try:
            while not stopped.is_set():
                number += 1
                supply(lake, SOURCES, f"version: '{number}'\n".encode())
                again(lake)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=keep_rerunning)
    thread.start()
    try:
        for second in range(3, 8):
            lake.capture(second, [event(f"e{second}", **FROM_GOOGLE)], first_sequence=second)
            lake.compact()
    finally:
        stopped.set()
        thread.join()
    assert failures == []
    again(lake)
    assert lake.ids() == [f"e{second}" for second in range(8)]
    assert len({row[VERSION_COLUMN] for row in lake.rows()}) == 1


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="known are agent, device"):
        chosen_steps(["colour"])


def test_the_command_tells_each_date_and_the_sums(lake: Lake, azurite: Azurite) -> None:
    lake.capture(0, [event("a", **FROM_GOOGLE)])
    lake.compact()
    supply(lake, SOURCES, b"version: '1'\nsources: [{name: Search, kind: search, hosts: [google.*]}]\n")
    env = {
        **os.environ,
        "EventHubConnection": "none",
        "Lake": azurite.connection_string,
        "VISITOR_ID_KEY": "0123456789abcdef",
        "LAKE_CONTAINER": lake.settings.lake_container,
        "CONFIG_CONTAINER": lake.settings.config_container,
    }
    command = [sys.executable, "-m", "clickstream.enriching", "rerun", "--from", "2026-01-01", "--to", "2026-12-31"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "1 of 1: 2026-03-10, 1 rows in 1 files, 1 files rewritten, 1 rows changed" in done.stderr
    sums = {name: int(value) for name, value in map(str.split, done.stdout.splitlines())}
    assert sums == {"files": 1, "rows": 1, "rewritten_files": 1, "changed_rows": 1}
    refused = subprocess.run([*command, "--steps", "colour"], env=env, capture_output=True, text=True, timeout=120)
    assert refused.returncode == 1
    assert "unknown step 'colour'" in refused.stderr
    assert [row["source"] for row in lake.rows()] == ["Search"]
