"""Run several statements, and compute what they have in common once: the relations of visitors.py and visits.py.

Assigning events to visits takes most of a report's time, and the questions of a dashboard all begin with it. If several
statements begin with the same relations over the same period, these are written to a temporary table of the columns
that the statements use, and the rest of each statement reads that table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import product

import duckdb
import pyarrow as pa

from clickstream.errors import InvalidRequest
from clickstream.querying import visit_edges
from clickstream.querying.conditions import SqlParameter, parameters_in
from clickstream.querying.statement import Statement
from clickstream.querying.visits import relations

# From the least to the greatest: each has the rows and columns of the one before, and columns of its own.
LEVELS = ("of_site", "visited", "viewed")
TABLE = "materialised"
# With visit files, the rows of edges and all others.
WHOLE = "materialised_whole"


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
        beginning.level > 0 and _is_in_files(statement, beginning)
        for statement in statements
        if (beginning := beginning_of(statement)) is not None
    )


def answers(
    connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], *, has_visit_files: bool = False
) -> Iterator[tuple[int, pa.Table]]:
    """The place and the rows of each statement, in any order. Raise InvalidRequest for a pattern that RE2 refuses.

    `has_visit_files` if the connection has the views of visit_edges.py.
    """
    groups: dict[tuple[object, bool], dict[int, Beginning]] = {}
    alone: list[int] = []
    for place, statement in enumerate(statements):
        if (beginning := beginning_of(statement)) is None:
            alone.append(place)
        else:
            with_files = has_visit_files and _is_in_files(statement, beginning)
            groups.setdefault((beginning.of, with_files), {})[place] = beginning
    for (_, with_files), group in groups.items():
        rests = {place: _without(statements[place], beginning) for place, beginning in group.items()}
        greatest = max(group.values(), key=lambda beginning: beginning.level)
        if (len(group) == 1 and not with_files) or not _materialise(
            connection, greatest, list(rests.values()), with_files=with_files
        ):
            alone.extend(group)
            continue
        for place, rest in rests.items():
            yield place, _answer(connection, rest)
        _drop(connection)
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
    return not _words(_without(statement, beginning).sql) & visit_edges.NOT_STORED


def _words(sql: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", sql))


def _materialise(
    connection: duckdb.DuckDBPyConnection, greatest: Beginning, rests: Sequence[Statement], *, with_files: bool
) -> bool:
    """Create the temporary table and views of it. False if there is not memory enough for it.

    With visit files this table has the rows of edges. The views have all rows, for several statements from a table.
    """
    with_, parameters = _text(greatest).removesuffix(",\n"), dict(greatest.parameters)
    name = LEVELS[greatest.level]
    words = frozenset[str]().union(*(_words(rest.sql) for rest in rests))
    if with_files:
        every = sorted(visit_edges.COLUMNS if greatest.level else visit_edges.OF_SITE)
    else:
        every = connection.sql(f"{with_}\nSELECT * FROM {name} LIMIT 0", params=parameters).columns
    columns = ", ".join(f'"{column}"' for column in every if column in words) or f'"{every[0]}"'
    rows = [f"FROM {TABLE}"]
    try:
        if with_files:
            wanted = visit_edges.Wanted(greatest.with_bots, greatest.split_at_midnight, parameters)
            has_edges = visit_edges.find(connection, wanted)
            rows = [*(rows if has_edges else []), visit_edges.whole(columns, wanted)]
            with_ = visit_edges.beginning(with_.removeprefix("WITH "))
        if len(rows) > 1 or not with_files:
            connection.execute(f"CREATE TEMP TABLE {TABLE} AS\n{with_}\nSELECT {columns} FROM {name}", parameters)
    except duckdb.OutOfMemoryException:
        _drop(connection)
        return False
    if with_files and len(rests) > 1:
        # Without memory for it, each statement reads the files.
        with suppress(duckdb.OutOfMemoryException):
            connection.execute(f"CREATE TEMP TABLE {WHOLE} AS {' UNION ALL '.join(rows)}")
            rows = [f"FROM {WHOLE}"]
    for level in LEVELS[: greatest.level + 1]:
        connection.execute(f"CREATE TEMP VIEW {level} AS {' UNION ALL '.join(rows)}")
    return True


def _drop(connection: duckdb.DuckDBPyConnection) -> None:
    for level in LEVELS:
        connection.execute(f"DROP VIEW IF EXISTS {level}")
    for table in (TABLE, WHOLE):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    visit_edges.drop(connection)


def _answer(connection: duckdb.DuckDBPyConnection, statement: Statement) -> pa.Table:
    try:
        return connection.sql(statement.sql, params=dict(statement.parameters)).to_arrow_table()
    except duckdb.InvalidInputException as error:
        if "regexp_matches(" not in statement.sql:
            raise
        # Everything else that callers choose has been checked, so only a pattern can be wrong.
        raise InvalidRequest(f"a pattern is no regular expression of RE2: {error}", code="invalid_query") from error
