"""What the handlers share: built once per process, on first use, from the environment's settings."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from clickstream.collecting.collector import Collector
from clickstream.delivery.durable import DurableSink
from clickstream.delivery.event_hub import EventHub
from clickstream.delivery.spill import Spill
from clickstream.ids import uuid7
from clickstream.lake.salt_files import BlobSalts
from clickstream.lake.site_documents import BlobSiteDocuments
from clickstream.lake.spill_files import SpillFiles
from clickstream.lake.storage import StorageAccount
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings
from clickstream.sites.directory import SiteDirectory

if TYPE_CHECKING:
    from clickstream.compacting.compactor import Compactor
    from clickstream.erasing.eraser import Eraser
    from clickstream.erasing.exporting import Exporter
    from clickstream.maintaining.maintainer import Maintainer
    from clickstream.querying.engine import QueryEngine
    from clickstream.querying.reports.answering import Reports
    from clickstream.replaying.replayer import Replayer


def now() -> datetime:
    """The server's clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """A fresh event id, in order of time."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


@dataclass(frozen=True)
class Services:
    """One process's long-lived parts. Heavy ones are imported when first asked for, so `collect` never pays."""

    settings: Settings

    @cached_property
    def storage(self) -> StorageAccount:
        return StorageAccount.from_connection(self.settings.lake)

    @cached_property
    def sites(self) -> SiteDirectory:
        container = self.storage.container(self.settings.config_container)
        return SiteDirectory(BlobSiteDocuments(container), self.settings.sites_refresh_seconds, time.monotonic)

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
        return Collector(self.settings, self.sites, self.salts, self.event_sink, self.failed_event_sink, new_id)

    def _sink(self, hub: str) -> DurableSink:
        settings = self.settings
        files = SpillFiles(self.storage.container(settings.spill_container))
        return DurableSink(
            EventHub(settings.event_hub_connection, hub, settings.send_deadline_ms / 1000, now),
            Spill(files, hub, settings.spill_deadline_ms / 1000, now),
        )

    @cached_property
    def compactor(self) -> Compactor:
        from clickstream.compacting.compactor import Compactor
        from clickstream.delivery.hub_state import EventHubStates

        return Compactor(self.storage, self.settings, EventHubStates(self.settings.event_hub_connection), now)

    @cached_property
    def maintainer(self) -> Maintainer:
        from clickstream.maintaining.maintainer import Maintainer

        return Maintainer(self.storage, self.settings, now)

    @cached_property
    def queries(self) -> QueryEngine:
        from clickstream.querying.engine import QueryEngine

        return QueryEngine(self.storage, self.settings, now)

    @cached_property
    def reports(self) -> Reports:
        from clickstream.querying.reports.answering import Reports

        return Reports(self.queries, now)

    @cached_property
    def replayer(self) -> Replayer:
        from clickstream.replaying.failed_rows import FailedRows
        from clickstream.replaying.replayer import Replayer

        rows = FailedRows(self.storage, self.settings.lake_container)
        return Replayer(rows, self.collector.judge, self.event_sink)

    @cached_property
    def eraser(self) -> Eraser:
        from clickstream.erasing.eraser import Eraser

        return Eraser(self.storage, self.settings, now, new_id, os.urandom)

    @cached_property
    def exporter(self) -> Exporter:
        from clickstream.erasing.exporting import Exporter

        return Exporter(self.storage, self.settings, now)


@lru_cache(maxsize=1)
def services() -> Services:
    """Raise SettingsError, on every call until the settings are right."""
    return Services(Settings.from_env(os.environ))
