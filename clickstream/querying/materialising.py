"""Run several statements, and compute what they have in common once: the relations of visitors.py and visits.py.

Assigning events to visits takes most of a report's time, and the questions of a dashboard all begin with it. If several
statements begin with the same relations over the same period, these are written to a temporary table of the columns
that the statements use, and the rest of each statement reads that table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import duckdb
import pyarrow as pa

from clickstream.errors import InvalidRequest
from clickstream.querying.conditions import SqlParameter, parameters_in
from clickstream.querying.statement import Statement
from clickstream.querying.visits import relations

# From the least to the greatest: each has the rows and columns of the one before, and columns of its own.
LEVELS = ("of_site", "visited", "viewed")
TABLE = "materialised"


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


def answers(connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement]) -> Iterator[tuple[int, pa.Table]]:
    """The place and the rows of each statement, in any order. Raise InvalidRequest for a pattern that RE2 refuses."""
    groups: dict[object, dict[int, Beginning]] = {}
    alone: list[int] = []
    for place, statement in enumerate(statements):
        if (beginning := beginning_of(statement)) is None:
            alone.append(place)
        else:
            groups.setdefault(beginning.of, {})[place] = beginning
    for group in groups.values():
        rests = {place: _without(statements[place], beginning) for place, beginning in group.items()}
        greatest = max(group.values(), key=lambda beginning: beginning.level)
        if len(group) == 1 or not _materialise(connection, greatest, list(rests.values())):
            alone.extend(group)
            continue
        for place, rest in rests.items():
            yield place, _answer(connection, rest)
        _drop(connection, greatest)
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


def _materialise(connection: duckdb.DuckDBPyConnection, greatest: Beginning, rests: Sequence[Statement]) -> bool:
    """Create the temporary table and views of it. False if there is not memory enough for it."""
    with_, parameters = _text(greatest).removesuffix(",\n"), dict(greatest.parameters)
    name = LEVELS[greatest.level]
    words = frozenset[str]().union(*(re.findall(r"\w+", rest.sql) for rest in rests))
    every = connection.sql(f"{with_}\nSELECT * FROM {name} LIMIT 0", params=parameters).columns
    used = [column for column in every if column in words] or every[:1]
    columns = ", ".join(f'"{column}"' for column in used)
    try:
        connection.execute(f"CREATE TEMP TABLE {TABLE} AS\n{with_}\nSELECT {columns} FROM {name}", parameters)
    except duckdb.OutOfMemoryException:
        return False
    for level in LEVELS[: greatest.level + 1]:
        connection.execute(f"CREATE TEMP VIEW {level} AS FROM {TABLE}")
    return True


def _drop(connection: duckdb.DuckDBPyConnection, greatest: Beginning) -> None:
    for level in LEVELS[: greatest.level + 1]:
        connection.execute(f"DROP VIEW {level}")
    connection.execute(f"DROP TABLE {TABLE}")


def _answer(connection: duckdb.DuckDBPyConnection, statement: Statement) -> pa.Table:
    try:
        return connection.sql(statement.sql, params=dict(statement.parameters)).to_arrow_table()
    except duckdb.InvalidInputException as error:
        if "regexp_matches(" not in statement.sql:
            raise
        # Everything else that callers choose has been checked, so only a pattern can be wrong.
        raise InvalidRequest(f"a pattern is no regular expression of RE2: {error}", code="invalid_query") from error
