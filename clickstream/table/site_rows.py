"""Reads the rows of one site in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.storage.account import StorageAccount
from clickstream.table.reading import TableReader
from clickstream.table.specs import TableSpec

BATCH_ROWS = 8192


def site_rows(
    spec: TableSpec,
    account: StorageAccount,
    container: str,
    site: str,
    period: tuple[datetime, datetime],
    moment: str,
    columns: Sequence[str],
) -> Iterator[list[dict[str, Any]]]:
    """The site's rows whose column `moment` is in the period (end excluded), in batches of BATCH_ROWS at most.

    The UTC date of `moment` must be the table's partition. Raise Unavailable during iteration.
    """
    begin, end = (edge.astimezone(UTC) for edge in period)
    inside = (
        (pc.field("site") == pa.scalar(site))
        & (pc.field(moment) >= pa.scalar(begin))
        & (pc.field(moment) < pa.scalar(end))
    )
    reader = TableReader(spec, account, container)
    return reader.batches([*columns, moment], inside, begin.date(), end.date(), BATCH_ROWS)
