"""Ends the memberships of a person who is erased, with a last message."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from clickstream.audiences.changing import Change
from clickstream.audiences.recording import Record, destination_of
from clickstream.audiences.sending import Sender, people_waited_for
from clickstream.audiences.state import memberships_of
from clickstream.errors import InvalidSite, NotFound, Unavailable
from clickstream.model.audience_tables import EXIT
from clickstream.retrying import retry_on_conflict
from clickstream.settings import Settings
from clickstream.sites.document import Site
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.specs import AUDIENCE_CHANGES_TABLE

log = logging.getLogger(__name__)


class Leaving:
    """Adds the exits and sends them, so that the rows can be erased next."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        sites: Callable[[str], Site],
        sender: Sender,
        now: Callable[[], datetime],
    ) -> None:
        """`sites` returns a site by its name."""
        self._account = account
        self._settings = settings
        self._sites = sites
        self._sender = sender
        self._now = now

    def end(self, site: str, is_erased: Callable[[str], bool]) -> None:
        """End the memberships of the persons of a site who are erased. Returns once the hub acknowledged the messages.

        Raise Unavailable if it did not.
        """
        table = self._opened()
        if table is None:
            return
        destination = self._destination(site)
        if destination is not None:
            retry_on_conflict(lambda: self._record(site, destination, is_erased), AUDIENCE_CHANGES_TABLE.name)
            self._sender.run()
            table = self._opened()
        if table is not None and any(map(is_erased, people_waited_for(table, site))):
            raise Unavailable("the hub of audiences did not take the last message about the person; repeat the request")

    def _record(self, site: str, destination: str, is_erased: Callable[[str], bool]) -> None:
        table = Table.open_or_create(AUDIENCE_CHANGES_TABLE, self._account, self._settings.lake_container)
        now = self._now()
        changes = [
            Change(slug, person, was.is_known, EXIT, "erased", now, was.entered_at, None, True)
            for slug, members in memberships_of(table, site).items()
            for person, was in members.items()
            if is_erased(person)
        ]
        if changes:
            Record(site, destination, now, {}, lambda people: {}).commit(table, changes, {})

    def _destination(self, site: str) -> str | None:
        try:
            return destination_of(self._sites(site), self._settings)
        except (NotFound, InvalidSite) as error:  # no reason to keep a person
            log.warning("nobody is sent who of %s is erased: %s", site, error)
            return None

    def _opened(self) -> Table | None:
        return Table.open(AUDIENCE_CHANGES_TABLE, self._account, self._settings.lake_container)
