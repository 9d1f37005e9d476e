"""The erasure: a person's events out of every copy, and a receipt once none is left.

It goes in steps that may be done again: note whom the compactor has to leave out; change captured files, the spill and
what was put aside; change both tables, which makes a compactor that is under way look again; delete files of older
versions; ask the tables. All over again until nothing is found. A crash leaves `state/erasing/`, with which the same
request goes on; the receipt is written at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing import person as persons
from clickstream.erasing.captured import Finder
from clickstream.erasing.changing import Anonymisation, Change, Removal
from clickstream.erasing.erased import Erased, ErasureKeys
from clickstream.erasing.linking import Linked, linked, links_in
from clickstream.erasing.person import Person
from clickstream.erasing.proof import proof_of
from clickstream.erasing.raw_copies import RawCopies, Wanted
from clickstream.erasing.receipt import signed
from clickstream.erasing.request import ErasureRequest, Mode, PersonRequest
from clickstream.erasing.state import ErasureState
from clickstream.errors import Conflict, Unavailable
from clickstream.lake.blobs import Blobs
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, TableSpec
from clickstream.lake.erasable_table import ErasableTable, Replaced
from clickstream.lake.storage import StorageAccount
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.settings import Settings

log = logging.getLogger(__name__)
# Compactors commit often, and only files that are new by then are looked at again.
TRIES_AFTER_CONFLICT = 50
MAX_ROUNDS = 10
SECRET_BYTES = 32
# A run that is cut may leave as many changed files out of the receipt.
FILES_BETWEEN_NOTES = 50


@dataclass(frozen=True, slots=True)
class Either:
    """Whom one of two finders means."""

    first: Finder
    second: Finder

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each event, true where either means it."""
        return pc.or_(self.first.in_events(rows), self.second.in_events(rows))

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each failed event, true where either means it."""
        return pc.or_(self.first.in_failed(rows), self.second.in_failed(rows))


@dataclass(slots=True)
class Done:
    """What was done so far, by this run and those before it that did not come to their end."""

    files: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note_table(self, name: str, before: int, after: int, rows: int = 0, **files: Any) -> None:
        """Add what one step did to a table."""
        table = self.tables.setdefault(
            name, {"version_before": before, "rows": 0, "removed": {}, "written": [], "old_files_deleted": {}}
        )
        table["version_after"] = after
        table["rows"] += rows
        for kind, found in files.items():
            table[kind] = table[kind] | found if isinstance(found, dict) else [*table[kind], *found]

    def counts(self) -> Mapping[str, int]:
        """Records by store, and rows by table."""
        counts = {name: table["rows"] for name, table in self.tables.items()}
        for file in self.files:
            name = f"{file['store']}_records"
            counts[name] = counts.get(name, 0) + (file["records"] or 0)
        return counts


class Eraser:
    """Erases persons. Several may run at once, and compactors beside them."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        random: Callable[[int], bytes],
    ) -> None:
        self._account = account
        self._container = settings.lake_container
        self._now = now
        self._new_id = new_id
        self._random = random
        self._keys = ErasureKeys.derive(settings.visitor_id_key)
        self._pseudonym_keys = PseudonymKeys.parse(settings.pseudonym_keys, settings.visitor_id_key)
        lake, capture, spill = (
            Blobs(account.container(name))
            for name in (settings.lake_container, settings.capture_container, settings.spill_container)
        )
        self._state = ErasureState(lake, self._keys)
        self._copies = RawCopies(capture, spill, lake, settings.event_hub_name, settings.failed_event_hub_name)

    def erase(self, request: ErasureRequest) -> dict[str, Any]:
        """Erase the person up to this moment; the receipt, signed.

        Raise Unavailable when storage fails or others are quicker all the time. The same request goes on from there.
        """
        until = self._now()
        given = self._given(request, until)
        name = self._name(request, given)
        kept = self._state.under_way(name) or {
            "erasure_id": self._new_id(),
            "asked_at": until.isoformat(),
            "secret": self._random(SECRET_BYTES).hex(),
            "digests": [],
            "shared": 0,
            "done": asdict(Done()),
        }
        found = self._linked(given) if request.linked else Linked(given, frozenset())
        person = found.person
        digests = sorted({*kept["digests"], *self._keys.digests_of(person)})
        kept = {**kept, "digests": digests, "shared": max(kept["shared"], len(found.shared))}
        self._state.keep_under_way(name, kept)
        self._state.note(person)
        wanted = Wanted(person, self._finder(person, digests), self._change(request.mode, person, kept["secret"]))
        done = Done(**kept["done"])
        proof = self._erase_all(wanted, done, lambda: self._state.keep_under_way(name, {**kept, "done": asdict(done)}))
        receipt = signed(
            {
                "erasure_id": kept["erasure_id"],
                "site": request.site_id,
                "mode": request.mode.value,
                "asked_by": request.asked_by,
                "asked_at": kept["asked_at"],
                "until": until.isoformat(),
                "completed_at": self._now().isoformat(),
                "subject": digests,
                "linked": request.linked,
                "shared_devices_left": kept["shared"],
                "counts": done.counts(),
                **asdict(done),
                "proof": proof,
            },
            self._keys,
        )
        self._state.end(name, receipt)
        log.info("erasure %s of site %s: %s", receipt["erasure_id"], receipt["site"], receipt["counts"])
        return receipt

    def _given(self, request: PersonRequest, until: datetime) -> Person:
        return Person.of(request.site_id, request.user_ids, request.anonymous_ids, until, self._pseudonym_keys)

    def _name(self, request: ErasureRequest, given: Person) -> str:
        """The same for the same request, and it tells no id."""
        content = "\0".join([request.mode.value, str(request.linked), *self._keys.digests_of(given)])
        return self._keys.digest(request.site_id, "request", content)

    def _linked(self, given: Person) -> Linked:
        return linked(given, links_in(self._open(EVENTS_TABLE), given.site))

    def _finder(self, person: Person, digests: Sequence[str]) -> Finder:
        """The person; with who is known by digests alone, since the links to them were erased by a run before this."""
        if digests == self._keys.digests_of(person):
            return person
        return Either(person, Erased(self._keys, {person.site: dict.fromkeys(digests, person.until)}))

    @staticmethod
    def _change(mode: Mode, person: Person, secret: str) -> Change:
        return Removal() if mode is Mode.ERASE else Anonymisation(person, bytes.fromhex(secret))

    def _open(self, spec: TableSpec) -> ErasableTable:
        return ErasableTable.open_or_create(spec, self._account, self._container)

    def _erase_all(self, wanted: Wanted, done: Done, keep: Callable[[], None]) -> Sequence[Mapping[str, Any]]:
        """Go on until a round finds nothing. Returns the proof."""
        looked_at: dict[str, dict[str, Replaced | None]] = {EVENTS_TABLE.name: {}, FAILED_TABLE.name: {}}
        for round in range(MAX_ROUNDS):
            before = len(done.files)
            for change in self._copies.change(wanted):
                done.files.append(asdict(change))
                if len(done.files) % FILES_BETWEEN_NOTES == 0:
                    keep()
            keep()
            changed = len(done.files) > before
            log.info("round %d: %d files changed", round + 1, len(done.files) - before)
            for spec, columns, find, replace in (
                (EVENTS_TABLE, persons.EVENT_COLUMNS, wanted.finder.in_events, wanted.change.events),
                (FAILED_TABLE, persons.FAILED_COLUMNS, wanted.finder.in_failed, wanted.change.failed),
            ):
                log.info("round %d: %s", round + 1, spec.name)
                table, rows = self._rewrite(spec, columns, find, replace, looked_at[spec.name], done, round == 0)
                keep()
                old = table.forget(columns, find)
                done.note_table(spec.name, table.version, table.version, old_files_deleted=dict(old))
                keep()
                changed = changed or rows > 0 or len(old) > 0
            if not changed:
                break
        proof = [
            proof_of(self._open(EVENTS_TABLE), wanted.person),
            proof_of(self._open(FAILED_TABLE), wanted.person),
        ]
        if changed or any(statement["result"] for statement in proof):
            raise Unavailable(f"events of the person were found again {MAX_ROUNDS} times; ask again")
        return proof

    def _rewrite(
        self,
        spec: TableSpec,
        columns: Sequence[str],
        find: Callable[[pa.Table], pa.ChunkedArray],
        replace: Callable[[pa.Table], pa.Table],
        looked_at: dict[str, Replaced | None],
        done: Done,
        first: bool,
    ) -> tuple[ErasableTable, int]:
        for _ in range(TRIES_AFTER_CONFLICT):
            table = self._open(spec)
            try:
                made = table.rewrite(columns, find, replace, "erased", looked_at, always=first)
            except Conflict:
                log.info("another writer of %s was first; looking again", spec.name)
                continue
            done.note_table(
                spec.name,
                made.version_before,
                made.version_after,
                made.rows,
                removed=made.removed,
                written=made.written,
            )
            return table, made.rows
        raise Unavailable(f"others changed {spec.name} {TRIES_AFTER_CONFLICT} times")
