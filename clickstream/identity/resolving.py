"""From evidence and edits to people: which person each id is, from when to when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa

from clickstream.identity.edges import Presence
from clickstream.identity.edits import EditsInForce
from clickstream.identity.intervals import Interval, Sighting, by_device
from clickstream.identity.linking import Link, names, without_placeholders
from clickstream.identity.rules import Rules, Trust
from clickstream.model.identity_tables import (
    ALIAS,
    DEVICE,
    IDENTITY_PARTITION,
    IDENTITY_SCHEMA,
    LOGOUT,
    NOBODY,
    SEEN,
    USER,
)


class ProblemKind(StrEnum):
    """Why evidence was ignored."""

    PLACEHOLDER = "placeholder"
    """The id is an alias of too many others: their number."""
    TOO_MANY_IDS = "too many ids"
    """Aliases join too many ids into the person of this name: their number."""
    CROWDED_DEVICE = "crowded device"
    """Too many people were on the device: their number."""
    UNPROVEN_ALIAS = "unproven alias"
    """A public key alone said that other users are the user: their number."""
    UNPROVEN_USER = "unproven user"
    """The site does not believe the key that sent the user id, and there is no signature: the number of devices."""
    NOBODY = "nobody"
    """The user id means nobody: the number of devices."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Evidence that was ignored, by the id that it is about."""

    kind: ProblemKind
    id: str
    count: int


@dataclass(frozen=True, slots=True)
class People:
    """What the evidence of one site says. Ids that are no key stand for themselves."""

    users: Mapping[str, str]
    """Person of each user id that is joined to another."""
    devices: Mapping[str, str]
    """Name of each device that is joined to another."""
    held: Mapping[str, Sequence[Interval]]
    """Intervals of each device by its name."""
    problems: Sequence[Problem]
    ignored: Collection[str]
    """User ids of events that mean nobody: such an event is its device's."""
    misplaced: Collection[str]
    """Ids of devices that alias events carry as their user: such an event is the device's, too."""

    def user(self, id: str) -> str:
        """The person of a user id."""
        return self.users.get(id, id)

    def table(self, site: str, resolved: date) -> pa.Table:
        """The rows of `identities`, as IDENTITY_SCHEMA: only ids that are not simply their own person."""
        joined = ((id, person) for id, person in self.users.items() if id != person and id not in self.misplaced)
        rows = [_Row(USER, id, person, "alias") for id, person in joined]
        members: dict[str, list[str]] = defaultdict(list)
        for id, name in self.devices.items():
            members[name].append(id)
        for name in members.keys() | self.held.keys():
            for id in sorted({*members.get(name, ()), name}):
                rows += self._rows_of_device(id, name)
        rows.sort(key=lambda row: (row.kind, row.id, row.valid_from is not None, row.valid_from))
        lone = set(self.misplaced) - self.devices.keys() - self.held.keys()
        return pa.concat_tables([_table(rows, site, resolved), lone_rows(lone, self.ignored, site, resolved)])

    def _rows_of_device(self, id: str, name: str) -> Iterable[_Row]:
        held = self.held.get(name) or ([Interval(None, None, None, "group", None)] if id != name else [])
        if not held and id in self.misplaced:
            held = [Interval(None, None, None, "group", None)]
        for kind in (DEVICE, USER) if id in self.misplaced else (DEVICE,):
            for each in held:
                yield _Row(kind, id, each.person or name, each.rule, each.begin, each.end, each.evidence_id)


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    id: str
    person: str
    rule: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    evidence_id: str | None = None


def lone_rows(devices: Iterable[str], nobody: Iterable[str], site: str, resolved: date) -> pa.Table:
    """The rows of `identities`, as IDENTITY_SCHEMA, of user ids that are a device's on which nobody was seen, or that
    mean nobody.
    """
    rows = [_Row(USER, id, id, "group") for id in sorted(devices)]
    return _table([*rows, *(_Row(NOBODY, id, id, NOBODY) for id in sorted(nobody))], site, resolved)


def _table(rows: Sequence[_Row], site: str, resolved: date) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in _Row.__slots__}
    fixed = {"site": [site] * len(rows), IDENTITY_PARTITION: [resolved] * len(rows)}
    return pa.Table.from_pydict(columns | fixed, schema=IDENTITY_SCHEMA)


def resolve(edges: pa.Table, edits: EditsInForce, presence: Presence, rules: Rules) -> People:
    """The people of one site. The result depends on the sets of edges and edits, not on their order or repetition.

    `edges` has EDGE_SCHEMA and the rows of one site.
    """
    blocked = edits.blocked()

    def usable(*ids: str | None) -> bool:
        return not any(id in blocked or rules.protects(id) for id in ids if id is not None)

    rows = _merged(
        row
        for row in edges.to_pylist()
        if usable(row["left_id"], row["right_id"]) and (row["kind"] == LOGOUT or _believed(row, rules))
    )
    logged_in = {(row["left_id"], row["right_id"]) for row in rows if row["kind"] == SEEN}
    aliases = _Aliases.of(
        [row for row in rows if row["kind"] == ALIAS], presence, rules, {*logged_in, *edits.unlinked()}
    )
    merged = [[id for id in ids if usable(id)] for ids in edits.merged()]
    split, most = edits.split(), rules.limits.ids
    merged_users = [[id for id in ids if not presence.is_device(id)] for ids in merged]
    merged_devices = [[id for id in ids if presence.is_device(id)] for ids in merged]
    users, large_users = names(aliases.of_users, merged_users, split, presence.rank_as_user, most)
    devices, large_devices = names(aliases.of_devices, merged_devices, split, presence.rank_as_device, most)
    sightings = _sightings(
        (
            *((row["left_id"], row["right_id"], row) for row in rows if row["kind"] == SEEN),
            *aliases.sightings,
            *((row["left_id"], None, row) for row in rows if row["kind"] == LOGOUT),
        ),
        (link for link in edits.linked() if usable(*link[:2])),
        edits.unlinked(),
        users,
        devices,
    )
    held = by_device(sightings, rules.limits.people)
    return People(
        users,
        devices,
        {name: each for name, each in held.items() if each},
        [
            *_problems(ProblemKind.PLACEHOLDER, aliases.placeholders),
            *_problems(ProblemKind.TOO_MANY_IDS, {**large_users, **large_devices}),
            *_problems(ProblemKind.UNPROVEN_ALIAS, aliases.unproven),
            *_problems(ProblemKind.CROWDED_DEVICE, _crowded(sightings, rules.limits.people)),
        ],
        frozenset(id for id in presence.named if not usable(id)),
        frozenset(filter(presence.is_device, presence.named)),
    )


_Seen = tuple[str, str | None, Mapping[str, Any]]
"""Device, user (None for a logout), and the row of evidence."""


@dataclass(frozen=True, slots=True)
class _Aliases:
    """Alias rows by what they say: two users are one, two devices are one, or a user was on a device. A secret key's
    alias of a device joins users, too: any public key can send an event with an id and so make it a device's.
    """

    of_users: Collection[Link]
    of_devices: Collection[Link]
    sightings: Sequence[_Seen]
    placeholders: Mapping[str, int]
    unproven: Mapping[str, int]
    """Users whose aliases of other users do not count, because a public key said so; and the number of these."""

    @classmethod
    def of(
        cls, rows: Collection[Mapping[str, Any]], presence: Presence, rules: Rules, apart: Collection[Link]
    ) -> _Aliases:
        """`apart` are pairs of a device and a user that are not one person: who logged in there, or never did."""
        secret = {_link(row) for row in rows if row["is_secret"]}
        links = {_link(row) for row in rows}
        counting = {
            link for link in links if rules.public_aliases or link in secret or any(map(presence.is_device, link))
        }
        guarded = without_placeholders(counting, rules.limits.partners)
        # Whoever has a public key can make a placeholder of any id, so it is none for aliases of secret keys.
        allowed = {*guarded.links, *without_placeholders(secret, rules.limits.partners).links}
        of_users, of_devices, sightings = set[Link](), set[Link](), list[_Seen]()
        for row in rows:
            if (link := _link(row)) not in allowed:
                continue
            left, right = (presence.is_device(id) for id in link)
            if left and right:
                of_devices.add(link)
            elif left or right:
                device, user = link if left else link[::-1]
                sightings.append((device, user, row))
            if not (left or right) or (link in secret and link not in apart and link[::-1] not in apart):
                of_users.add(link)
        return cls(of_users, of_devices, sightings, guarded.placeholders, _by_busier_end(links - counting))


def _by_busier_end(links: Collection[Link]) -> Mapping[str, int]:
    """How many links each id has, where each link counts for that one of its ids that has more of them."""
    degree = Counter(id for link in links for id in link)
    return Counter(max(link, key=lambda id: (degree[id], id)) for link in links)


def _link(row: Mapping[str, Any]) -> Link:
    return row["left_id"], row["right_id"]


def _sightings(
    seen: Iterable[_Seen],
    linked: Iterable[tuple[str, str, datetime]],
    unlinked: Collection[tuple[str, str]],
    users: Mapping[str, str],
    devices: Mapping[str, str],
) -> Mapping[str, Collection[Sighting]]:
    """Who was on each device, by its name, and when: the first and the last moment of each row of evidence."""
    sightings: dict[str, set[Sighting]] = defaultdict(set)
    for device, user, row in seen:
        if user is None or (device, user) not in unlinked:
            person = "" if user is None else users.get(user, user)
            for moment in (row["first_at"], row["last_at"]):
                sightings[devices.get(device, device)].add(Sighting(moment, person, row["evidence_id"]))
    for device, user, moment in linked:
        sightings[devices.get(device, device)].add(Sighting(moment, users.get(user, user)))
    return sightings


def _crowded(sightings: Mapping[str, Collection[Sighting]], most: int) -> Mapping[str, int]:
    counts = {name: len({each.person for each in seen if each.person}) for name, seen in sightings.items()}
    return {name: count for name, count in counts.items() if count > most}


def _problems(kind: ProblemKind, counts: Mapping[str, int]) -> Iterable[Problem]:
    return (Problem(kind, id, count) for id, count in counts.items())


def _believed(row: Mapping[str, Any], rules: Rules) -> bool:
    """Whether the site believes the user ids of such events."""
    if rules.trust is Trust.ANY:
        return True
    return bool(row["is_secret"] or (rules.trust is Trust.SIGNED and row["is_signed"]))


def _merged(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each kind, ids and hour: batches of events have evidence of the same hour."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["kind"], row["left_id"], row["right_id"], row["hour"])
        if (before := merged.get(key)) is None:
            merged[key] = row
            continue
        first = min(before, row, key=lambda each: (each["first_at"], each["evidence_id"]))
        merged[key] = {
            **first,
            "last_at": max(before["last_at"], row["last_at"]),
            "is_secret": before["is_secret"] or row["is_secret"],
            "is_signed": before["is_signed"] or row["is_signed"],
        }
    return list(merged.values())
