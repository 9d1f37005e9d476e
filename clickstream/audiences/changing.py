"""Which memberships begin and end, why, and from when: the rules of docs/audiences.md, without storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.audiences.state import Membership, Memberships, moment_of
from clickstream.model.audience_tables import ENTER, EXIT, MEMBER
from clickstream.querying.scope import Audience

# Fewer changes than these never wait for a release.
HELD_FROM = 1000


def are_too_many(changes: int, members: int, max_change: int, held_from: int) -> bool:
    """Whether so many changes of an audience with these members are at least `held_from` and more than `max_change`
    percent.
    """
    return changes >= held_from and changes * 100 > max_change * max(1, members)


@dataclass(frozen=True, slots=True)
class Change:
    """A row of `audience_changes` before it has a number."""

    audience: str
    person: str
    is_known: bool
    kind: str
    reason: str
    changed_at: datetime
    entered_at: datetime
    exit_at: datetime | None
    is_sent: bool


class Evaluated:
    """The rows of `members`: of everybody who is in an audience, may be in one without another event, or has news.

    Of audience n it has `member_n` and `changes_n`; of a lasting one `qualifies_n`, too.
    """

    def __init__(self, rows: pa.Table, slugs: Sequence[str]) -> None:
        self._rows = rows
        self._numbers = {slug: number for number, slug in enumerate(slugs)}
        people = rows["person"].to_pylist()
        self._at = {person: place for place, person in enumerate(people)}

    def members(self, slug: str) -> Sequence[str]:
        """Who is in the audience, in the order of names; nobody if it is not defined."""
        if slug not in self._numbers:
            return []
        held = self._rows.filter(pc.fill_null(self._rows[f"member_{self._numbers[slug]}"], False))
        members: Sequence[str] = sorted(held["person"].to_pylist())
        return members

    def changes_at(self, slug: str, person: str) -> datetime | None:
        """When the person's membership can next change without another event."""
        at = self.value(f"changes_{self._numbers[slug]}", person) if slug in self._numbers else None
        return None if at is None else moment_of(at)

    def qualifies(self, slug: str, person: str) -> bool:
        """Whether the person meets the condition of a lasting audience."""
        return slug in self._numbers and self.value(f"qualifies_{self._numbers[slug]}", person) is True

    def value(self, column: str, person: str) -> Any:
        """A value of the person's row; None if there is no row."""
        place = self._at.get(person)
        return None if place is None else self._rows[column][place].as_py()

    def dues(self) -> Iterator[tuple[str, int]]:
        """Whose memberships can change without another event, and the first such moment, in microseconds since 1970."""
        if self._numbers:
            moments = pc.min_element_wise(*(self._rows[f"changes_{number}"] for number in self._numbers.values()))
            due = self._rows.select(["person"]).append_column("at", moments).filter(pc.is_valid(moments))
            yield from zip(due["person"].to_pylist(), due["at"].to_pylist(), strict=True)


@dataclass(frozen=True, slots=True)
class Step:
    """The step of an audience from one evaluation to the next, at `until`.

    `audience` is its definition, None if it is removed. `was_defined` is whether it was evaluated before, and
    `is_changed` whether its definition is another one than then.
    """

    slug: str
    audience: Audience | None
    until: datetime
    was_defined: bool
    is_changed: bool
    is_sent: bool
    enters: Sequence[str]
    exits: Sequence[str]
    before: Mapping[str, Membership]
    """The members so far among whoever is evaluated."""

    @classmethod
    def of(
        cls,
        slug: str,
        audience: Audience | None,
        until: datetime,
        now: Evaluated,
        memberships: Memberships,
        *,
        was_defined: bool,
        is_changed: bool,
        is_sent: bool,
    ) -> Step:
        """The step to what `now` says."""
        before, members = memberships.get(slug, {}), now.members(slug)
        there = set(members)
        enters = [person for person in members if person not in before]
        exits = sorted(person for person in before if person not in there)
        return cls(slug, audience, until, was_defined, is_changed, is_sent, enters, exits, before)

    def without_news(self, now: Evaluated) -> Iterator[str]:
        """Whose memberships change although neither an event nor the definition says so."""
        if self.was_defined and not self.is_changed:
            for person in (*self.enters, *self.exits):
                if _news(now, person, EXIT if person in self.before else ENTER) is None:
                    yield person

    def changes(self, now: Evaluated, earlier: Evaluated | None, since: datetime | None) -> Iterator[Change]:
        """The rows. `earlier` is what the events that are known now say about `since`, the evaluation before."""
        for person in self.enters:
            reason, at = self._why(person, ENTER, now, earlier, since)
            is_sent = self.is_sent and reason != "existing"
            known = now.value("is_known", person) is True
            exit_at = now.changes_at(self.slug, person)
            if exit_at is not None and self.audience is not None:
                exit_at = max(exit_at, at + self.audience.stay)
            yield Change(self.slug, person, known, ENTER, reason, at, at, exit_at, is_sent)
        for person in self.exits:
            reason, at = self._why(person, EXIT, now, earlier, since)
            was = self.before[person]
            yield Change(
                self.slug,
                person,
                was.is_known,
                EXIT,
                reason,
                max(at, was.entered_at),
                was.entered_at,
                None,
                self.is_sent,
            )

    def reported_again(self, now: Evaluated, last: int, at_most: int) -> tuple[Sequence[Change], bool]:
        """Rows about members whom no message has reported since row `last`, and whether that is all of them."""
        leaving = set(self.exits)
        waiting = [
            (person, was)
            for person, was in sorted(self.before.items())
            if was.reported <= last and person not in leaving
        ]
        reported = [
            Change(
                self.slug,
                person,
                was.is_known,
                MEMBER,
                "existing",
                was.entered_at,
                was.entered_at,
                now.changes_at(self.slug, person),
                True,
            )
            for person, was in waiting[:at_most]
        ]
        return reported, len(waiting) <= at_most

    def _why(
        self, person: str, kind: str, now: Evaluated, earlier: Evaluated | None, since: datetime | None
    ) -> tuple[str, datetime]:
        if not self.was_defined:
            return "existing", self.until
        if self.is_changed:
            return "definition", self.until
        if (news := _news(now, person, kind)) is not None:
            return news, self.until
        turned = earlier.changes_at(self.slug, person) if earlier is not None else None
        only_lasted = kind == EXIT and earlier is not None and self._only_lasted(person, earlier)
        if turned is not None and since is not None and since < turned <= self.until:
            if only_lasted and self.audience is not None:  # the condition ended a grace before
                ended = turned - self.audience.grace
                turned = max(ended, self.before[person].entered_at + self.audience.stay)
            return "time", turned
        return ("event" if only_lasted else "identity"), self.until

    def _only_lasted(self, person: str, earlier: Evaluated) -> bool:
        """Whether the membership had lasted longer than the condition already."""
        is_lasting = self.audience is not None and self.audience.is_lasting
        return (
            is_lasting
            and earlier.changes_at(self.slug, person) is not None
            and not earlier.qualifies(self.slug, person)
        )


def _news(now: Evaluated, person: str, kind: str) -> str | None:
    if kind == EXIT and now.value("is_allowed", person) is False:
        return "opted_out"
    if now.value("has_news", person):
        return "event"
    return "late" if now.value("has_late", person) else None
