"""The suppression filter as compaction needs it; `clickstream.services` supplies the one of erasures."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

from clickstream.capture.marks import Marks, Split
from clickstream.table.specs import TableSpec


class SuppressionFilter(Protocol):
    """Splits off rows of erased persons, and rewrites the captured files that these rows come from.

    Call it after opening the table that the rows are committed to: an erasure that is noted later makes that commit
    fail, see docs/decisions/0015-erasure-is-noted-first.md.
    """

    @property
    def marks(self) -> Marks:
        """Reads the marks that replace erased records."""

    def rewrite_files_without_erased(self, rows: pa.Table, spec: TableSpec) -> Split:
        """Split off the rows of erased persons, and rewrite their captured files without them. Raise Unavailable."""
