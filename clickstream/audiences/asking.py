"""What operators ask of the next evaluation: to make changes that wait, and to report members again."""

from __future__ import annotations

from clickstream.audiences.state import HELD, RELEASED, Notes
from clickstream.errors import NotFound
from clickstream.retrying import retry_on_conflict
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.specs import AUDIENCE_CHANGES_TABLE


class Asking:
    """Notes what was asked. The next evaluation does it."""

    def __init__(self, account: StorageAccount, settings: Settings) -> None:
        self._account = account
        self._settings = settings

    def release(self, site: str, slug: str) -> None:
        """Let the changes of an audience that wait be made. Raise NotFound if none wait, Unavailable."""

        def attempt() -> None:
            notes = self._notes(site)
            if notes.of("hold", slug) != HELD:
                raise NotFound(f"no changes of the audience {slug!r} of {site} wait")
            self._note(notes, {notes.key("hold", slug): RELEASED})

        retry_on_conflict(attempt, AUDIENCE_CHANGES_TABLE.name)

    def backfill(self, site: str, slug: str) -> None:
        """Report every member of an audience anew. Raise NotFound if it was never evaluated, Unavailable."""

        def attempt() -> None:
            notes = self._notes(site)
            if not notes.of("defined", slug):
                raise NotFound(f"the audience {slug!r} of {site} was never evaluated")
            self._note(notes, {notes.key("tell", slug): max(1, notes.table.application_version("seq") or 0)})

        retry_on_conflict(attempt, AUDIENCE_CHANGES_TABLE.name)

    def _notes(self, site: str) -> Notes:
        table = Table.open_or_create(AUDIENCE_CHANGES_TABLE, self._account, self._settings.lake_container)
        return Notes(table, site)

    def _note(self, notes: Notes, asked: dict[str, int]) -> None:
        notes.table.commit_batch([], {**asked, notes.key("asked"): (notes.of("asked") or 0) + 1}, {})
