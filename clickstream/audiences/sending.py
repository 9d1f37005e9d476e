"""Sends the messages that `audience_changes` holds, in the order of their rows, at least once.

How far each destination is, its commit notes after the hub's acknowledgement. A crash in between sends the same bytes
with the same id again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import pyarrow.compute as pc

from clickstream.audiences.messages import message_of
from clickstream.audiences.state import QUEUED, SENT
from clickstream.delivery.event_hub import Hub
from clickstream.errors import Conflict, SettingsError
from clickstream.model.message import Message
from clickstream.settings import Settings
from clickstream.sites.audience_messages import split_destination
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.rows import all_rows_of
from clickstream.table.specs import AUDIENCE_CHANGES_TABLE

log = logging.getLogger(__name__)
MESSAGES_AT_ONCE = 500


class Sender:
    """Sends what waits. `open_hub` connects to a hub by the name of the connection, None for the app's namespace."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        open_hub: Callable[[str | None, str], Hub],
        now: Callable[[], datetime],
    ) -> None:
        self._account = account
        self._settings = settings
        self._open_hub = open_hub
        self._now = now

    def run(self, deadline: datetime | None = None) -> int:
        """Send until nothing is left, a hub does not take more, or the deadline is over. Returns how many messages
        were acknowledged. One hub that fails does not stop the others. Raise Unavailable if storage fails.
        """
        table = Table.open(AUDIENCE_CHANGES_TABLE, self._account, self._settings.lake_container)
        queued = 0 if table is None else table.application_version(QUEUED) or 0
        if table is None or queued <= (table.application_version(SENT) or 0):
            return 0
        waiting = _waiting(table)
        count = 0
        try:
            for destination, seqs in waiting.items():
                count += self._send_to(table, destination, seqs, deadline)
            if count == sum(map(len, waiting.values())):
                table.commit([], {}, {SENT: queued})
        except Conflict:
            log.info("another process sends messages of audiences")
        return count

    def _send_to(self, table: Table, destination: str, seqs: Sequence[int], deadline: datetime | None) -> int:
        try:
            hub = self._open_hub(*split_destination(destination))
        except SettingsError as error:
            log.error("messages of audiences wait: %s", error)
            return 0
        return asyncio.run(self._deliver(hub, table, destination, seqs, deadline))

    async def _deliver(
        self, hub: Hub, table: Table, destination: str, seqs: Sequence[int], deadline: datetime | None
    ) -> int:
        count = 0
        try:
            while count < len(seqs) and (deadline is None or self._now() < deadline):
                chosen = seqs[count : count + MESSAGES_AT_ONCE]
                messages = _messages(table, destination, chosen)
                left = set(map(id, await hub.deliver(messages, deadline)))
                acknowledged = next((at for at, each in enumerate(messages) if id(each) in left), len(messages))
                if acknowledged:
                    table.commit([], {}, {f"{SENT}/{destination}": chosen[acknowledged - 1]})
                    table.update()
                    count += acknowledged
                if acknowledged < len(messages):
                    log.warning("%s does not take messages of audiences; they wait for the next run", destination)
                    break
        finally:
            await hub.close()
        return count


def people_waited_for(table: Table, site: str) -> Collection[str]:
    """The persons of a site about whom messages wait. Raise Unavailable."""
    files = [file for file in table.files() if file.may_hold(site)]
    waits = (pc.field("site") == site) & pc.field("message").is_valid()
    rows = all_rows_of(table, files, ["seq", "destination", "person"], waits).to_pylist()
    return {row["person"] for row in rows if row["seq"] > _sent(table, row["destination"])}


def _sent(table: Table, destination: str) -> int:
    """The number of the row up to which a destination has all its messages."""
    return max(table.application_version(name) or 0 for name in (SENT, f"{SENT}/{destination}"))


def _waiting(table: Table) -> Mapping[str, Sequence[int]]:
    """By destination, the numbers of the rows whose messages wait, in order."""
    waits = (pc.field("seq") > (table.application_version(SENT) or 0)) & pc.field("message").is_valid()
    rows = all_rows_of(table, table.files(), ["seq", "destination"], waits).sort_by("seq")
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for seq, destination in zip(rows["seq"].to_pylist(), rows["destination"].to_pylist(), strict=True):
        if seq > _sent(table, destination):
            waiting[destination].append(seq)
    return waiting


def _messages(table: Table, destination: str, seqs: Sequence[int]) -> Sequence[Message]:
    """The messages of these rows."""
    bounds = (pc.field("seq") >= seqs[0]) & (pc.field("seq") <= seqs[-1])
    wanted = bounds & (pc.field("destination") == destination) & pc.field("message").is_valid()
    rows = all_rows_of(table, table.files(), ["seq", "person", "message"], wanted).sort_by("seq").to_pylist()
    return [message_of(row["person"], row["message"].encode()) for row in rows]
