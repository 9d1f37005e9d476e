"""Finds the ids of one person by following identify and alias events, and the table `identities`.

A public key is visible in every page, so anybody may send such an event about anybody. An event with a public key links
a person only to a device on which nobody else is known: to send it, one must know the device's id, which only its
browser does. All other links are returned as suggestions, for somebody to confirm. `identities` adds what operators and
the site's own rules join, and devices on which any events name the person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.erasing.person import Person
from clickstream.errors import LimitExceeded
from clickstream.model.identity_tables import DEVICE, USER
from clickstream.table.delta import Table
from clickstream.table.erasure import select

LINKING = ("identify", "alias")
COLUMNS = ("site", "event_type", "user_id", "anonymous_id", "previous_id", "key_kind")
# Kinds of secret keys. Rows older than the column have no kind.
SECRET_KEYS = frozenset({"server", "import"})
IDENTITY_READ = ("site", "kind", "id", "person", "rule")
MAX_IDS = 1_000
MAX_SUGGESTIONS = 100


@dataclass(frozen=True, slots=True)
class Link:
    """The ids of an identify or alias event, `is_trusted` with a secret key; or those of a row of `identities`."""

    user_id: str | None
    anonymous_id: str | None
    previous_id: str | None = None
    is_trusted: bool = False
    is_of_event: bool = True

    @property
    def ids(self) -> frozenset[str]:
        """All ids of the event."""
        return frozenset(filter(None, (self.user_id, self.anonymous_id, self.previous_id)))


LinksOf = Callable[[Collection[str]], Sequence[Link]]


@dataclass(frozen=True, slots=True)
class Linked:
    """The person with all linked ids.

    `shared` are devices left out because others are known on them, too. `suggested` are ids that are linked only by
    events that anybody may have sent.
    """

    person: Person
    shared: frozenset[str] = frozenset()
    suggested: frozenset[str] = frozenset()


def linked(person: Person, links_of: LinksOf) -> Linked:
    """Follow links from id to id: trusted aliases, and every device on which nobody else is known.

    An alias is trusted if it came with a secret key, or if events with secret keys name both its ids on one device. A
    device that others use as well is left out, unless the request names it; the person's events on it while logged in
    are still found by `user_id`. `links_of` returns the links that name any of the given ids.

    Raise LimitExceeded beyond MAX_IDS.
    """
    users, devices = set(person.user_ids), set(person.anonymous_ids)
    links: dict[Link, None] = {}
    visited: set[str] = set()
    while unknown := (users | devices | _devices_of(users, links)) - visited:
        if len(unknown | visited) > MAX_IDS:
            raise LimitExceeded(f"more than {MAX_IDS} ids are linked to these; ask without `linked`, and name them")
        links |= dict.fromkeys(links_of(unknown))
        visited |= unknown
        while _follow(links, users, devices, visited):
            pass
    shared = frozenset(_devices_of(users, links) - devices)
    suggested = frozenset(_suggestions(links, users | devices)) - users - devices - shared
    return Linked(replace(person, user_ids=frozenset(users), anonymous_ids=frozenset(devices)), shared, suggested)


def _follow(links: Iterable[Link], users: set[str], devices: set[str], visited: set[str]) -> bool:
    """Add the ids that the links lead to. Returns whether any were added."""
    before = len(users) + len(devices)
    known_on, confirmed_on = _users_on_devices(links), _users_on_devices(link for link in links if link.is_trusted)
    # By the name that `identities` gives a person a device would have two users.
    named_on = _users_on_devices(link for link in links if link.is_of_event)
    for link in links:
        named = not link.ids.isdisjoint(users | devices)
        if link.previous_id and named and (link.is_trusted or _know_both(confirmed_on, link)):
            users.add(link.previous_id)
            devices.add(link.previous_id)
            users |= {link.user_id} if link.user_id else set()
        device = link.anonymous_id
        if device is None:
            continue
        if device in visited and known_on[device] <= users | devices:
            devices |= {device} if link.user_id in users else set()
        if device in devices and len(named_on.get(device, ())) == 1:
            users |= confirmed_on.get(device, set())
    return len(users) + len(devices) > before


def _know_both(users_on: Mapping[str, set[str]], link: Link) -> bool:
    """Whether both ids of an alias are known on one device; the former id may be the device itself."""
    return any(
        link.user_id in users and (link.previous_id in users or link.previous_id == device)
        for device, users in users_on.items()
    )


def _users_on_devices(links: Iterable[Link]) -> Mapping[str, set[str]]:
    on: dict[str, set[str]] = {}
    for link in links:
        if link.anonymous_id is not None:
            on.setdefault(link.anonymous_id, set()).update(filter(None, [link.user_id]))
    return on


def _devices_of(users: Collection[str], links: Iterable[Link]) -> set[str]:
    return {link.anonymous_id for link in links if link.anonymous_id is not None and link.user_id in users}


def _suggestions(links: Iterable[Link], ids: Collection[str]) -> Iterator[str]:
    """Ids that aliases, and logins on the person's devices, link to the person."""
    for link in links:
        if not link.ids.isdisjoint(ids):
            yield from filter(None, (link.user_id, link.previous_id))


def links_in(events: Table, identities: Table | None, site: str) -> LinksOf:
    """A function that looks links up in `events` and, if it is there, `identities`; each call scans them once."""
    of_events = _links_in_events(events, site)
    if identities is None:
        return of_events
    by_rules = _links_in_identities(identities, site)
    return lambda ids: [*of_events(ids), *by_rules(ids)]


def _links_in_identities(identities: Table, site: str) -> LinksOf:
    """Links of a user to the person's name, and of a person to each device on which it was seen.

    Users are joined there by operators and by aliases that the site believes, never by a device.
    """

    def links_of(ids: Collection[str]) -> Sequence[Link]:
        wanted = pa.array(sorted(ids), pa.string())

        def find(rows: pa.Table) -> pa.ChunkedArray:
            named = pc.or_(pc.is_in(rows["id"], wanted), pc.is_in(rows["person"], wanted))
            return pc.fill_null(pc.and_(named, pc.equal(rows["site"], site)), False)

        rows = [row for table in select(identities, IDENTITY_READ, find) for row in table.to_pylist()]
        return [
            *(
                Link(row["id"], None, row["person"], is_trusted=True, is_of_event=False)
                for row in rows
                if row["kind"] == USER and row["rule"] == "alias"
            ),
            *(
                Link(row["person"], row["id"], is_of_event=False)
                for row in rows
                if row["kind"] == DEVICE and row["rule"] in ("first login", "login")
            ),
        ]

    return links_of


def _links_in_events(events: Table, site: str) -> LinksOf:

    def links_of(ids: Collection[str]) -> Sequence[Link]:
        wanted = pa.array(sorted(ids), pa.string())

        def find(rows: pa.Table) -> pa.ChunkedArray:
            linking = pc.is_in(rows["event_type"], pa.array(LINKING, pa.string()))
            named = pc.or_(pc.is_in(rows["user_id"], wanted), pc.is_in(rows["anonymous_id"], wanted))
            named = pc.or_(named, pc.is_in(rows["previous_id"], wanted))
            return pc.fill_null(pc.and_(pc.and_(linking, named), pc.equal(rows["site"], site)), False)

        return list(
            dict.fromkeys(
                Link(row["user_id"], row["anonymous_id"], row["previous_id"], row["key_kind"] in SECRET_KEYS)
                for rows in select(events, COLUMNS, find)
                for row in rows.select(COLUMNS).to_pylist()
            )
        )

    return links_of
