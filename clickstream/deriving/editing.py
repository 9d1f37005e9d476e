"""Operators' edits: what one would change, and recording it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.deriving.deriver import Deriver
from clickstream.deriving.edit_log import EditLog, LoggedEdit
from clickstream.deriving.edit_request import INVALID, EditRequest
from clickstream.deriving.people import Basis, people_of, rows_of_site
from clickstream.deriving.problems import problem_document
from clickstream.errors import Unavailable
from clickstream.identity.edits import Edit, EditsInForce
from clickstream.model.identity_tables import IDENTITY_SCHEMA
from clickstream.privacy.pseudonyms import PseudonymKeys, all_pseudonyms, normalized
from clickstream.problems import Problem, refusal
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.specs import IDENTITY_EDGES_TABLE

log = logging.getLogger(__name__)
# Ids that an answer lists; of further ones, their number.
SHOWN_IDS = 100
_Slices = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
"""By kind and id: whose the id is, from when to when."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit changes: each id whose person becomes another one for any time, with its slices of time."""

    before: _Slices
    after: _Slices

    @classmethod
    def of(cls, before: pa.Table, after: pa.Table) -> Change:
        """The difference between two states of the rows of `identities` of a site."""
        first, second = _slices(before), _slices(after)
        changed = [key for key in first.keys() | second.keys() if first.get(key) != second.get(key)]
        return cls(*({key: each.get(key) or _own(key[1]) for key in sorted(changed)} for each in (first, second)))

    def document(self) -> dict[str, Any]:
        """The change as JSON values."""
        people = [{each["person"] for slices in side.values() for each in slices} for side in (self.before, self.after)]
        return {
            "people_before": sorted(people[0])[:SHOWN_IDS],
            "people_after": sorted(people[1])[:SHOWN_IDS],
            "changed_ids": len(self.before),
            "ids": [
                {"kind": kind, "id": id, "before": self.before[kind, id], "after": self.after[kind, id]}
                for kind, id in list(self.before)[:SHOWN_IDS]
            ],
        }


class Editor:
    """Records edits, and brings people up to date with them. Safe to share between threads."""

    def __init__(
        self, account: StorageAccount, settings: Settings, deriver: Deriver, now: Callable[[], datetime]
    ) -> None:
        self._account = account
        self._container = settings.lake_container
        self._keys = PseudonymKeys.parse(settings.pseudonym_keys, settings.visitor_id_key)
        self._log = EditLog(account, settings.lake_container)
        self._deriver = deriver
        self._now = now

    def lines(self, site: str) -> Sequence[dict[str, Any]]:
        """The site's log, oldest first. Raise Unavailable."""
        lines = self._log.read().get(site, ())
        in_force = {edit.number for edit in EditsInForce.of([line.edit for line in lines]).edits}
        return [{**line.document(), "in_force": line.edit.number in in_force} for line in lines]

    def problems(self, site: str) -> dict[str, Any]:
        """What the rules ignore of the site's evidence, and why. Raise Unavailable."""
        return problem_document(self._edges(site), self._deriver.basis(site))

    def edit(self, request: EditRequest) -> dict[str, Any]:
        """Record an edit, and return its line and what it changes; with `dry_run`, record nothing.

        Raise InvalidRequest if no event of the site carries one of the ids, or if there is no such edit to undo;
        Unavailable.
        """
        edges = self._edges(request.site_id)
        ids = self._stored(request, edges)

        def line(before: Sequence[LoggedEdit]) -> LoggedEdit:
            if request.undoes is not None:
                _check_undo(request.undoes, before)
            number = max((each.edit.number for each in before), default=0) + 1
            edit = Edit(number=number, kind=request.kind, ids=ids, at=request.at, undoes=request.undoes)
            return LoggedEdit(edit, request.why, request.asked_by, self._now())

        basis = self._deriver.basis(request.site_id)
        logged = self._log.read().get(request.site_id, ())
        made = line(logged) if request.dry_run else self._log.append(request.site_id, line)
        earlier = [each.edit for each in logged if each.edit.number < made.edit.number]
        change = self._change(request.site_id, edges, basis, earlier, made.edit)
        return {
            "dry_run": request.dry_run,
            "edit": {**made.document(), "number": None if request.dry_run else made.edit.number},
            "change": change.document(),
            "applied": not request.dry_run and self._apply(),
        }

    def _apply(self) -> bool:
        """Bring people up to date. False if the next run of compaction has to."""
        try:
            return self._deriver.run().finished
        except Unavailable as error:
            log.warning("the edit is recorded and holds from the next compaction on: %s", error.message)
            return False

    def _change(self, site: str, edges: pa.Table, basis: Basis, earlier: Sequence[Edit], edit: Edit) -> Change:
        states = (EditsInForce.of(earlier), EditsInForce.of([*earlier, edit]))
        today = self._now().date()
        return Change.of(*(people_of(edges, replace(basis, edits=edits), site, today) for edits in states))

    def _edges(self, site: str) -> pa.Table:
        table = Table.open(IDENTITY_EDGES_TABLE, self._account, self._container)
        columns = IDENTITY_EDGES_TABLE.schema
        return columns.empty_table() if table is None else rows_of_site(table, site)

    def _stored(self, request: EditRequest, edges: pa.Table) -> tuple[str, ...]:
        """The ids as events carry them. Raise InvalidRequest with each one that no event carries."""
        spellings = [(id, normalized(id), *all_pseudonyms(id, self._keys)) for id in request.ids]
        wanted = pa.array(sorted({each for spelled in spellings for each in spelled}), pa.string())
        columns = (edges["left_id"], edges["right_id"])
        there = {id for column in columns for id in pc.unique(column.filter(pc.is_in(column, wanted))).to_pylist()}
        found = [next((each for each in spelled if each in there), None) for spelled in spellings]
        if problems := [
            Problem(f"/ids/{index}", "no event of the site with full consent carries this id")
            for index, id in enumerate(found)
            if id is None
        ]:
            raise refusal(problems, INVALID)
        return tuple(id for id in found if id is not None)


def _check_undo(number: int, before: Sequence[LoggedEdit]) -> None:
    edits = [line.edit for line in before]
    if number not in {edit.number for edit in EditsInForce.of(edits).edits}:
        there = any(edit.number == number for edit in edits)
        message = "is undone already, or an undo itself" if there else "there is no edit with this number"
        raise refusal([Problem("/undoes", message)], INVALID)


def _slices(people: pa.Table) -> _Slices:
    slices: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in people.select([name for name in IDENTITY_SCHEMA.names if name != "evidence_id"]).to_pylist():
        slices[row["kind"], row["id"]].append(
            {"person": row["person"], "from": _text(row["valid_from"]), "to": _text(row["valid_to"])}
        )
    return {key: sorted(each, key=lambda slice_: slice_["from"] or "") for key, each in slices.items()}


def _own(id: str) -> Sequence[Mapping[str, Any]]:
    return [{"person": id, "from": None, "to": None}]


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
