"""The hand-over to Sail, a Spark Connect engine: the compactor's rows, and the functions' answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from ast import literal_eval
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from clickstream.capture.names import Watermark
from clickstream.capture.store import CaptureFiles
from clickstream.errors import Conflict, InvalidRequest
from clickstream.model.pipeline_hour import PipelineHour
from clickstream.querying.engine import QueryEngine
from clickstream.querying.metrics import METRICS, Need
from clickstream.querying.request import parse_query
from clickstream.querying.scope import SiteScope
from clickstream.table.delta import Table
from clickstream.table.pipeline_hours import added_up
from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE
from clickstream.table.watermarks import read_watermark
from distributed.backlog import Backlog
from distributed.reports import answer
from local.azurite import Azurite
from local.processes import free_port
from local.stack import ROOT
from tests.integration.compacting.lake import NOW as NOW_OF_CAPTURE
from tests.integration.compacting.lake import START, Lake, event
from tests.integration.distributed.sail import Sail
from tests.integration.erasing.world import USER, World, canary
from tests.integration.erasing.world import event as erasable_event
from tests.integration.querying.lake import NOW, make_lake
from tests.integration.querying.lake import Lake as QueryLake
from tests.integration.querying.rows import ROWS
from tests.support.pandas_folder import import_pandas, with_pandas

pytestmark = pytest.mark.integration
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module", params=[False, True], ids=["one process", "workers"])
def sail(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Sail]:
    with Sail(tmp_path_factory.mktemp("sail"), free_port(), azurite, request.param) as running:
        yield running


@pytest.fixture(scope="module")
def spark(sail: Sail) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as named:
        # The client ends a process whose main module has no file, as pytest-xdist's have: it takes it for a doctest.
        named.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the client's own imports
            import_pandas()
            from pyspark.sql import SparkSession

            session = SparkSession.builder.remote(sail.remote).getOrCreate()
        yield session
        session.stop()


@pytest.fixture(scope="module")
def reported(azurite: Azurite) -> QueryLake:
    lake = make_lake(azurite)
    lake.append(*ROWS)
    return lake


def distributed(
    sail: Sail, azurite: Azurite, settings: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    env = {
        **with_pandas(os.environ),
        "SPARK_REMOTE": sail.remote,
        "EventHubConnection": "none",
        "Lake": azurite.connection_string,
        "VISITOR_ID_KEY": "0123456789abcdef",
        **settings,
    }
    return subprocess.run(
        [sys.executable, "-m", "distributed", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=180,
    )


def compact(sail: Sail, azurite: Azurite, lake: Lake) -> dict[str, str]:
    """Hand the lake's backlog over. Returns what was printed, by name."""
    settings = {
        "CAPTURE_CONTAINER": lake.settings.capture_container,
        "LAKE_CONTAINER": lake.settings.lake_container,
        "CONFIG_CONTAINER": lake.settings.config_container,
    }
    done = distributed(sail, azurite, settings, "compact")
    assert done.returncode == 0, done.stderr + sail.log()
    return {name: value.strip() for name, _, value in (line.partition(" ") for line in done.stdout.splitlines())}


class ConfiguredLake(Lake):
    """A lake with a container of its own for documents and lists."""

    def __init__(self, azurite: Azurite) -> None:
        super().__init__(azurite, max_bytes=100_000_000)
        config = f"config-{uuid4().hex[:12]}"
        self.service.create_container(config)
        self.settings = replace(self.settings, config_container=config)

    def all_rows(self, table: str) -> list[dict[str, Any]]:
        return sorted(self.rows(table), key=lambda row: (row["capture_file"], row["sequence_number"]))

    def hours(self) -> Sequence[PipelineHour]:
        """The books, closed by a compactor."""
        self.compact()
        rows = self.rows("pipeline_hours")
        return added_up(PipelineHour(**{name: row[name] for name in PipelineHour.__slots__}) for row in rows)


def fill(lake: Lake, first: int) -> None:
    """Files of two partitions over days: events, copies within and across files, what is none, holes, damage."""
    for number in range(first, first + 6):
        at = START + timedelta(hours=9 * number)
        bodies: list[bytes] = [
            event(f"e{number}-{n}", occurred_at=at + timedelta(seconds=n), user_agent=AGENT, page_path=f"/{n}")
            for n in range(40)
        ]
        bodies += [event("shared", occurred_at=at), event(f"e{number}-1", occurred_at=at), b"no event", b'{"site":"x"}']
        lake.capture(number * 2, bodies, first_sequence=number * 50, partition=str(number % 2))
    lake.capture(first * 2 + 1, [], partition="0")
    lake.capture(first * 2 + 3, [], partition="1", raw=b"no avro")


def test_what_is_handed_over_becomes_the_rows_and_the_books_that_the_compactor_makes(
    azurite: Azurite, sail: Sail
) -> None:
    ours, theirs = ConfiguredLake(azurite), ConfiguredLake(azurite)
    for first in (0, 10):  # the second time into tables that hold most copies already
        fill(ours, first)
        fill(theirs, first)
        report = ours.compact()
        told = compact(sail, azurite, theirs)
        assert {name: int(told[name]) for name in ("files", "captured", "rows", "failed", "duplicates")} == {
            "files": report.files,
            "captured": report.captured,
            "rows": report.rows,
            "failed": report.failed,
            "duplicates": report.duplicates,
        }
        assert literal_eval(told["gaps"]) == [asdict(gap) for gap in report.gaps]
        assert literal_eval(told["quarantined"]) == report.quarantined
        assert theirs.all_rows("events") == ours.all_rows("events")
        assert theirs.all_rows("failed_events") == ours.all_rows("failed_events")
        assert watermarks(theirs) == watermarks(ours)
    assert theirs.compact().captured == 0
    assert theirs.hours() == ours.hours()
    again = compact(sail, azurite, theirs)
    assert (again["commits"], again["captured"]) == ("0", "0")
    ours.service.close()
    theirs.service.close()


def watermarks(lake: Lake) -> Sequence[Watermark]:
    table = Table.open_or_create(EVENTS_TABLE, lake.account, lake.settings.lake_container)
    files = CaptureFiles(lake.account.container(lake.settings.capture_container))
    return [read_watermark(table, source) for source in files.sources("events")]


def test_a_commit_that_a_compactor_forestalled_leaves_nothing_behind(azurite: Azurite, spark: Any) -> None:
    lake = ConfiguredLake(azurite)
    fill(lake, 0)

    def forestall(line: str) -> None:
        if "tasks" in line:
            lake.compact()

    with pytest.raises(Conflict):
        Backlog(lake.account, lake.settings, lambda: NOW_OF_CAPTURE, forestall).run(spark, 10**9, 10**6)
    assert len(lake.ids()) == 241
    report = Backlog(lake.account, lake.settings, lambda: NOW_OF_CAPTURE, lambda line: None).run(spark, 10**9, 10**6)
    assert report.captured == 0
    assert len(lake.rows("failed_events")) == 12
    lake.service.close()


def test_late_events_of_an_erased_person_are_left_out_by_workers_too(azurite: Azurite, sail: Sail) -> None:
    ours, theirs = World(azurite), World(azurite)
    for world in (ours, theirs):
        world.erase()
        world.capture(erasable_event("a"), canary("late"), erasable_event("b"), b'{"user_id":"' + USER.encode() + b'"}')
    report = ours.compact()
    told = compact(sail, azurite, theirs.lake)
    assert report.erased == 2
    assert {name: int(told[name]) for name in ("captured", "rows", "failed", "duplicates", "erased")} == {
        "captured": 4,
        "rows": 2,
        "failed": 0,
        "duplicates": 0,
        "erased": 2,
    }
    assert theirs.rows() == ours.rows()
    assert theirs.finds(USER) == ours.finds(USER) == []


def test_failures_that_were_committed_before_a_crash_are_not_committed_again(azurite: Azurite, spark: Any) -> None:
    lake = ConfiguredLake(azurite)
    fill(lake, 0)
    failed = Table.open_or_create(FAILED_TABLE, lake.account, lake.settings.lake_container)
    marks = {"ns/events/0/file": 2_000_000_000, "ns/events/0/sequence": 1}
    failed.append(failed.spec.schema.empty_table(), marks, {})
    report = Backlog(lake.account, lake.settings, lambda: NOW_OF_CAPTURE, lambda line: None).run(spark, 1_000, 1_000)
    assert (report.commits, report.failed) == (6, 12)
    assert {row["hub_partition"] for row in lake.rows("failed_events")} == {"1"}
    assert len(set(lake.ids())) == 241
    lake.service.close()


OF_VISITS = (Need.VISIT, Need.VIEW, Need.HISTORY)


@pytest.mark.parametrize(
    "more",
    [
        {"metrics": ["visits"]},
        {"metrics": ["new_visitors"]},
        {"metrics": ["events"], "dimensions": ["visit:source"]},
        {"metrics": ["events"], "filters": [["is_set", "visit:utm_source"]]},
        {"metrics": ["events"], "filters": [["has_done", ["is", "event:name", ["buy"]]]]},
    ],
    ids=["visits", "new visitors", "by source", "filtered by campaign", "filtered by what was done"],
)
def test_who_asks_for_visits_is_told_that_the_functions_tell_them(
    spark: Any, reported: QueryLake, more: dict[str, Any]
) -> None:
    query = {"site_id": "shop", "date_range": ["2026-10-01", "2026-10-28"], **more}
    with pytest.raises(InvalidRequest, match="visits are answered by the functions alone"):
        answer(spark, reported.settings.lake_container, parse_query(json.dumps(query).encode()), "UTC", NOW)


def test_people_are_answered_by_the_functions_alone(spark: Any, reported: QueryLake) -> None:
    for more in ({"metrics": ["people"]}, {"metrics": ["events"], "filters": [["is", "person:known", ["true"]]]}):
        query = {"site_id": "shop", "date_range": ["2026-10-01", "2026-10-28"], **more}
        with pytest.raises(InvalidRequest, match="people are answered by the functions alone"):
            answer(spark, reported.settings.lake_container, parse_query(json.dumps(query).encode()), "UTC", NOW)


def test_reports_are_answered_as_the_functions_answer_them(sail: Sail, spark: Any, reported: QueryLake) -> None:
    zone = "Europe/Berlin" if sail.has_workers else "Australia/Lord_Howe"
    engine = QueryEngine(reported.account, reported.settings, lambda: NOW)
    filters: list[list[Any]] = [
        [],
        [["contains", "event:page", ["/a", "%", "'"]]],
        [["not", ["is", "event:name", ["buy"]]]],
    ]
    dimensions = [[], ["event:page"], ["time:day"], ["time:hour", "event:name"]]
    usual = ["visitors", "pageviews", "events"]
    of_functions = {Need.GOAL, Need.GOAL_OF_GROUP, Need.REVENUE, Need.PERSON, *OF_VISITS}
    every = [name for name, metric in METRICS.items() if not metric.needs & of_functions]
    asked: list[tuple[list[str], list[str], list[Any]]] = [
        (every, ["event:name"], []),
        (usual, ["time:weekday", "event:props:plan"], [["matches", "event:page", ["^/a"]]]),
        (usual, ["time:week"], [["or", [["is", "event:name", ["buy"]], ["contains", "event:page", ["b"]]]]]),
        (usual, ["event:bot"], []),
    ]
    if not sail.has_workers:  # workers plan as one process does, and take several seconds for each query
        asked += [(usual, *both) for both in product(dimensions, filters)]
    for metrics, dimension, filter in asked:
        query = {
            "site_id": "shop",
            "metrics": metrics,
            "date_range": ["2026-10-01", "2026-10-28"],
            "dimensions": dimension,
            "filters": filter,
            "pagination": {"limit": 1000},
        }
        request = parse_query(json.dumps(query).encode())
        expected = engine.query(request, SiteScope("shop", zone)).document()["results"]
        assert expected
        assert answer(spark, reported.settings.lake_container, request, zone, NOW)["results"] == expected


def test_the_command_prints_an_answer(azurite: Azurite, sail: Sail, reported: QueryLake) -> None:
    query = {"site_id": "shop", "metrics": ["events"], "date_range": ["2026-09-01", "2026-11-30"]}
    settings = {"LAKE_CONTAINER": reported.settings.lake_container}
    done = distributed(sail, azurite, settings, "report", json.dumps(query))
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)["results"]
    assert row == {
        "dimensions": [],
        "metrics": [sum(row["site"] == "shop" and row.get("is_bot") is not True for row in ROWS)],
    }
    everything = distributed(sail, azurite, settings, "report", json.dumps({**query, "date_range": "all"}))
    assert (everything.returncode, everything.stderr) == (1, "/date_range: name its first and its last day\n")
    compared = {**query, "include": {"comparisons": {"mode": "previous_period"}}}
    refused = distributed(sail, azurite, settings, "report", json.dumps(compared))
    assert (refused.returncode, refused.stderr) == (1, "/include/comparisons: ask for each period by itself\n")
    money = distributed(sail, azurite, settings, "report", json.dumps({**query, "metrics": ["total_revenue"]}))
    assert (money.returncode, money.stderr) == (1, "/metrics: revenue is answered by the functions alone\n")
    nowhere = distributed(sail, azurite, {**settings, "SPARK_REMOTE": ""}, "compact")
    assert nowhere.returncode == 1
    assert "SPARK_REMOTE" in nowhere.stderr
