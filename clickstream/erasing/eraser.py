"""The erasure: removes a person's events from every copy, and writes a receipt once none is left.

Its steps are idempotent: add the person to the suppression list; rewrite captured files, the spill and quarantined
files; rewrite the tables, which makes a concurrent compactor retry; delete files of older versions; query the tables.
Derived tables follow those that they are derived from, because whoever derives rows opens the tables in the opposite
order: so a commit of rows from before the erasure fails, whatever its moment.
They are repeated until nothing is found. A crash leaves `state/erasing/`, from which the same request continues; the
receipt is written at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing import person as persons
from clickstream.erasing.captured import Finder
from clickstream.erasing.changing import Anonymisation, Change, Removal
from clickstream.erasing.derived import (
    ACTIVITY_COLUMNS,
    CHANGE_COLUMNS,
    EDGE_COLUMNS,
    EDIT_COLUMNS,
    IDENTITY_COLUMNS,
    PROFILE_COLUMNS,
    DerivedRows,
    nothing,
)
from clickstream.erasing.erased import Erased, ErasureKeys
from clickstream.erasing.linking import Linked, linked, links_in
from clickstream.erasing.person import Person
from clickstream.erasing.progress import Progress, UnderWay
from clickstream.erasing.proof import Statement, proof_of
from clickstream.erasing.raw_copies import RawCopies, Wanted
from clickstream.erasing.reach import check_reach, preview
from clickstream.erasing.receipt import Receipt, signed
from clickstream.erasing.request import ErasureRequest, Mode, PersonRequest
from clickstream.erasing.state import ErasureState
from clickstream.errors import Unavailable
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.retrying import retry_on_conflict
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.table import erasure
from clickstream.table.delta import Table
from clickstream.table.erasure import Replaced, Rewritten
from clickstream.table.specs import (
    ACTIVITY_TABLE,
    AUDIENCE_CHANGES_TABLE,
    EVENTS_TABLE,
    FAILED_TABLE,
    IDENTITIES_TABLE,
    IDENTITY_EDGES_TABLE,
    IDENTITY_EDITS_TABLE,
    PROFILES_TABLE,
    TRAITS_TABLE,
    TableSpec,
)

log = logging.getLogger(__name__)
# High, because compactors commit often, and a retry reads only files that are new since the last try.
TRIES_AFTER_CONFLICT = 50
MAX_ROUNDS = 10
SECRET_BYTES = 32
# Progress is saved after this many changed files. A run that is interrupted may leave as many out of the receipt.
FILES_BETWEEN_NOTES = 50


@dataclass(frozen=True, slots=True)
class Either:
    """Selects the rows that either of two finders selects."""

    first: Finder
    second: Finder

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over events: the union of both finders' masks."""
        return pc.or_(self.first.in_events(rows), self.second.in_events(rows))

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask over failed events: the union of both finders' masks."""
        return pc.or_(self.first.in_failed(rows), self.second.in_failed(rows))


class Eraser:
    """Erases persons. Several erasures may run at once, also next to compactors."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        random: Callable[[int], bytes],
        exported: Callable[[str], Sequence[Mapping[str, Any]]],
        leave: Callable[[str, Callable[[str], bool]], None] = lambda site, is_erased: None,
    ) -> None:
        """`exported` lists the exports of a site whose files were written or are being written. `leave` ends the
        memberships in audiences of a site's persons who are erased.
        """
        self._exported = exported
        self._leave = leave
        self._account = account
        self._container = settings.lake_container
        self._now = now
        self._new_id = new_id
        self._random = random
        self._keys = ErasureKeys.derive(settings.visitor_id_key)
        self._pseudonym_keys = PseudonymKeys.parse(settings.pseudonym_keys, settings.visitor_id_key)
        lake, capture, spill = (
            account.container(name)
            for name in (settings.lake_container, settings.capture_container, settings.spill_container)
        )
        self._state = ErasureState(lake, self._keys)
        self._copies = RawCopies(
            capture, spill, lake, settings.event_hub_name, settings.failed_event_hub_name, self._keys.marks
        )

    def erase(self, request: ErasureRequest) -> dict[str, Any]:
        """Erase the person's events up to now. Returns the signed receipt; for a dry run, `preview`, changing nothing.

        Raise InvalidRequest (too_common), LimitExceeded; Unavailable if storage fails or other writers keep committing
        first. The same request then continues from there.
        """
        until = self._now()
        given = self._given(request, until)
        linked_person = self._linked(given) if request.linked else Linked(given)
        if request.dry_run:
            return dict(preview(linked_person, given, self._open(EVENTS_TABLE), self._open(FAILED_TABLE)))
        if not request.force:
            check_reach(self._open(FAILED_TABLE), linked_person.person)
        name = self._name(request, given)
        state = self._state.under_way(name) or UnderWay(
            self._new_id(), asked_at=until.isoformat(), secret=self._random(SECRET_BYTES).hex()
        )
        person, progress = linked_person.person, state.done
        digests_of_person = self._keys.digests_of(person)
        state.digests = sorted({*state.digests, *digests_of_person})
        state.shared = max(state.shared, len(linked_person.shared))
        self._state.keep_under_way(name, state)
        self._state.note(person)
        wanted = Wanted(person, self._finder(person, state.digests), self._change(request.mode, person, state.secret))
        unknown = frozenset(state.digests).difference(digests_of_person)
        proof = self._erase_all(
            wanted,
            DerivedRows(person, unknown, self._keys),
            progress,
            lambda: self._state.keep_under_way(name, state),
        )
        receipt = Receipt(
            erasure_id=state.erasure_id,
            site=request.site_id,
            mode=request.mode.value,
            asked_by=request.asked_by,
            asked_at=state.asked_at,
            until=until.isoformat(),
            completed_at=self._now().isoformat(),
            subject=state.digests,
            linked=request.linked,
            shared_devices_left=state.shared,
            counts=progress.counts(),
            records_by_site=progress.records_by_site(),
            files=progress.files,
            undecided=progress.undecided,
            tables=progress.tables,
            proof=proof,
            exports=self._exported(request.site_id),
        )
        document = signed(asdict(receipt), self._keys)
        self._state.end(name, document)
        log.info("erasure %s of site %s: %s", receipt.erasure_id, receipt.site, receipt.counts)
        return document

    def _given(self, request: PersonRequest, until: datetime) -> Person:
        return Person.of(request.site_id, request.user_ids, request.anonymous_ids, until, self._pseudonym_keys)

    def _name(self, request: ErasureRequest, given: Person) -> str:
        """A name that is the same for the same request and reveals no id."""
        content = "\0".join([request.mode.value, str(request.linked), *self._keys.digests_of(given)])
        return self._keys.digest(request.site_id, "request", content)

    def _linked(self, given: Person) -> Linked:
        identities = Table.open(IDENTITIES_TABLE, self._account, self._container)
        return linked(given, links_in(self._open(EVENTS_TABLE), identities, given.site))

    def _finder(self, person: Person, digests: Sequence[str]) -> Finder:
        """A finder of the person, and of ids known only by digest because an earlier run erased the links to them."""
        if digests == self._keys.digests_of(person):
            return person
        return Either(person, Erased(self._keys, {person.site: dict.fromkeys(digests, person.until)}))

    @staticmethod
    def _change(mode: Mode, person: Person, secret: str) -> Change:
        return Removal() if mode is Mode.ERASE else Anonymisation(person, bytes.fromhex(secret))

    def _open(self, spec: TableSpec) -> Table:
        return Table.open_or_create(spec, self._account, self._container)

    def _is_there(self, spec: TableSpec) -> bool:
        """Whether a table has to be rewritten. Those of events are created if there are none."""
        tables_of_events = (EVENTS_TABLE, FAILED_TABLE)
        return spec in tables_of_events or Table.open(spec, self._account, self._container) is not None

    def _erase_all(
        self, wanted: Wanted, derived: DerivedRows, progress: Progress, save: Callable[[], None]
    ) -> Sequence[Statement]:
        """Repeat rounds until one finds nothing. Returns the proof. Raise Unavailable after MAX_ROUNDS."""
        steps = (
            (EVENTS_TABLE, persons.EVENT_COLUMNS, wanted.finder.in_events, wanted.change.events),
            (FAILED_TABLE, persons.FAILED_COLUMNS, wanted.finder.in_failed, wanted.change.failed),
            (IDENTITY_EDGES_TABLE, EDGE_COLUMNS, derived.in_edges, nothing),
            (IDENTITIES_TABLE, IDENTITY_COLUMNS, derived.in_identities, nothing),
            (IDENTITY_EDITS_TABLE, EDIT_COLUMNS, derived.in_edits, derived.without_ids),
            (AUDIENCE_CHANGES_TABLE, CHANGE_COLUMNS, derived.in_changes, nothing),
            (ACTIVITY_TABLE, ACTIVITY_COLUMNS, derived.in_activity, nothing),
            (TRAITS_TABLE, ACTIVITY_COLUMNS, derived.in_activity, nothing),
            (PROFILES_TABLE, PROFILE_COLUMNS, derived.in_profiles_of_site, nothing),
        )
        examined: dict[str, dict[str, Replaced | None]] = {spec.name: {} for spec, *_ in steps}
        clean: dict[str, set[str]] = {spec.name: set() for spec, *_ in steps}
        for round in range(MAX_ROUNDS):
            before = len(progress.files)
            progress.undecided.clear()
            for change in self._copies.change(wanted):
                if change.action == "listed":
                    progress.undecided.append(change)
                    continue
                progress.files.append(change)
                if len(progress.files) % FILES_BETWEEN_NOTES == 0:
                    save()
            save()
            changed = len(progress.files) > before
            log.info("round %d: %d files changed", round + 1, len(progress.files) - before)
            for spec, columns, find, replace in steps:
                if not self._is_there(spec):  # whoever creates it from now on reads the tables above without the person
                    continue
                log.info("round %d: %s", round + 1, spec.name)
                if spec is AUDIENCE_CHANGES_TABLE:  # after the events, so that no evaluation finds the person again
                    self._leave(wanted.person.site, derived.is_named)
                table, rows = self._rewrite(spec, columns, find, replace, examined[spec.name], progress, round == 0)
                save()
                old = erasure.forget(table, columns, find, clean[spec.name])
                progress.table(spec.name, table.version, table.version).old_files_deleted.update(old)
                save()
                # Rows of these have no moment: those of events from after the erasure may come at any time.
                timeless = spec in (IDENTITIES_TABLE, PROFILES_TABLE)
                changed = changed or (not timeless and (rows > 0 or len(old) > 0))
            if not changed:
                break
        proven = (EVENTS_TABLE, FAILED_TABLE, IDENTITY_EDGES_TABLE, ACTIVITY_TABLE, TRAITS_TABLE)
        proof = [proof_of(self._open(spec), wanted.person) for spec in proven if self._is_there(spec)]
        if changed or any(statement.result for statement in proof):
            raise Unavailable(f"events of the person were found again in {MAX_ROUNDS} rounds; repeat the request")
        return proof

    def _rewrite(
        self,
        spec: TableSpec,
        columns: Sequence[str],
        find: Callable[[pa.Table], pa.ChunkedArray],
        replace: Callable[[pa.Table], pa.Table],
        examined: dict[str, Replaced | None],
        progress: Progress,
        first: bool,
    ) -> tuple[Table, int]:
        def rewrite() -> tuple[Table, Rewritten]:
            table = self._open(spec)
            return table, erasure.rewrite(table, columns, find, replace, "erased", examined, always=first)

        table, result = retry_on_conflict(rewrite, spec.name, TRIES_AFTER_CONFLICT)
        changes = progress.table(spec.name, result.version_before, result.version_after)
        changes.rows += result.rows
        changes.removed.update(result.removed)
        changes.written.extend(result.written)
        return table, result.rows
