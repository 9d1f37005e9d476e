"""Imports of tables by Microsoft's driver, unmodified, over TLS, from a stand-in for SQL Server to real tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any

import pytest

from clickstream.erasing.eraser import Eraser
from clickstream.erasing.request import ErasureRequest
from clickstream.importing import sql_session
from clickstream.importing.sql_tables import TablePace
from clickstream.jobs.failing import Actor
from clickstream.jobs.runner import JobRunner
from clickstream.jobs.state import EndedRun, JobStates
from clickstream.sites.document import Site
from clickstream.sites.table_imports import SqlImport
from local.azurite import Azurite
from local.sql_server.server import Fault, SqlServer, serving
from tests.integration.jobs.dying import DyingSpill
from tests.integration.jobs.world import DAILY, World, site_with, table_import

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(find_spec("mssql_python") is None, reason="needs requirements-sql.txt"),
]
ORDERS = "CREATE TABLE dbo.orders (id INT, updated_at DATETIME2(7), ordered_at DATETIME2(7), city NVARCHAR(50))"


@pytest.fixture
def server() -> Iterator[SqlServer]:
    with serving() as server:
        server.execute(ORDERS)
        yield server


@pytest.fixture
def world(azurite: Azurite, server: SqlServer) -> World:
    return World(azurite, database=server.connection_string)


def add(server: SqlServer, number: int, updated_at: str | None, city: str = "Bern", ordered_at: str = "") -> None:
    values = [str(number), *(f"'{text}'" if text else "NULL" for text in (updated_at, ordered_at, city))]
    server.execute(f"INSERT INTO dbo.orders (id, updated_at, ordered_at, city) VALUES ({', '.join(values)})")


def imported(world: World, site: Site) -> EndedRun:
    run = world.run(site, "orders")
    assert run is not None, world.state(site, "orders")
    return run


def numbers(world: World) -> list[int]:
    return sorted(json.loads(row["properties"])["id"] for row in world.taken_in())


def test_rows_of_a_table_become_events_in_order_through_a_temporary_table(world: World, server: SqlServer) -> None:
    add(server, 2, "2026-03-02 10:00:00.1234568", "Zürich", "2026-03-01 08:00:00")
    add(server, 1, "2026-03-02 10:00:00.1234567")
    add(server, 3, None, ordered_at="2026-02-01 08:00:00")
    add(server, 4, "2099-01-01 00:00:00")
    site = site_with(
        table_import(
            **{"from": {"record_timestamp_column": "ordered_at"}}, map={"user_id": "id"}, fields=["id", "city"]
        )
    )
    ended = imported(world, site)
    assert (ended.outcome, dict(ended.counts)) == ("succeeded", {"rows": 3, "failed": 0, "undated": 1, "later": 1})
    assert ended.scope["read_from"] == "erp/orders"
    rows = world.taken_in()
    assert [(row["stream"], row["event_name"], row["key_kind"]) for row in rows] == [
        ("azuresql_activity", "azuresql_activity", "import")
    ] * 3
    assert [(row["occurred_at"], row["user_id"], json.loads(row["properties"])) for row in rows] == [
        (datetime(2026, 2, 1, 8, tzinfo=UTC), "3", {"id": 3, "city": "Bern"}),
        (datetime(2026, 3, 1, 8, tzinfo=UTC), "2", {"id": 2, "city": "Zürich"}),
        (datetime(2026, 3, 2, 10, 0, 0, 123456, tzinfo=UTC), "1", {"id": 1, "city": "Bern"}),
    ]
    started = int(ended.started_at.timestamp()) * 1_000_000_000
    copies = [sql for sql in server.log if " INTO #TMP_" in sql]
    assert len(copies) == 2 and all(f"_{started} FROM [dbo].[orders]" in sql for sql in copies)
    assert world.state(site, "orders").position["after"] == "2026-03-02 10:00:00.1234568", "all seven digits"
    assert world.state(site, "orders").status == "done"


def test_each_run_has_what_is_new_and_a_row_that_was_committed_late(world: World, server: SqlServer) -> None:
    add(server, 1, "2026-03-02 10:00:00.1234567")
    add(server, 9, None)
    site = site_with(table_import(keep_updated=DAILY))
    imported(world, site)
    add(server, 2, "2026-03-02 10:00:00.1234567", "a tie")
    add(server, 3, "2026-03-02 10:00:00.1234568", "100 ns later")
    add(server, 4, "2026-03-02 09:55:00", "behind the last row, within the overlap")
    add(server, 5, "2026-03-02 09:45:00", "behind the overlap")
    server.execute("UPDATE dbo.orders SET updated_at = '2026-03-03 10:00:00', city = 'Basel' WHERE id = 1")
    world.now += timedelta(days=1)
    assert imported(world, site).counts["rows"] == 4
    assert numbers(world) == [1, 1, 2, 3, 4, 9]
    world.now += timedelta(days=1)
    assert imported(world, site).counts["rows"] == 1, "the last row is read again, and adds nothing"
    assert numbers(world) == [1, 1, 2, 3, 4, 9]
    assert not any(row["id_reused"] for row in world.rows())
    other = site_with(table_import(keep_updated=DAILY, **{"from": {"timestamp_column": "ordered_at"}}))
    world.now += timedelta(days=1)
    ended = imported(world, other)
    assert (ended.actor, ended.code) == (Actor.AUTHOR, "job_definition")
    world.runner().reset(site, site.jobs[0])
    assert imported(world, site).counts["rows"] == 6
    assert numbers(world) == [1, 1, 2, 3, 4, 5, 9, 9], "imported again, rows with a time add nothing"


def test_only_rows_after_since_are_imported(world: World, server: SqlServer) -> None:
    for number, text in enumerate(["2026-03-02 10:00:00.1", "2026-03-02 10:00:00.1000001", "2026-03-02 09:00:00"]):
        add(server, number, text)
    add(server, 9, None)
    site = site_with(table_import(**{"from": {"since": "2026-03-02 10:00:00.1"}}))
    assert dict(imported(world, site).counts) == {"rows": 1, "failed": 0, "undated": 1, "later": 0}
    assert numbers(world) == [1]


def test_a_rowversion_is_exact_and_needs_no_overlap(world: World, server: SqlServer) -> None:
    server.execute("CREATE TABLE dbo.facts (id INT, at DATETIMEOFFSET(7), rv ROWVERSION)")
    server.execute("INSERT INTO dbo.facts (id, at) VALUES (1, '2026-03-02 10:00:00 +02:00'), (2, NULL)")
    source = {"table": "dbo.facts", "timestamp_column": "rv", "record_timestamp_column": "at", "key": ["id"]}
    site = site_with(table_import(keep_updated=DAILY, fields=["id"], **{"from": source}))
    assert dict(imported(world, site).counts) == {"rows": 2, "failed": 1, "undated": 0, "later": 0}
    (row,) = world.taken_in()
    assert row["occurred_at"] == datetime(2026, 3, 2, 8, tzinfo=UTC)
    (failed,) = world.lake.rows("failed_events")
    assert (failed["message"], failed["failure_class"]) == ("dbo.facts row 2: at: has no time", "payload_format")
    assert json.loads(failed["payload"])["id"] == 2
    server.execute("UPDATE dbo.facts SET at = '2026-03-02 11:00:00 +00:00' WHERE id = 2")
    world.now += timedelta(days=1)
    assert imported(world, site).counts["rows"] == 1
    assert numbers(world) == [1, 2]


def test_a_table_is_read_in_passes_that_cut_no_group_of_equal_times(world: World, server: SqlServer) -> None:
    rows = [f"({number}, '2026-03-02 10:00:{number // 3:02}', NULL, 'x')" for number in range(11)]
    server.execute(f"INSERT INTO dbo.orders (id, updated_at, ordered_at, city) VALUES {', '.join(rows)}")
    site = site_with(table_import(**{"from": {"rows_per_pass": 4, "key": []}}))
    steps = 1
    while world.run(site, "orders", minutes=0) is None:
        steps += 1
    assert steps == 5, "one for rows without a time, and one for each of four times"
    assert numbers(world) == list(range(11))
    world.runner().reset(site, site.jobs[0])
    server.log.clear()
    assert imported(world, site).counts["rows"] == 11
    assert sum(" WITH TIES " in sql for sql in server.log) == 3, "of six rows, of five, and of none"
    assert numbers(world) == list(range(11))


def test_a_process_that_ends_anywhere_leaves_each_row_once(world: World, server: SqlServer) -> None:
    rows = [f"({number}, '2026-03-02 10:00:{number // 9:02}', NULL, 'x')" for number in range(120)]
    server.execute(f"INSERT INTO dbo.orders (id, updated_at, ordered_at, city) VALUES {', '.join(rows)}")
    site = site_with(table_import(**{"from": {"rows_per_pass": 70}}))
    spill = world.lake.account.container(world.lake.settings.spill_container)
    deaths = 0
    while True:
        DyingSpill.left, DyingSpill.after = deaths + 1, bool(deaths % 2)
        works = {SqlImport.kind: world.tables(DyingSpill(spill.store), TablePace(25, 40))}
        try:
            ended = world.run(site, "orders", runner=JobRunner(world.states, works, lambda: world.now, world.new_id))
        except KeyboardInterrupt:
            deaths += 1
            world.now += timedelta(minutes=3)
            continue
        break
    assert ended is not None and ended.outcome == "succeeded"
    assert deaths >= 3
    assert numbers(world) == list(range(120))


def test_a_connection_that_is_cut_in_any_phase_loses_nothing(world: World, server: SqlServer) -> None:
    add(server, 1, "2026-03-02 10:00:00")
    site = site_with(table_import())
    phases = ["INFORMATION_SCHEMA", "COUNT_BIG", "IS NULL;", "WITH TIES", "ORDER BY [updated_at], [id]", "DROP"]
    for phase in phases:
        server.faults = [Fault(phase)]
        assert world.run(site, "orders") is None, phase
        world.now += timedelta(minutes=11)
    assert imported(world, site).outcome == "succeeded"
    assert numbers(world) == [1]


def test_errors_of_the_server_say_who_must_act(world: World, server: SqlServer) -> None:
    site = site_with(table_import(keep_updated=DAILY))
    cases = [
        (229, "The SELECT permission was denied on the object 'orders'", Actor.OPERATOR, "permission_denied"),
        (208, "Invalid object name 'dbo.orders'.", Actor.OTHER_SIDE, "no_table"),
        (245, "Conversion failed when converting the value 'secret'", Actor.OTHER_SIDE, "statement_refused"),
    ]
    for number, message, actor, code in cases:
        server.faults = [Fault("INTO #TMP_", number, message)]
        ended = imported(world, site)
        assert (ended.outcome, ended.actor, ended.code) == ("failed", actor, code)
        assert "secret" not in str(ended.message) and "Passw0rd" not in str(ended.message)
        world.now += timedelta(days=1)
    server.faults = [Fault("INTO #TMP_", 40613, "Database 'x' is not currently available. Retry later.")]
    assert world.run(site, "orders") is None
    world.now += timedelta(seconds=30)
    assert imported(world, site).outcome == "succeeded"
    world.now += timedelta(days=1)
    world.database = server.connection_string.replace("Passw0rd!", "wrong")
    assert imported(world, site).code == "login_refused"
    world.now += timedelta(days=1)
    world.database = server.connection_string.replace("TrustServerCertificate=yes", "")
    assert imported(world, site).code == "certificate_refused"


def test_a_table_that_does_not_fit_the_job_is_reported_with_its_options(world: World, server: SqlServer) -> None:
    for source, code, message in (
        ({"table": "nothing"}, "no_table", "there is no table nothing in the database, or its user may not see it"),
        (
            {"timestamp_column": "update_at"},
            "job_definition",
            "from/timestamp_column: 'update_at' is no column of orders (is 'updated_at' meant?)",
        ),
    ):
        site = site_with(table_import(**{"from": source}))
        ended = imported(world, site)
        assert (ended.outcome, ended.code, ended.message) == ("failed", code, message)
        world.runner().reset(site, site.jobs[0])


class Hurrying(World):
    """A world whose clock goes on by half a minute at each look while the last statement has `text`."""

    def __init__(self, azurite: Azurite, server: SqlServer, text: str) -> None:
        super().__init__(azurite, database=server.connection_string)
        self.server, self.text = server, text

    def runner(self, target: Any = None, lake_account: Any = None, states: JobStates | None = None) -> JobRunner:
        def later() -> datetime:
            if self.server.log and self.text in self.server.log[-1]:
                self.now += timedelta(seconds=30)
            return self.now

        return JobRunner(states or self.states, {SqlImport.kind: self.tables(now=later)}, later, self.new_id)


def test_a_statement_that_outlasts_its_step_is_asked_again_in_the_next(
    azurite: Azurite, server: SqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Hurrying(azurite, server, "WITH TIES")
    monkeypatch.setattr(sql_session, "WAIT_SECONDS", 0.05)
    add(server, 1, "2026-03-02 10:00:00")
    site = site_with(table_import())
    server.faults = [Fault("WITH TIES", seconds=60)]
    started_at = world.now
    assert world.run(site, "orders") is None
    waiting = world.state(site, "orders").run
    assert waiting is not None and (waiting.lease, waiting.not_before) == (None, None)
    assert timedelta(minutes=9) < world.now - started_at < timedelta(minutes=14)
    world.text = "never"
    assert imported(world, site).outcome == "succeeded"
    assert numbers(world) == [1]


def test_a_person_who_was_erased_does_not_come_back_by_rows_from_before(world: World, server: SqlServer) -> None:
    add(server, 1, "2026-03-02 10:00:00", "jane")
    add(server, 2, "2026-03-02 10:00:00", "ada")
    site = site_with(table_import(fields=["id"], map={"user_id": "city"}, keep_updated=DAILY))
    imported(world, site)
    assert numbers(world) == [1, 2]
    eraser = Eraser(world.lake.account, world.lake.settings, lambda: world.now, world.new_id, bytes, lambda site: [])
    eraser.erase(ErasureRequest.model_validate({"site_id": "shop", "user_ids": ["jane"]}))
    world.now += timedelta(days=1)
    assert imported(world, site).counts["rows"] == 2, "the overlap has her row again"
    assert numbers(world) == [2]


def test_imported_rows_pass_the_definitions_and_too_many_bad_ones_fail_the_run(world: World, server: SqlServer) -> None:
    rows = [f"({number}, '2026-03-02 10:00:00', NULL, '{{}}')" for number in range(120)]
    server.execute(f"INSERT INTO dbo.orders (id, updated_at, ordered_at, city) VALUES {', '.join(rows)}")
    definition = {"name": "orders", "properties": {"id": {"type": "integer", "maximum": 100}}}
    site = site_with(table_import(event="orders", fields=["id"]), events={"mode": "block", "definitions": [definition]})
    assert dict(imported(world, site).counts) == {"rows": 120, "failed": 19, "undated": 0, "later": 0}
    server.execute("UPDATE dbo.orders SET city = 'no object' WHERE id < 2")
    site = site_with(table_import(fields=["id"], map={"context": "city"}))
    world.runner().reset(site, site.jobs[0])
    ended = imported(world, site)
    assert (ended.outcome, ended.code) == ("failed", "bad_rows")
    assert ended.message == "orders: 2 of 120 rows cannot be read; see the failed events"


def test_counts_of_imported_rows_reconcile(world: World, server: SqlServer) -> None:
    add(server, 1, "2026-03-02 10:00:00")
    add(server, 2, "2026-03-02 10:00:00")
    imported(world, site_with(table_import()))
    world.lake.compact()
    totals = world.lake.totals()
    assert (totals.answered, totals.difference) == (2, 0)
