"""The rows of one site in both tables, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from clickstream.errors import Unavailable
from clickstream.lake.delta import TableSpec
from clickstream.lake.reading import TableReader
from clickstream.lake.storage import StorageAccount

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
    """Rows whose `moment`, a column whose UTC date is the table's partition, lies in the period (end excluded).

    Nothing is kept of a batch once the next is asked for. Raise Unavailable, also while rows are read.
    """
    begin, end = (edge.astimezone(UTC) for edge in period)
    dataset = TableReader(spec, account, container).dataset(begin.date(), end.date())
    inside = (
        (pc.field("site") == pa.scalar(site))
        & (pc.field(moment) >= pa.scalar(begin))
        & (pc.field(moment) < pa.scalar(end))
    )
    try:
        batches = dataset.scanner(
            columns=[*columns, moment], filter=inside, batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1
        ).to_batches()
        for batch in batches:
            yield batch.to_pylist()
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise Unavailable(f"the table {spec.name} cannot be read: {error}") from error
