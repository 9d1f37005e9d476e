"""Ids of one person, as identify and alias events join them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing.person import Person
from clickstream.lake.erasable_table import ErasableTable

LINKING = ("identify", "alias")
COLUMNS = ("site", "event_type", "user_id", "anonymous_id", "previous_id")


@dataclass(frozen=True, slots=True)
class Link:
    """What one identify or alias event says."""

    user_id: str | None
    anonymous_id: str | None
    previous_id: str | None = None


LinksOf = Callable[[Collection[str]], Sequence[Link]]


@dataclass(frozen=True, slots=True)
class Linked:
    """The person by all ids, and the devices that were left out because others are known on them, too."""

    person: Person
    shared: frozenset[str]


def linked(person: Person, links_of: LinksOf) -> Linked:
    """Follow links from id to id: all that an alias states, and every device on which nobody else is known.

    A device that others use as well stays theirs, unless it was asked for; what the person did on it while known is
    found by `user_id` all the same. `links_of` finds the links that name any of some ids.
    """
    users, devices = set(person.user_ids), set(person.anonymous_ids)
    links: dict[Link, None] = {}
    asked: set[str] = set()
    while unknown := (users | devices | _devices_of(users, links)) - asked:
        links |= dict.fromkeys(links_of(unknown))
        asked |= unknown
        while _follow(links, users, devices, asked):
            pass
    shared = frozenset(_devices_of(users, links) - devices)
    return Linked(replace(person, user_ids=frozenset(users), anonymous_ids=frozenset(devices)), shared)


def _follow(links: Iterable[Link], users: set[str], devices: set[str], asked: set[str]) -> bool:
    """Take in what the links add. Returns whether they added anything."""
    before = len(users) + len(devices)
    on = _users_on_devices(links)
    for link in links:
        known = {link.user_id, link.anonymous_id, link.previous_id} & (users | devices)
        if link.previous_id and known:
            users.add(link.previous_id)
            devices.add(link.previous_id)
            users |= {link.user_id} if link.user_id else set()
        device = link.anonymous_id
        if device in asked and on[device] <= users | devices:
            devices |= {device} if link.user_id in users else set()
        if device in devices and len(on[device]) == 1:
            users |= on[device]
    return len(users) + len(devices) > before


def _users_on_devices(links: Iterable[Link]) -> Mapping[str, set[str]]:
    on: dict[str, set[str]] = {}
    for link in links:
        if link.anonymous_id is not None:
            on.setdefault(link.anonymous_id, set()).update(filter(None, [link.user_id]))
    return on


def _devices_of(users: Collection[str], links: Iterable[Link]) -> set[str]:
    return {link.anonymous_id for link in links if link.anonymous_id is not None and link.user_id in users}


def links_in(events: ErasableTable, site: str) -> LinksOf:
    """Looks links up in a table of events, reading it once for each call."""

    def links_of(ids: Collection[str]) -> Sequence[Link]:
        wanted = pa.array(sorted(ids), pa.string())

        def find(rows: pa.Table) -> pa.ChunkedArray:
            linking = pc.is_in(rows["event_type"], pa.array(LINKING, pa.string()))
            named = pc.or_(pc.is_in(rows["user_id"], wanted), pc.is_in(rows["anonymous_id"], wanted))
            named = pc.or_(named, pc.is_in(rows["previous_id"], wanted))
            return pc.fill_null(pc.and_(pc.and_(linking, named), pc.equal(rows["site"], site)), False)

        return [
            Link(row["user_id"], row["anonymous_id"], row["previous_id"])
            for rows in events.select(COLUMNS, find)
            for row in rows.to_pylist()
        ]

    return links_of
