"""Run several statements, and compute what they have in common once: the relations of visitors.py and visits.py.

Assigning events to visits takes most of a report's time, and the questions of a dashboard all begin with it. If several
statements begin with the same relations over the same period, these are written to a temporary table of the columns
that the statements use, and the rest of each statement reads that table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import duckdb
import pyarrow as pa

from clickstream.errors import InvalidRequest
from clickstream.filters.dimensions import quoted
from clickstream.querying import visit_edges
from clickstream.querying.conditions import SqlParameter, parameters_in
from clickstream.querying.statement import Statement
from clickstream.querying.stays import (
    OF_EACH_VISIT,
    Stays,
    Times,
    finding_few_once,
    reading_few,
    split_of_each_visit,
    stays_of,
)
from clickstream.querying.visit_edges import KnownEdges
from clickstream.querying.visits import relations

# From the least to the greatest: each has the rows and columns of the one before, and columns of its own.
LEVELS = ("of_site", "visited", "viewed")
TABLE = "materialised"
# With visit files, the rows of edges and all others.
WHOLE = "materialised_whole"
# With visit files, what follows from each visit, for the statement at a place.
PIECES = "materialised_pieces"
_STORED = sorted(visit_edges.COLUMNS)


@dataclass(frozen=True, slots=True)
class Beginning:
    """The relations with which a statement begins. `of` are the choices and parameters on which their rows depend."""

    level: int
    with_bots: bool
    split_at_midnight: bool
    parameters: tuple[tuple[str, SqlParameter], ...]

    @property
    def of(self) -> tuple[object, ...]:
        return self.with_bots, self.split_at_midnight, self.parameters


def beginning_of(statement: Statement) -> Beginning | None:
    """The greatest relations with which the statement begins; None without any."""
    for (level, with_bots, split), text in _texts().items():
        if text in statement.sql:
            parameters = tuple(sorted(parameters_in(text, statement.parameters).items()))
            return Beginning(level, with_bots, split, parameters)
    return None


def read_visit_files(statements: Sequence[Statement]) -> bool:
    """Whether any of the statements is faster with visit files."""
    return any(
        _is_in_files(statement, beginning)
        for statement in statements
        if (beginning := beginning_of(statement)) is not None
    )


def answers(
    connection: duckdb.DuckDBPyConnection,
    statements: Sequence[Statement],
    known: KnownEdges | None = None,
) -> Iterator[tuple[int, pa.Table]]:
    """The place and the rows of each statement, in any order. Raise InvalidRequest for a pattern that RE2 refuses.

    `known` are edges in the connection's visit files; None if it has not the views of visit_edges.py.
    """
    groups: dict[tuple[object, bool], dict[int, Beginning]] = {}
    alone: list[int] = []
    for place, statement in enumerate(statements):
        if (beginning := beginning_of(statement)) is None:
            alone.append(place)
        else:
            with_files = known is not None and _is_in_files(statement, beginning)
            groups.setdefault((beginning.of, with_files), {})[place] = beginning
    for (_, with_files), group in groups.items():
        greatest = max(group.values(), key=lambda beginning: beginning.level)
        rests = {place: _without(statements[place], beginning) for place, beginning in group.items()}
        if with_files:
            assert known is not None
            reading = _from_files(connection, greatest, rests, known)
        else:
            reading = _from_table(connection, greatest, rests) if len(group) > 1 else None
        for place, rest in (reading or {}).items():
            yield place, _answer(connection, rest)
        if reading is None:
            alone.extend(group)
        _drop(connection, group)
    for place in alone:
        yield place, _answer(connection, statements[place])


@cache
def _texts() -> Mapping[tuple[int, bool, bool], str]:
    """The text at the beginning of a statement, by level, with bots, split at midnight; the greatest level first."""
    flags = (False, True)
    return {
        (level, with_bots, split): "WITH "
        + relations(of_visits=level > 0, of_views=level > 1, with_bots=with_bots, split_at_midnight=split)
        + ",\n"
        for level, with_bots, split in product((2, 1, 0), flags, flags)
    }


def _text(beginning: Beginning) -> str:
    return _texts()[beginning.level, beginning.with_bots, beginning.split_at_midnight]


def _without(statement: Statement, beginning: Beginning) -> Statement:
    """The statement without its beginning: it reads the tables of these names."""
    sql = statement.sql.replace(_text(beginning), "WITH ")
    return Statement(sql, parameters_in(sql, statement.parameters))


def _is_in_files(statement: Statement, beginning: Beginning) -> bool:
    """Whether visit files have all that the statement reads of visits."""
    if stays_of(statement.sql) is not None:
        return True
    rest = _without(statement, beginning)
    if not beginning.level:  # without visits, the events are as fast as the rows beside them
        return visit_edges.IN_ROWS.issuperset(_used(_STORED, [rest]))
    return not _words(rest.sql) & visit_edges.NOT_STORED


def _words(sql: str) -> frozenset[str]:
    """The words of a statement, in which all names of columns are. Those of parameters are none."""
    return frozenset(re.findall(r"(?<!\$)\b\w+", sql))


def _used(columns: Iterable[str], statements: Iterable[Statement]) -> Sequence[str]:
    """Those of the columns that any of the statements uses; one if they use none."""
    words = frozenset[str]().union(*(_words(statement.sql) for statement in statements))
    listed = list(columns)
    return [name for name in listed if name in words] or listed[:1]


def _from_table(
    connection: duckdb.DuckDBPyConnection, greatest: Beginning, rests: Mapping[int, Statement]
) -> Mapping[int, Statement] | None:
    """Create a temporary table of what the statements begin with, and return them reading it. None if there is not
    memory enough for it.
    """
    with_, parameters = _text(greatest), dict(greatest.parameters)
    name = LEVELS[greatest.level]
    every = connection.sql(f"{with_}rest AS (FROM {name}) FROM rest LIMIT 0", params=parameters).columns
    columns = ", ".join(map(quoted, _used(every, rests.values())))
    sql = f"CREATE TEMP TABLE {TABLE} AS\n{with_}rest AS (SELECT {columns} FROM {name})\nFROM rest"
    if not _created(connection, sql, parameters):
        return None
    return {place: _reading(rest, f"FROM {TABLE}") for place, rest in rests.items()}


def _from_files(
    connection: duckdb.DuckDBPyConnection, greatest: Beginning, rests: Mapping[int, Statement], known: KnownEdges
) -> Mapping[int, Statement] | None:
    """The statements reading visit files. None if there is not room enough for what is computed from events of edges.

    Those about columns of events that visit files do not have read a temporary table of edges. If there are several,
    the temporary table has all events. What a statement about stays reads of events besides, it reads of few of them.
    """
    wanted = visit_edges.Wanted(greatest.with_bots, greatest.split_at_midnight, dict(greatest.parameters))
    reading: dict[int, Statement] = {}
    joining: dict[int, Statement] = {}
    of_few: dict[int, Sequence[str]] = {}
    edges: str | None = None
    try:
        has_edges = visit_edges.find(connection, wanted, known)
        for place, rest in rests.items():
            used, stays = _used(_STORED, [rest]), stays_of(rest.sql)
            if stays is None and not visit_edges.IN_ROWS.issuperset(used):
                joining[place] = rest
                continue
            if has_edges and edges is None:
                if (kept := visit_edges.kept(connection, wanted, known)) is None:
                    return None
                edges = f"FROM read_parquet('{kept}')"
            if stays is None:
                pieces = [*visit_edges.pieces(used, wanted, edges, known.pieces)]
                if len(pieces) > 1:
                    rest = _in_pieces(connection, rest, pieces, f"{PIECES}_{place}")
                reading[place] = _reading(rest, visit_edges.whole(used, wanted, edges))
            else:
                reading[place] = _reading_stays(rest, stays, wanted, edges)
                if (sql := reading_few(rest.sql)) is not None:
                    of_few[place] = _used(visit_edges.COMPUTED, [Statement(sql, {})])
        if not joining and not of_few:
            return reading
        columns = _used(_STORED, joining.values())
        if of_few:
            known.number_events(connection)
        if has_edges:
            known.number_events(connection)
            every = sorted({*columns}.union(*of_few.values()))
            with_ = _text(greatest).removeprefix("WITH ").removesuffix(",\n")
            sql = visit_edges.computed(connection, with_, ", ".join(every), LEVELS[greatest.level])
            connection.execute(f"CREATE TEMP TABLE {TABLE} AS\n{sql}", wanted.parameters)
    except duckdb.OutOfMemoryException:
        return None
    of_edges = f"FROM {TABLE}" if has_edges else None
    for place, used in of_few.items():
        of_stays = replace(reading[place], sql=finding_few_once(reading[place].sql))
        reading[place] = _reading(of_stays, visit_edges.few(used, wanted, of_edges))
    if not joining:
        return reading
    known.join_events(connection)
    rows = visit_edges.whole(columns, wanted, of_edges)
    # Without memory for a table, each statement reads the files.
    if len(joining) > 1 and _created(connection, f"CREATE TEMP TABLE {WHOLE} AS {rows}", {}):
        rows = f"FROM {WHOLE}"
    return reading | {place: _reading(rest, rows) for place, rest in joining.items()}


def _in_pieces(connection: duckdb.DuckDBPyConnection, rest: Statement, pieces: Sequence[str], table: str) -> Statement:
    """The statement reading what follows from each visit from this table, which is filled piece by piece."""
    if (parts := split_of_each_visit(rest.sql)) is None:
        return rest
    own, after = parts
    sql = own.removesuffix(",\n") + f"\nFROM {OF_EACH_VISIT}"
    of_piece = Statement(sql, parameters_in(sql, rest.parameters))
    verb = f"CREATE TEMP TABLE {table} AS"
    for piece in pieces:
        reading = _reading(of_piece, piece)
        connection.execute(f"{verb}\n{reading.sql}", dict(reading.parameters))
        verb = f"INSERT INTO {table}"
    sql = own.partition(f"{OF_EACH_VISIT} AS (")[0] + f"{OF_EACH_VISIT} AS (FROM {table}),\n{after}"
    return Statement(sql, parameters_in(sql, rest.parameters))


def _reading(rest: Statement, rows: str) -> Statement:
    """The statement over these rows, in place of the relations that it began with."""
    first, *others = LEVELS
    levels = [f"{first} AS NOT MATERIALIZED (\n{rows}\n)"]
    levels += [f"{level} AS NOT MATERIALIZED (FROM {first})" for level in others]
    sql = rest.sql.replace("WITH ", f"WITH {', '.join(levels)},\n", 1)
    return Statement(sql, rest.parameters)


def _reading_stays(rest: Statement, own: Stays, wanted: visit_edges.Wanted, edges: str | None) -> Statement:
    """The statement over the stays of visit files. Those of edges are summed up from their events."""
    text, times = own.text, Times(own.times, rest.parameters.get("time_zone"))
    stays = visit_edges.whole_stays(own.columns, times, wanted, edges)
    begin = "WITH "
    if edges:
        of_edges = text.replace("stays AS", "of_edges AS", 1).replace("FROM visited", "FROM events_of_edges", 1)
        begin = f"WITH events_of_edges AS ({edges}),\n{of_edges}"
    rows = f"{stays}\nUNION ALL\nFROM of_edges" if edges else stays
    sql = rest.sql.replace(f"WITH {text}", f"{begin}stays AS (\n{rows}\n),\n", 1)
    return Statement(sql, parameters_in(sql, rest.parameters))


def _created(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, SqlParameter]) -> bool:
    """Create a table. False if there is not memory enough for it."""
    try:
        connection.execute(sql, dict(parameters))
    except duckdb.OutOfMemoryException:
        return False
    return True


def _drop(connection: duckdb.DuckDBPyConnection, places: Iterable[int]) -> None:
    for table in (TABLE, WHOLE, visit_edges.EVENTS, *(f"{PIECES}_{place}" for place in places)):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def _answer(connection: duckdb.DuckDBPyConnection, statement: Statement) -> pa.Table:
    try:
        return connection.sql(statement.sql, params=dict(statement.parameters)).to_arrow_table()
    except duckdb.InvalidInputException as error:
        if "regexp_matches(" not in statement.sql:
            raise
        # Everything else that callers choose has been checked, so only a pattern can be wrong.
        raise InvalidRequest(f"a pattern is no regular expression of RE2: {error}", code="invalid_query") from error
