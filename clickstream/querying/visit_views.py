"""Views of visit files on a connection: by themselves, and beside the events that their rows are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from clickstream.model.schema import EVENT_PARTITION
from clickstream.querying.visit_files import OF_EVENTS, STORED, Visits, quoted

# The views of a connection that has visit files: their rows beside those of events, their rows and their stays by
# themselves, and the events of all other files.
FILES, ROWS, STAYS, OTHERS = "visit_files", "visit_rows", "visit_stays", "other_events"
# The views of the events beside visit files, and of the rows of these, with `event_file` and `number`, which are equal
# for an event and its row. Few events are found by them at once; FILES holds the rows of all files in memory.
BESIDE, NUMBERS = "events_beside", "visit_numbers"
# A positional join runs on one thread, so the files are joined in so many shares. More take longer to plan.
_SHARES = 8
# A visit file has the name of its file of events. It is one value for all rows of a file, so this costs nothing.
_EVENT_FILE = "parse_filename(filename, true) AS event_file"
_VISIT = "CASE WHEN is_visit THEN visit_key END AS visit"


def show(connection: duckdb.DuckDBPyConnection, files: Sequence[Visits]) -> None:
    """Create the views of these visit files by themselves."""
    for name, paths in ((ROWS, [file.rows for file in files]), (STAYS, [file.stays for file in files])):
        connection.execute(
            f"CREATE TEMP VIEW {name} AS SELECT *, {_VISIT} "
            f"FROM read_parquet([{listed(paths)}], hive_partitioning = false, filename = true) "
            "WHERE visit_key IS NOT NULL"
        )


def number_events(connection: duckdb.DuckDBPyConnection, files: Sequence[Visits]) -> None:
    """Create the views of events of all sites and of the site's rows, with numbers, unless the connection has them."""
    connection.execute(
        f"CREATE TEMP VIEW IF NOT EXISTS {NUMBERS} AS SELECT visit_key, {', '.join(STORED)}, {_VISIT}, is_knot, "
        f"{_EVENT_FILE}, file_row_number AS number "
        f"FROM read_parquet([{listed(file.rows for file in files)}], hive_partitioning = false, filename = true, "
        "file_row_number = true) WHERE visit_key IS NOT NULL"
    )
    connection.execute(
        f"CREATE TEMP VIEW IF NOT EXISTS {BESIDE} AS SELECT *, {_EVENT_FILE}, file_row_number AS number "
        f"FROM read_parquet([{listed(file.events for file in files)}], hive_partitioning = true, "
        f"hive_types = {{'{EVENT_PARTITION}': DATE}}, filename = true, file_row_number = true)"
    )


def join_events(connection: duckdb.DuckDBPyConnection, files: Sequence[Visits], site: str) -> None:
    """Create the view of the rows beside those of the site's events, unless the connection has it."""
    shares = [files[first::_SHARES] for first in range(min(_SHARES, len(files)))]
    rows = "\nUNION ALL\n".join(
        f"SELECT of_events.*, of_visits.* EXCLUDE ({', '.join(OF_EVENTS)}) "
        f"FROM read_parquet([{listed(file.events for file in share)}], hive_partitioning = true, "
        f"hive_types = {{'{EVENT_PARTITION}': DATE}}) AS of_events "
        f"POSITIONAL JOIN read_parquet([{listed(file.rows for file in share)}], hive_partitioning = false) "
        f"AS of_visits WHERE site = {quoted(site)}"
        for share in shares
    )
    connection.execute(
        f"CREATE TEMP VIEW IF NOT EXISTS {FILES} AS SELECT *, anonymous_id AS visitor, {_VISIT} FROM (\n{rows}\n)"
    )


def listed(paths: Iterable[Path]) -> str:
    """The paths as literals of SQL."""
    return ", ".join(quoted(str(path)) for path in paths)
