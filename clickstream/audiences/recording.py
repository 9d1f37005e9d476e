"""Adds changes of memberships to `audience_changes`, each with its number and its message, in one commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import pyarrow as pa

from clickstream.audiences.changing import Change
from clickstream.audiences.messages import Subject, Transition, body, message_id
from clickstream.audiences.state import LAST, QUEUED
from clickstream.model.audience_tables import CHANGE_PARTITION, CHANGE_SCHEMA, ENTER
from clickstream.settings import Settings
from clickstream.sites.document import Site
from clickstream.table.delta import Table

log = logging.getLogger(__name__)


def destination_of(site: Site, settings: Settings) -> str | None:
    """Where a site's messages go; None: nowhere."""
    messages = site.audience_messages
    if messages is None:
        return None
    if messages.connection is None and messages.hub in (settings.event_hub_name, settings.failed_event_hub_name):
        log.error("%s sends audiences to %s, which carries events: nothing is sent", site.site, messages.hub)
        return None
    destination: str = messages.destination
    return destination


@dataclass(frozen=True, slots=True)
class Description:
    """What messages say about a person: the moment of the first event, and traits."""

    first_at: datetime
    traits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """What rows of one commit have in common. `about` describes people; it leaves out whom nothing is known about."""

    site: str
    destination: str | None
    now: datetime
    definitions: Mapping[str, int]
    about: Callable[[Set[str]], Mapping[str, Description]]

    def commit(self, table: Table, changes: Sequence[Change], notes: Mapping[str, int]) -> None:
        """Add the changes and the notes. Raise Conflict if another process committed first, Unavailable."""
        last = table.application_version(LAST) or 0
        rows = self._rows(changes, last)
        versions = {**notes, LAST: last + len(rows)}
        if any(row["message"] is not None for row in rows):
            versions[QUEUED] = last + len(rows)
        staged = table.stage(pa.Table.from_pylist(rows, schema=CHANGE_SCHEMA)) if rows else []
        table.commit_batch(staged, versions, {})

    def _rows(self, changes: Sequence[Change], last: int) -> list[dict[str, object]]:
        """The rows, numbered by person: entrants first, so that whoever takes another's place is there before."""
        is_sent = self.destination is not None
        written_to = {change.person for change in changes if change.is_sent and is_sent}
        about = self.about(written_to) if written_to else {}
        nothing = Description(self.now, {})
        enters = {change.person for change in changes if change.kind == ENTER}
        ordered = sorted(changes, key=lambda change: (change.person not in enters, change.person))
        rows: list[dict[str, object]] = []
        for person, group in groupby(ordered, lambda change: change.person):
            of_person = list(group)
            first = last + len(rows) + 1
            made = [(change, _transition(change, first + place)) for place, change in enumerate(of_person)]
            sent = [transition for change, transition in made if change.is_sent]
            is_known, known = any(each.is_known for each in of_person), about.get(person, nothing)
            subject = Subject(self.site, person, is_known, known.first_at, known.traits)
            text = body(subject, sent, self.destination, self.now) if sent and self.destination is not None else None
            id = None if text is None else message_id(subject, sent)
            for change, transition in made:
                is_first = bool(sent) and transition is sent[0]
                rows.append(self._row(change, transition, id if change.is_sent else None, text if is_first else None))
        return rows

    def _row(self, change: Change, transition: Transition, id: str | None, text: bytes | None) -> dict[str, object]:
        return {
            "seq": transition.seq,
            "site": self.site,
            "audience": change.audience,
            "person": change.person,
            "is_known": change.is_known,
            "kind": change.kind,
            "reason": change.reason,
            "changed_at": change.changed_at,
            "entered_at": change.entered_at,
            "exit_at": change.exit_at,
            "definition": self.definitions.get(change.audience, 0),
            "destination": self.destination if id is not None else None,
            "message_id": id,
            "message": None if text is None else text.decode(),
            "committed_at": self.now,
            CHANGE_PARTITION: self.now.astimezone(UTC).date(),
        }


def _transition(change: Change, seq: int) -> Transition:
    return Transition(
        seq, change.audience, change.kind, change.reason, change.changed_at, change.entered_at, change.exit_at
    )
