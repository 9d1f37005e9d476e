"""The plan's temporary space is small: 800 MB for everything on Flex Consumption."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from clickstream.querying.sandbox_child import locked_connection

# Takes some 90 MB of disk where memory is as short as here.
SORT = """
SELECT count(n) FROM (
    SELECT row_number() OVER (ORDER BY t DESC) AS n FROM (SELECT md5(range::VARCHAR) AS t FROM range(1500000))
) WHERE n % 7 = 1
"""


def test_a_statement_that_spills_within_its_budget_is_answered(tmp_path: Path) -> None:
    rows = locked_connection(64, 512, str(tmp_path)).execute(SORT).fetchall()
    assert rows == [(214_286,)]


def test_a_statement_takes_no_more_of_the_disk_than_its_budget(tmp_path: Path) -> None:
    with pytest.raises(duckdb.OutOfMemoryException):
        locked_connection(64, 8, str(tmp_path)).execute(SORT).fetchall()
