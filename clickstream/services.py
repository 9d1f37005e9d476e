"""The composition root: builds the parts of a process, for functions and commands alike, each on its first use."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from clickstream.capture.spill import SpillFiles
from clickstream.collecting.answered import AnsweredCounts
from clickstream.collecting.collector import Collector
from clickstream.collecting.event_processor import EventProcessor
from clickstream.delivery.composing import make_hub_states, make_sink
from clickstream.delivery.durable import MAX_MESSAGE_BYTES, DurableSink
from clickstream.errors import NotFound, SettingsError
from clickstream.model.ids import uuid7
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings, job_connection
from clickstream.sites.directory import SiteDirectory
from clickstream.sites.document import Site, parse_site
from clickstream.sites.preflights import Preflights
from clickstream.sites.tries import Tries
from clickstream.storage.account import StorageAccount, database_token
from clickstream.storage.answered_files import AnsweredFiles
from clickstream.storage.salts import BlobSalts
from clickstream.storage.site_documents import PREFIX, SUFFIX, BlobSiteDocuments, EditableBlobSiteDocuments
from clickstream.tally import Tally

if TYPE_CHECKING:
    from clickstream.audiences.asking import Asking
    from clickstream.audiences.evaluating import Evaluator
    from clickstream.audiences.previewing import Previews
    from clickstream.audiences.sending import Sender
    from clickstream.compacting.compactor import Compactor
    from clickstream.delivery.event_hub import Hub
    from clickstream.deriving.deriver import Deriver
    from clickstream.deriving.editing import Editor
    from clickstream.erasing.eraser import Eraser
    from clickstream.erasing.exporting import Exporter
    from clickstream.exporting.exports import Source
    from clickstream.exporting.withdrawing import PublishedFiles
    from clickstream.jobs.runner import JobRunner
    from clickstream.jobs.state import JobStates
    from clickstream.jobs.work import Work
    from clickstream.maintaining.maintainer import Maintainer
    from clickstream.querying.engine import QueryEngine
    from clickstream.querying.reports.answering import Reports
    from clickstream.querying.serving import QueryServing
    from clickstream.replaying.replayer import Replayer
    from clickstream.storage.compaction_state import LatestCompaction
    from clickstream.storage.staged_blocks import StagedBlocks

log = logging.getLogger(__name__)
JOBS_AT_ONCE = 4
# How long a hub of audiences may take for messages of one run; nobody waits for it.
AUDIENCE_SEND_SECONDS = 30.0
# Outside Services, because it counts even while the settings are invalid.
TALLY = Tally(time.monotonic)


def now() -> datetime:
    """The time of the server's clock, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A new event id: a UUIDv7 (RFC 9562), so ids sort by time."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


@dataclass(frozen=True)
class Services:
    """One process's long-lived parts. Heavy ones are imported on first use, so `collect` never pays for them.

    `say` gets lines about the progress of compaction and maintenance.
    """

    settings: Settings
    say: Callable[[str], None] = lambda line: None

    @cached_property
    def storage(self) -> StorageAccount:
        return StorageAccount.from_connection(self.settings.lake)

    @cached_property
    def sites(self) -> SiteDirectory:
        container = self.storage.container(self.settings.config_container)
        return SiteDirectory(
            BlobSiteDocuments(container),
            self.settings.sites_refresh_seconds,
            time.monotonic,
            allow_short_keys=self.settings.allow_short_keys,
        )

    @cached_property
    def site_documents(self) -> EditableBlobSiteDocuments:
        """The documents as commands read and write them."""
        return EditableBlobSiteDocuments(self.storage.container(self.settings.config_container))

    def site(self, name: str) -> Site:
        """A site by its stored document, for commands. Raise NotFound, InvalidSite, Unavailable."""
        path = f"{PREFIX}{name}{SUFFIX}"
        if path not in self.site_documents.versions():
            raise NotFound(f"there is no site {name!r}")
        return parse_site(self.site_documents.fetch(path).text, expected=name)

    @cached_property
    def preflights(self) -> Preflights:
        return Preflights.of(self.settings, os.environ)

    @cached_property
    def tries(self) -> Tries:
        return Tries(time.monotonic)

    @cached_property
    def salts(self) -> DailySalts:
        return DailySalts(BlobSalts(self.storage.container(self.settings.salt_container)), now)

    @cached_property
    def event_sink(self) -> DurableSink:
        return self._sink(self.settings.event_hub_name)

    @cached_property
    def failed_event_sink(self) -> DurableSink:
        return self._sink(self.settings.failed_event_hub_name)

    @cached_property
    def collector(self) -> Collector:
        return Collector(
            self.settings, self.sites, self.salts, self.event_sink, self.failed_event_sink, self.answered, new_id, now
        )

    @cached_property
    def answered(self) -> AnsweredCounts:
        settings = self.settings
        files = AnsweredFiles(self.storage.container(settings.spill_container))
        return AnsweredCounts(files, settings.event_hub_name, settings.answered_every_seconds, now)

    def _sink(self, hub: str) -> DurableSink:
        settings = self.settings
        files = SpillFiles(self.storage.container(settings.spill_container))
        return make_sink(settings, files, hub, now, TALLY)

    @cached_property
    def latest_compaction(self) -> LatestCompaction:
        from clickstream.storage.compaction_state import CompactionStateFile, LatestCompaction

        container = self.storage.container(self.settings.lake_container)
        return LatestCompaction(CompactionStateFile(container), time.monotonic)

    @cached_property
    def compactor(self) -> Compactor:
        from clickstream.compacting.compactor import Compactor
        from clickstream.erasing.late import LateEvents

        suppression = LateEvents.of(self.storage, self.settings)
        hubs = make_hub_states(self.settings)
        return Compactor(self.storage, self.settings, suppression, hubs, now, say=self.say, derive=self.derive)

    def derive(self, deadline: datetime) -> None:
        """Bring everything up to date that follows from `events`. Raise Unavailable."""
        if self.deriver.run(deadline).finished:
            self.evaluator.run(deadline)
        self.audience_sender.run(deadline)

    @cached_property
    def evaluator(self) -> Evaluator:
        from clickstream.audiences.evaluating import Evaluator

        return Evaluator(self.storage, self.settings, self.queries, now)

    @cached_property
    def audience_previews(self) -> Previews:
        from clickstream.audiences.previewing import Previews

        return Previews(self.storage, self.settings, self.queries)

    @cached_property
    def audience_sender(self) -> Sender:
        from clickstream.audiences.sending import Sender

        return Sender(self.storage, self.settings, self._audience_hub, now)

    @cached_property
    def audience_asking(self) -> Asking:
        from clickstream.audiences.asking import Asking

        return Asking(self.storage, self.settings)

    def _audience_hub(self, connection: str | None, hub: str) -> Hub:
        """A hub that audiences are sent to. Raise SettingsError if its connection is missing."""
        from clickstream.delivery.event_hub import EventHub

        if connection is not None:
            target = job_connection(os.environ, connection, "fullyQualifiedNamespace")
        elif (own := self.settings.event_hub_connection) is not None:
            target = own
        else:
            raise SettingsError(["EventHubConnection is required for messages of audiences"])
        return EventHub(target, hub, AUDIENCE_SEND_SECONDS, now, Tally(time.monotonic))

    @cached_property
    def deriver(self) -> Deriver:
        from clickstream.deriving.deriver import Deriver

        return Deriver(self.storage, self.settings, now)

    @cached_property
    def editor(self) -> Editor:
        from clickstream.deriving.editing import Editor

        return Editor(self.storage, self.settings, self.deriver, now)

    @cached_property
    def compaction_thread(self) -> ThreadPoolExecutor:
        """The thread of `compact`, so that it waits for no other work."""
        return ThreadPoolExecutor(1, thread_name_prefix="compact")

    @cached_property
    def maintenance_thread(self) -> ThreadPoolExecutor:
        """The thread of `maintain`, which may take minutes."""
        return ThreadPoolExecutor(1, thread_name_prefix="maintain")

    @cached_property
    def job_threads(self) -> ThreadPoolExecutor:
        """The threads of erasures and exports of persons, which may take minutes."""
        return ThreadPoolExecutor(JOBS_AT_ONCE, thread_name_prefix="job")

    @cached_property
    def maintainer(self) -> Maintainer:
        from clickstream.maintaining.maintainer import Maintainer

        return Maintainer(self.storage, self.settings, now, self.say)

    @cached_property
    def runs_thread(self) -> ThreadPoolExecutor:
        """The thread of `run_jobs`, which may take minutes."""
        return ThreadPoolExecutor(1, thread_name_prefix="run-jobs")

    @cached_property
    def job_states(self) -> JobStates:
        from clickstream.jobs.state import JobStates

        return JobStates(self.storage.container(self.settings.lake_container))

    @cached_property
    def job_runner(self) -> JobRunner:
        from clickstream.erasing.state import erasures_in
        from clickstream.exporting.events import Events
        from clickstream.exporting.exports import Exports
        from clickstream.exporting.members import Members
        from clickstream.importing.csv_files import CsvImports
        from clickstream.importing.sql_tables import TableImports
        from clickstream.jobs.runner import JobRunner
        from clickstream.notifying.mail_server import MailServer
        from clickstream.notifying.summaries import Summaries
        from clickstream.notifying.watching import Alerts
        from clickstream.notifying.webhooks import WebhookAddress
        from clickstream.sites.alerts import Alert
        from clickstream.sites.exports import EventExport
        from clickstream.sites.imports import CsvImport
        from clickstream.sites.member_exports import MemberExport
        from clickstream.sites.notices import Summary
        from clickstream.sites.table_imports import SqlImport
        from clickstream.sql_connection import sql_connection

        settings, storage = self.settings, self.storage
        lake, spill = storage.container(settings.lake_container), storage.container(settings.spill_container)
        processor = EventProcessor.from_settings(settings, MAX_MESSAGE_BYTES)

        def exports(source: Source) -> Exports:
            return Exports(source, _staged_blocks, lambda: erasures_in(lake), now)

        def mail_server(name: str) -> MailServer:
            return MailServer.named(os.environ, name)

        imports = CsvImports(
            settings,
            lambda name, place: _account(name).container(place),
            spill,
            lake,
            processor,
            now,
        )
        tables = TableImports(
            settings, lambda name: sql_connection(os.environ, name), database_token, spill, processor, now
        )
        works: dict[str, Work] = {
            EventExport.kind: exports(Events(storage, settings)),
            MemberExport.kind: exports(Members(storage, settings, now)),
            CsvImport.kind: imports,
            Summary.kind: Summaries(self.queries, mail_server, now),
            Alert.kind: Alerts(self.queries, mail_server, lambda name: WebhookAddress.named(os.environ, name), now),
            SqlImport.kind: tables,
        }
        return JobRunner(self.job_states, works, now, new_id)

    @cached_property
    def published_files(self) -> PublishedFiles:
        from clickstream.exporting.withdrawing import PublishedFiles

        return PublishedFiles(self.job_states, self.site, _staged_blocks, now)

    @cached_property
    def queries(self) -> QueryEngine:
        from clickstream.querying.engine import QueryEngine

        return QueryEngine(self.storage, self.settings, now)

    @cached_property
    def serving(self) -> QueryServing:
        from clickstream.querying.serving import QueryServing

        return QueryServing(self.queries, self.settings)

    @cached_property
    def reports(self) -> Reports:
        from clickstream.querying.reports.answering import Reports

        return Reports(self.queries, now)

    @cached_property
    def event_processor(self) -> EventProcessor:
        """Processes replayed events as the collector does."""
        return EventProcessor.from_settings(self.settings, self.event_sink.max_message_bytes)

    @cached_property
    def replayer(self) -> Replayer:
        from clickstream.replaying.failed_rows import FailedRows
        from clickstream.replaying.replayer import Replayer

        rows = FailedRows(self.storage, self.settings.lake_container, self.settings.event_hub_name)
        return Replayer(rows, self.event_processor, self.event_sink)

    @cached_property
    def eraser(self) -> Eraser:
        from clickstream.audiences.leaving import Leaving
        from clickstream.erasing.eraser import Eraser

        leave = Leaving(self.storage, self.settings, self.site, self.audience_sender, now).end
        return Eraser(self.storage, self.settings, now, new_id, os.urandom, self.published_files.after_erasure, leave)

    @cached_property
    def exporter(self) -> Exporter:
        from clickstream.erasing.exporting import Exporter

        return Exporter(self.storage, self.settings, now)


def _account(connection: str) -> StorageAccount:
    """The storage account of a connection of jobs. Raise SettingsError."""
    return StorageAccount.from_connection(job_connection(os.environ, connection))


def _staged_blocks(connection: str, container: str) -> StagedBlocks:
    from clickstream.storage.staged_blocks import StagedBlocks

    return StagedBlocks(_account(connection), container)


@lru_cache(maxsize=1)
def services() -> Services:
    """The parts of this process. Raise SettingsError, on every call until the settings are valid."""
    settings = Settings.from_env(os.environ)
    if settings.delivery == "spill":
        log.info("there is no EventHubConnection: events go to the spill alone")
    return Services(settings)
