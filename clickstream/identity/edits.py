"""The log of operators' edits: each says something about ids, and can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EditKind(StrEnum):
    """What an edit says about its ids."""

    MERGE = "merge"
    """The users among them are one person, and the devices among them one device."""
    SPLIT = "split"
    """No link joins any of them to another id, unless a later merge does."""
    LINK = "link"
    """The user was on the device at a moment. The ids are the device and the user."""
    UNLINK = "unlink"
    """The user was never on the device, unless a later link says so. The ids are the device and the user."""
    BLOCK = "block"
    """They mean nobody."""
    UNDO = "undo"
    """The edit with number `undoes` is void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One line of the log. Numbers rise within a site."""

    number: int
    kind: EditKind
    ids: tuple[str, ...] = ()
    at: datetime | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class EditsInForce:
    """The edits of one site that are not undone."""

    edits: Sequence[Edit]

    @classmethod
    def of(cls, log: Iterable[Edit]) -> EditsInForce:
        """The log's edits, in the order of their numbers, without the undone ones. An undo cannot be undone."""
        lines = sorted(log, key=lambda edit: edit.number)
        undone = {edit.undoes for edit in lines if edit.kind == EditKind.UNDO}
        return cls([edit for edit in lines if edit.kind != EditKind.UNDO and edit.number not in undone])

    def blocked(self) -> frozenset[str]:
        """The ids that mean nobody."""
        return frozenset(id for edit in self._of(EditKind.BLOCK) for id in edit.ids)

    def split(self) -> frozenset[str]:
        """The ids that no evidence may join to another id."""
        return frozenset(id for edit in self._of(EditKind.SPLIT) for id in edit.ids)

    def merged(self) -> Iterator[Sequence[str]]:
        """The ids that each merge joins, without those that a later edit splits off."""
        for merge in self._of(EditKind.MERGE):
            later = {id for split in self._of(EditKind.SPLIT) if split.number > merge.number for id in split.ids}
            yield [id for id in merge.ids if id not in later]

    def unlinked(self) -> frozenset[tuple[str, str]]:
        """Devices and users of which no evidence counts."""
        return frozenset((edit.ids[0], edit.ids[1]) for edit in self._of(EditKind.UNLINK) if len(edit.ids) == 2)

    def linked(self) -> Iterator[tuple[str, str, datetime]]:
        """Device, user and moment of each sighting by hand that no later edit takes back."""
        for link in self._of(EditKind.LINK):
            if len(link.ids) != 2:  # an id was erased
                continue
            device, user = link.ids
            taken_back = any(
                unlink.ids == link.ids and unlink.number > link.number for unlink in self._of(EditKind.UNLINK)
            )
            if link.at is not None and not taken_back:
                yield device, user, link.at

    def _of(self, kind: EditKind) -> Iterator[Edit]:
        return (edit for edit in self.edits if edit.kind == kind)
