"""What an erasure has changed so far, and what an interrupted one needs in order to continue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clickstream.erasing.raw_copies import FileChange


@dataclass(slots=True)
class TableChanges:
    """The changes to one table: its versions, the number of rows, and paths of files.

    `removed` and `old_files_deleted` map a file's path to its SHA-256 in hex.
    """

    version_before: int
    version_after: int
    rows: int = 0
    removed: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    old_files_deleted: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Progress:
    """What this run and earlier, interrupted runs of the same request have changed so far."""

    files: list[FileChange] = field(default_factory=list)
    undecided: list[FileChange] = field(default_factory=list)
    tables: dict[str, TableChanges] = field(default_factory=dict)

    def table(self, name: str, before: int, after: int) -> TableChanges:
        """The changes to a table, for one more step that led from version `before` to `after`."""
        changes = self.tables.setdefault(name, TableChanges(before, after))
        changes.version_after = after
        return changes

    def records_by_site(self) -> Mapping[str, int]:
        """The number of changed records by site."""
        sites: Counter[str] = Counter()
        for file in self.files:
            sites.update(file.sites)
        return dict(sites)

    def counts(self) -> Mapping[str, int]:
        """The number of changed records by store, and of changed rows by table."""
        counts = Counter({name: changes.rows for name, changes in self.tables.items()})
        for file in self.files:
            counts[f"{file.store}_records"] += file.records
        return dict(counts)


@dataclass(slots=True)
class UnderWay:
    """An erasure that has begun. `secret` (hex) makes the ids of an anonymisation; `digests` name the person."""

    erasure_id: str
    asked_at: str
    secret: str
    digests: Sequence[str] = ()
    shared: int = 0
    done: Progress = field(default_factory=Progress)
