"""Visits that are read from visit files are those computed from all events, however these are cut into files."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying import visit_edges
from clickstream.querying.materialising import answers
from clickstream.querying.statement import Statement
from clickstream.querying.visit_files import STORED, quoted, statement
from clickstream.querying.visits import relations
from tests.functional.visits.random_streams import DAY, random_stream

# `CUTS=200 pytest tests/functional/visits/test_visit_files.py` looks at so many.
CUTS = int(os.environ.get("CUTS", "5"))
STREAMS = 100
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


def stored(folder: Path, made: Cut) -> duckdb.DuckDBPyConnection:
    """A connection with the views that `LakeDatabase` gives one."""
    connection = duckdb.connect(config={"threads": 4})
    connection.execute("SET TimeZone = 'UTC'")
    pairs, others = [], []
    for number, ((day, rows), with_visits) in enumerate(zip(made.files, made.with_visits, strict=True)):
        path = folder / f"event_date={day}" / f"{number}.parquet"
        path.parent.mkdir(exist_ok=True)
        foreign = [{**row, "site": "blog"} for row in rows[:3]]
        pq.write_table(pa.Table.from_pylist([*foreign, *rows], schema=SCHEMA).drop_columns(["event_date"]), path)
        if not with_visits:
            others.extend(rows)
            continue
        visits = folder / f"{number}.parquet"
        events = f"SELECT *, file_row_number AS row FROM read_parquet({quoted(str(path))}, file_row_number = true)"
        sql = statement(events, "shop", day.isoformat())
        connection.execute(f"COPY ({sql}) TO {quoted(str(visits))} (FORMAT parquet)")
        pairs.append((path, visits))
    connection.register("events", pa.Table.from_pylist(made.rows, schema=SCHEMA))
    connection.register(visit_edges.OTHERS, pa.Table.from_pylist(others, schema=SCHEMA))
    visit_edges.show(connection, pairs, "shop")
    return connection


def asked(*, with_bots: bool, split: bool, days: tuple[int, int]) -> Statement:
    with_ = relations(of_visits=True, with_bots=with_bots, split_at_midnight=split)
    columns = ", ".join(("event_id", "visitor", "visit", *STORED))
    sql = f"WITH {with_},\nrest AS (SELECT {columns} FROM visited)\nSELECT * FROM rest"
    begin, end = (DAY + timedelta(days=day, hours=3 * day) for day in days)
    parameters = {"site": "shop", "from": begin.isoformat(), "to": end.isoformat()}
    return Statement(sql, {**parameters, "time_zone": "Europe/Zurich"} if split else parameters)


def by_event(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of each event, with its visit as the ids of that visit's events."""
    members = defaultdict(set)
    for row in rows:
        members[row["visit"]].add(row["event_id"])
    visits = {visit: frozenset(ids) if visit is not None else None for visit, ids in members.items()}
    return {row["event_id"]: {**row, "visit": visits[row["visit"]]} for row in rows}


def answered(connection: duckdb.DuckDBPyConnection, statements: list[Statement], *, with_files: bool) -> dict[str, Any]:
    """The values of the first statement, by event."""
    return by_event(dict(answers(connection, statements, has_visit_files=with_files))[0].to_pylist())


@pytest.mark.parametrize("seed", range(CUTS))
def test_visits_of_files_are_those_of_all_events(seed: int, tmp_path: Path) -> None:
    connection = stored(tmp_path, cut(seed))
    for with_bots, split, days in [
        (False, False, (0, 16)),
        (False, True, (0, 16)),
        (True, False, (2, 4)),
        (False, False, (3, 3)),
    ]:
        asking = [asked(with_bots=with_bots, split=split, days=days)]
        asking *= 2 if split else 1  # several statements share a table
        computed, found = (answered(connection, asking, with_files=with_files) for with_files in (False, True))
        assert computed
        for event_id, values in computed.items():
            assert found.get(event_id) == values, f"{event_id} of {seed}, {with_bots=}, {split=}, {days=}"
        assert found.keys() == computed.keys()
    whole = asked(with_bots=False, split=False, days=(0, 16))
    visit_edges.find(connection, visit_edges.Wanted(False, False, whole.parameters))
    [[edges]] = connection.execute(f"SELECT count(*) FROM {visit_edges.EDGES}").fetchall()
    sql = f"SELECT count(DISTINCT visit_key) FROM {visit_edges.FILES} WHERE is_bot IS NOT TRUE"
    [[visits]] = connection.execute(sql).fetchall()
    assert edges < 0.9 * visits, "most visits would be computed anew"


def test_each_column_is_in_visit_files_or_known_not_to_be() -> None:
    connection = duckdb.connect()
    connection.register("events", SCHEMA.empty_table())
    sql = f"WITH {relations(of_visits=True, of_views=True)} SELECT * FROM viewed LIMIT 0"
    period = {"site": "shop", "from": DAY.isoformat(), "to": DAY.isoformat()}
    kinds = (visit_edges.COLUMNS, visit_edges.NOT_STORED, INNER)
    assert sorted(connection.sql(sql, params=period).columns) == sorted(name for kind in kinds for name in kind)
