"""Visits that are read from visit files are those computed from all events, however these are cut into files."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying import visit_edges, visit_views
from clickstream.querying.conditions import parameters_in
from clickstream.querying.known_edges import EdgesOf, KnownEdges
from clickstream.querying.materialising import answers
from clickstream.querying.period import Period
from clickstream.querying.scope import Goal, Matching, SiteScope
from clickstream.querying.sequences.attribution import Model, attribution_statement
from clickstream.querying.sequences.paths import Direction, paths_statement
from clickstream.querying.sequences.retention import frequency_statement
from clickstream.querying.sequences.streams import Slice
from clickstream.querying.statement import Statement
from clickstream.querying.stays import COLUMNS, stays
from clickstream.querying.visit_files import OF_EVENTS, STORED, Kind, Visits, compute, write
from clickstream.querying.visits import relations
from clickstream.settings import Connection
from clickstream.sites.funnels import Within
from clickstream.storage.account import StorageAccount
from clickstream.table.cache import FileCache
from tests.functional.sequences.asking import read_filters
from tests.functional.visits.random_streams import DAY, random_stream
from tests.integration.querying.lake import event

# `CUTS=200 pytest tests/functional/visits/test_visit_files.py` looks at so many.
CUTS = int(os.environ.get("CUTS", "3"))
STREAMS = 100
LOCAL_CONNECTION = "AccountName=none;AccountKey=bm9uZQ==;BlobEndpoint=http://127.0.0.1:1/none"
SCHEMA = arrow_schema(EVENT_COLUMNS)
# Columns of `viewed` that no statement reads.
INNER = (
    *("unclaimed", "lone", "who", "day", "session_key", "begins", "referred_by", "arrives", "may_visit", "views"),
    *("reads", "visit_last_act", "visit_last_sign", "reported_ms", "reported_depth", "view"),
)
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Cut:
    """Events cut into files, of which some have a visit file."""

    rows: Rows
    files: list[tuple[date, Rows]]
    with_visits: list[bool]


def cut(seed: int) -> Cut:
    """A day's events are in one file, or in several; some come late, in a file of their own."""
    chance = random.Random(seed)
    rows = [row for number in range(STREAMS) for row in random_stream(seed * STREAMS + number)]
    files: dict[tuple[date, int], Rows] = defaultdict(list)
    pieces, late = chance.choice([1, 1, 2, 4]), chance.choice([0, 0, 0.02, 0.2])
    for row in rows:
        row["is_bot"] = chance.random() < 0.05 if chance.random() < 0.3 else None
        piece = -1 if chance.random() < late else row["received_at"].hour * pieces // 24
        files[row["event_date"], piece].append(row)
    listed = [(day, rows) for (day, _), rows in files.items()]
    share = chance.choice([1.0, 1.0, 0.8])
    return Cut(rows, listed, [chance.random() < share for _ in listed])


def _plain(value: Any) -> Any:
    """Integers of 128 bits as those of 64, which files have."""
    return int(value) if isinstance(value, Decimal) else value


@dataclass(frozen=True)
class Lake:
    """A connection with the views that `LakeDatabase` gives one, and what it knows of edges."""

    seed: int
    connection: duckdb.DuckDBPyConnection
    known: EdgesOf

    def rows(self, statements: list[Statement], *, with_files: bool) -> Rows:
        """The rows of the first statement."""
        tables = dict(answers(self.connection, statements, self.known if with_files else None))
        return [{name: _plain(value) for name, value in row.items()} for row in tables[0].to_pylist()]

    def both(self, statement: Statement) -> tuple[list[str], list[str]]:
        """The rows as texts in order: as they are computed from all events, and with visit files."""
        computed, found = (sorted(map(repr, self.rows([statement], with_files=it))) for it in (False, True))
        return computed, found


def stored(folder: Path, made: Cut, seed: int = 0) -> Lake:
    connection = duckdb.connect(config={"threads": 4})
    connection.execute("SET TimeZone = 'UTC'")
    pairs, others = [], []
    with duckdb.connect() as making:
        making.execute("SET GLOBAL TimeZone = 'UTC'")
        for number, ((day, rows), with_visits) in enumerate(zip(made.files, made.with_visits, strict=True)):
            path = folder / f"event_date={day}" / f"{number}.parquet"
            path.parent.mkdir(exist_ok=True)
            foreign = [{**row, "site": "blog"} for row in rows[:3]]
            pq.write_table(pa.Table.from_pylist([*foreign, *rows], schema=SCHEMA).drop_columns(["event_date"]), path)
            if with_visits:
                pairs.append(made_of(path, making))
            else:
                others.extend(rows)
    connection.register("events", pa.Table.from_pylist(made.rows, schema=SCHEMA))
    connection.register(visit_views.OTHERS, pa.Table.from_pylist(others, schema=SCHEMA))
    visit_views.show(connection, pairs)
    nowhere = StorageAccount.from_connection(Connection("Lake", LOCAL_CONNECTION)).container("nothing")
    cache = FileCache(nowhere, folder / "cache", 2**30)
    return Lake(seed, connection, KnownEdges(cache, piece_bytes=1).of(pairs, "shop", 0))


@pytest.fixture(scope="module", params=range(CUTS))
def lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return stored(tmp_path_factory.mktemp("files"), cut(request.param), request.param)


def made_of(path: Path, making: duckdb.DuckDBPyConnection) -> Visits:
    """The file of events with visit files, which are written."""
    paths = {kind: path.with_name(f"{path.stem}.{kind}") for kind in Kind}
    with making.cursor() as connection:
        compute(connection, path, "shop")
        for kind, target in paths.items():
            write(connection, kind, target)
    return Visits(path, paths[Kind.ROWS], paths[Kind.STAYS])


def asked(*columns: str, with_bots: bool, split: bool, days: tuple[int, int]) -> Statement:
    with_ = relations(of_visits=True, of_views=True, with_bots=with_bots, split_at_midnight=split)
    sql = f"WITH {with_},\nrest AS (SELECT {', '.join((*columns, *STORED))} FROM viewed)\nSELECT * FROM rest"
    begin, end = (DAY + timedelta(days=day, hours=3 * day) for day in days)
    parameters = {"site": "shop", "from": begin.isoformat(), "to": end.isoformat()}
    return Statement(sql, {**parameters, "time_zone": "Europe/Zurich"} if split else parameters)


def asked_stays(by: str | None, zone: str, *, with_bots: bool, days: tuple[int, int], at: time) -> Statement:
    """All stays of a period that begins and ends at this time of UTC, with all their columns."""
    times = [] if by is None else [DIMENSIONS[by].sql]
    with_ = f"{relations(of_visits=True, with_bots=with_bots)},\n{stays(COLUMNS, times)}"
    sql = f"WITH {with_},\nrest AS (SELECT * EXCLUDE (visit_key) FROM stays)\nSELECT * FROM rest"
    begin, end = (datetime.combine(DAY, at, UTC) + timedelta(days=day) for day in days)
    parameters = {"site": "shop", "from": begin.isoformat(), "to": end.isoformat(), "time_zone": zone}
    return Statement(sql, parameters_in(sql, parameters))


def by_event(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of each event, with its visit as the ids of that visit's events."""
    members = defaultdict(set)
    for row in rows:
        members[row["visit"]].add(row["event_id"])
    visits = {visit: frozenset(ids) if visit is not None else None for visit, ids in members.items()}
    return {row["event_id"]: {**row, "visit": visits[row["visit"]]} for row in rows}


CHOICES: list[dict[str, Any]] = [
    {"with_bots": False, "split": False, "days": (0, 16)},
    {"with_bots": False, "split": True, "days": (0, 16)},
    {"with_bots": True, "split": False, "days": (2, 4)},
    {"with_bots": False, "split": False, "days": (3, 3)},
]


def test_visits_of_files_are_those_of_all_events(lake: Lake) -> None:
    for choice in CHOICES:
        asking = [asked("event_id", "visitor", "visit", **choice)]
        asking *= 2 if choice["split"] else 1  # several statements share a table
        computed, found = (by_event(lake.rows(asking, with_files=it)) for it in (False, True))
        assert computed
        for event_id, values in computed.items():
            assert found.get(event_id) == values, f"{event_id} of {lake.seed}, {choice}"
        assert found.keys() == computed.keys()
    whole = asked(**CHOICES[0])
    visit_edges.find(lake.connection, visit_edges.Wanted(False, False, whole.parameters), lake.known)
    [[edges]] = lake.connection.execute(f"SELECT count(*) FROM {visit_edges.EDGES}").fetchall()
    sql = f"SELECT count(DISTINCT visit_key) FROM {visit_views.STAYS} WHERE is_bot IS NOT TRUE"
    [[visits]] = lake.connection.execute(sql).fetchall()
    assert edges < 0.9 * visits, "most visits would be computed anew"


def test_rows_without_events_are_those_of_all_events(lake: Lake) -> None:
    for choice in CHOICES:
        # Visits that end at midnight have other keys.
        computed, found = lake.both(asked(*OF_EVENTS, *([] if choice["split"] else ["visit"]), **choice))
        assert computed
        assert found == computed, f"{lake.seed}, {choice}"


def test_stays_of_files_are_those_of_all_events(lake: Lake) -> None:
    chance = random.Random(lake.seed)
    for at, by, zone in [
        (time(0), None, "UTC"),
        (time(0), "time:day", "UTC"),
        (time(10, 30), None, "UTC"),  # in the midst of many visits
        (time(0), "time:hour", "UTC"),
        (time(10, 15), "time:day", "Pacific/Chatham"),  # its midnight
    ]:
        days, with_bots = (chance.choice([-1, 0]), chance.choice([1, 2])), chance.random() < 0.3
        computed, found = lake.both(asked_stays(by, zone, with_bots=with_bots, days=days, at=at))
        assert computed
        assert found == computed, f"{lake.seed}, {at=}, {by=}, {zone=}, {with_bots=}, {days=}"


SHOP = SiteScope("shop", "UTC")
BUY = Goal("Buy", Matching("buy"))


def sequences(of: Slice) -> Iterator[Statement]:
    """Statements that read visits' own acts in pieces, or few events beside stays."""
    yield frequency_statement(of)
    yield paths_statement(of, fold_repeats=True)
    yield paths_statement(of, Matching(page="/a*"), direction=Direction.BACKWARD, length=3, branches=2)
    yield paths_statement(of, Matching("buy"), within=Within.VISITOR)
    for model, name in product((Model.FIRST, Model.LINEAR), ("visit:channel", "visit:browser")):
        yield attribution_statement(
            of, BUY, [DIMENSIONS[name]], model=model, window=timedelta(days=2), within=Within.VISITOR, limit=99
        )


def test_sequences_of_files_are_those_of_all_events(lake: Lake) -> None:
    chance = random.Random(lake.seed)
    filters = chance.choice([(), [["is", "visit:country", ["CH"]]], [["is", "visit:browser", ["Chrome"]]]])
    begin, end = (datetime.combine(DAY, time(10), UTC) + timedelta(days=day) for day in (1, 12))
    for asking in chance.sample([*sequences(Slice(SHOP, Period(begin, end), read_filters(filters)))], 3):
        computed, found = lake.both(asking)
        assert computed
        assert found == computed, f"{lake.seed}, {filters=}, {asking}"


def test_a_stay_has_the_events_of_its_visit_in_the_period(tmp_path: Path) -> None:
    """Views at 10:05, 10:25 and 11:05 are one visit of one file; those of a bot and of another day are others."""
    times = [("a", 605), ("a", 625), ("a", 665), ("bot", 626), ("a", 605 - 2880), ("b", 605 - 2880)]
    rows = [
        event(
            f"{number}",
            "shop",
            DAY + timedelta(minutes=minutes),
            event_type="page_view",
            event_name="page_view",
            anonymous_id=visitor,
            session_id=f"{visitor} {minutes < 0}",
            is_bot=visitor == "bot",
        )
        for number, (visitor, minutes) in enumerate(times)
    ]
    days: set[date] = {row["event_date"] for row in rows}
    files = [(day, [row for row in rows if row["event_date"] == day]) for day in sorted(days)]
    lake = stored(tmp_path, Cut(rows, files, [True for _ in files]))
    for by, first, last, views in [
        (None, time(9), time(12), [3]),
        (None, time(9), time(10, 30), [2]),
        (None, time(10, 10), time(12), [2]),
        (None, time(10, 10), time(10, 30), [1]),
        ("time:hour", time(9), time(12), [1, 2]),
        ("time:hour", time(9), time(10, 50), [2]),
    ]:
        asking = asked_stays(by, "UTC", with_bots=False, days=(0, 0), at=first)
        to = datetime.combine(DAY, last, UTC).isoformat()
        for with_files in (False, True):
            found = lake.rows([Statement(asking.sql, {**asking.parameters, "to": to})], with_files=with_files)
            assert sorted(row["views"] for row in found) == views, f"{by=}, {first=}, {last=}, {with_files=}"


class Refusing:
    """A connection without memory for what begins so."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, beginning: str) -> None:
        self._connection = connection
        self._beginning = beginning
        self.refused = 0

    def execute(self, sql: str, parameters: Any = None) -> Any:
        if sql.startswith(self._beginning):
            self.refused += 1
            raise duckdb.OutOfMemoryException("no memory")
        return self._connection.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.mark.parametrize("beginning", ["CREATE OR REPLACE TEMP TABLE edge_events", "CREATE TEMP TABLE materialised AS"])
def test_without_memory_for_edges_all_visits_are_computed(tmp_path: Path, beginning: str) -> None:
    lake = stored(tmp_path, cut(2))  # in a few files
    asking = asked("event_id", "visitor", "visit", **CHOICES[0])
    refusing = Refusing(lake.connection, beginning)
    tables = dict(answers(cast(duckdb.DuckDBPyConnection, refusing), [asking], lake.known))
    assert refusing.refused == 1
    assert by_event(tables[0].to_pylist()) == by_event(lake.rows([asking], with_files=False))
    assert lake.connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall() in (
        [],
        [("visit_knots",)],
    )


def test_events_of_a_file_without_visits_count_though_no_visit_is_an_edge(tmp_path: Path) -> None:
    rows = [
        event(visitor, "shop", DAY + timedelta(days=day, hours=10), anonymous_id=visitor, session_id=visitor)
        for day, visitor in enumerate(("a", "b"))
    ]
    lake = stored(tmp_path, Cut(rows, [(row["event_date"], [row]) for row in rows], [True, False]))
    for _ in range(2):  # the second question knows the edges
        for asking in (
            asked(*OF_EVENTS, "visit", **CHOICES[0]),
            asked("event_id", **CHOICES[0]),
            asked_stays(None, "UTC", with_bots=False, days=(-1, 3), at=time(0)),
        ):
            computed, found = lake.both(asking)
            assert len(computed) == len(rows)
            assert found == computed


def test_each_column_is_in_visit_files_or_known_not_to_be() -> None:
    connection = duckdb.connect()
    connection.register("events", SCHEMA.empty_table())
    sql = f"WITH {relations(of_visits=True, of_views=True)} SELECT * FROM viewed LIMIT 0"
    period = {"site": "shop", "from": DAY.isoformat(), "to": DAY.isoformat()}
    kinds = (visit_edges.COLUMNS, visit_edges.NOT_STORED, INNER)
    assert sorted(connection.sql(sql, params=period).columns) == sorted(name for kind in kinds for name in kind)
