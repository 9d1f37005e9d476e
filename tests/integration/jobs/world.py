"""A lake, a partner's container, and jobs between them, on a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from clickstream.collecting.event_processor import EventProcessor
from clickstream.erasing.state import erasures_in
from clickstream.exporting.events import Events
from clickstream.exporting.exports import Exports, Source
from clickstream.exporting.members import Members
from clickstream.importing.csv_files import CsvImports, Pace
from clickstream.importing.sql_tables import TableImports, TablePace
from clickstream.jobs.runner import JobRunner, job_of
from clickstream.jobs.state import EndedRun, JobState, JobStates
from clickstream.jobs.work import Work
from clickstream.sites.document import Site, parse_site
from clickstream.sites.exports import EventExport
from clickstream.sites.imports import CsvImport
from clickstream.sites.member_exports import MemberExport
from clickstream.sites.table_imports import SqlImport
from clickstream.sql_connection import sql_connection
from clickstream.storage.staged_blocks import StagedBlocks
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE
from local.azurite import Azurite
from tests.integration.compacting.lake import Lake
from tests.integration.querying.lake import event

NOW = datetime(2026, 3, 11, 4, 0, tzinfo=UTC)
START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
KEYS = [{"kind": "public", "key": "shop-web"}, {"kind": "admin", "key": "shop-admin"}]
TO = {"connection": "partner", "container": "exports", "filename": "shop/events-{TIMESTAMP}"}


def site_with(*jobs: dict[str, Any], **fields: Any) -> Site:
    """The site `shop` with these jobs."""
    document = {"site": "shop", "keys": KEYS, "jobs": list(jobs), **fields}
    return parse_site(yaml.safe_dump(document).encode(), expected="shop")


def export(**fields: Any) -> dict[str, Any]:
    """An export of all events, once; `to` is added to the usual target."""
    return {"name": "events", "export": "events", **fields, "to": {**TO, **fields.get("to", {})}}


def csv_import(**fields: Any) -> dict[str, Any]:
    """An import of one file of customers; `from` is added to the usual source."""
    source = {"connection": "partner", "container": "exports", "file": "crm/customers-20260301.csv"}
    return {"name": "crm", "import": "csv", "stream": "crm", **fields, "from": {**source, **fields.get("from", {})}}


def table_import(**fields: Any) -> dict[str, Any]:
    """An import of the table of orders; `from` is added to the usual source."""
    source = {"connection": "erp", "table": "orders", "timestamp_column": "updated_at", "key": ["id"]}
    return {"name": "orders", "import": "sql", **fields, "from": {**source, **fields.get("from", {})}}


DAILY = {"every": "day", "at": "02:30"}


@dataclass
class World:
    """One lake, and containers of a partner in the same account."""

    azurite: Azurite
    now: datetime = NOW
    database: str = ""
    lake: Lake = field(init=False)

    def __post_init__(self) -> None:
        self.lake = Lake(self.azurite)
        self.suffix = uuid4().hex[:8]
        self.container = self.lake.service.create_container(f"exports-{self.suffix}")
        self.ids = count(1)

    def runner(self, target: Any = None, lake_account: Any = None, states: JobStates | None = None) -> JobRunner:
        """A process of its own; `target` replaces the partner's container, `states` where states are."""
        account, settings = lake_account or self.lake.account, self.lake.settings
        container = self.lake.account.container(settings.lake_container)

        def exports(source: Source) -> Exports:
            return Exports(
                source,
                lambda connection, name: target or self.target(name),
                lambda: erasures_in(container),
                lambda: self.now,
            )

        works: dict[str, Work] = {
            EventExport.kind: exports(Events(account, settings)),
            MemberExport.kind: exports(Members(account, settings, lambda: self.now)),
            CsvImport.kind: self.imports(),
            SqlImport.kind: self.tables(),
        }
        return JobRunner(states or self.states, works, lambda: self.now, self.new_id)

    def imports(self, spill: Any = None, pace: Pace | None = None) -> CsvImports:
        """The import of a process; `spill` replaces the container of the spill."""
        account, settings = self.lake.account, self.lake.settings
        return CsvImports(
            settings,
            lambda connection, container: account.container(f"{container}-{self.suffix}"),
            spill or account.container(settings.spill_container),
            account.container(settings.lake_container),
            EventProcessor.from_settings(settings, 1_000_000),
            lambda: self.now,
            pace or Pace(at_once=100),
        )

    def tables(
        self, spill: Any = None, pace: TablePace | None = None, now: Callable[[], datetime] | None = None
    ) -> TableImports:
        """The import of tables of a process, from the database of the connection `erp`."""
        account, settings = self.lake.account, self.lake.settings
        return TableImports(
            settings,
            lambda connection: sql_connection({"CONNECTION_ERP": self.database}, connection),
            lambda client_id: ("token", 0),
            spill or account.container(settings.spill_container),
            EventProcessor.from_settings(settings, 1_000_000),
            now or (lambda: self.now),
            pace or TablePace(),
        )

    def put(self, path: str, data: bytes) -> None:
        """A file of the partner's."""
        self.container.upload_blob(path, data, overwrite=True)

    def taken_in(self) -> list[dict[str, Any]]:
        """The rows of the site, after compaction."""
        self.lake.compact()
        return sorted(self.rows(), key=lambda row: (row["occurred_at"], row["event_id"]))

    def target(self, container: str = "exports") -> StagedBlocks:
        return StagedBlocks(self.lake.account, f"{container}-{self.suffix}")

    @property
    def states(self) -> JobStates:
        return JobStates(self.lake.account.container(self.lake.settings.lake_container))

    def run(
        self, site: Site, job: str = "events", runner: JobRunner | None = None, minutes: float = 8
    ) -> EndedRun | None:
        """One step of the job's run."""
        return (runner or self.runner()).run(site, job_of(site, job), self.now + timedelta(minutes=minutes))

    def ended(self, site: Site, job: str = "events") -> EndedRun:
        """One step, which ends the run."""
        run = self.run(site, job)
        assert run is not None, self.state(site, job)
        return run

    def state(self, site: Site, job: str = "events") -> JobState:
        return self.states.read(site.site, job)[0]

    def commit(self, *event_ids: str, occurred_at: datetime = START, **fields: Any) -> None:
        """A batch of events in the table."""
        values = {"site": "shop", "occurred_at": occurred_at, **fields}
        self.commit_rows([event(name, **values) for name in event_ids])

    def commit_rows(self, rows: list[dict[str, Any]]) -> None:
        """A batch of these rows."""
        table = Table.open_or_create(EVENTS_TABLE, self.lake.account, self.lake.settings.lake_container)
        table.append(pa.Table.from_pylist(rows, schema=EVENTS_TABLE.schema), {}, {})

    def rewrite(self, **values: str) -> None:
        """Rewrite all files of the table, as maintenance and enrichment do, with these values in each row."""
        table = Table.open(EVENTS_TABLE, self.lake.account, self.lake.settings.lake_container)
        assert table is not None
        files, data = table.files(), table.dataset().to_table()
        for name, value in values.items():
            column = pa.array([value] * len(data), data.schema.field(name).type)
            data = data.set_column(data.schema.get_field_index(name), name, column)
        rows = {day: data.filter(pc.field("event_date") == day) for day in {file.day for file in files}}
        added = [table.write(day, [of_day.drop_columns(["event_date"])]) for day, of_day in rows.items()]
        table.commit([*(table.removal(file, changes_rows=False) for file in files), *added], {}, {})

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the site in the table."""
        table = Table.open(EVENTS_TABLE, self.lake.account, self.lake.settings.lake_container)
        assert table is not None
        return [row for row in table.dataset().to_table().to_pylist() if row["site"] == "shop"]

    def files(self) -> dict[str, bytes]:
        """The partner's visible blobs."""
        return {blob.name: self.container.download_blob(blob.name).readall() for blob in self.container.list_blobs()}

    def new_id(self) -> str:
        return f"00000000-0000-7000-8000-{next(self.ids):012}"
