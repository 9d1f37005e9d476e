"""Whose each event is, in plain Python: straight from the rules of docs/identity.md, without intervals or SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from clickstream.identity.edits import Edit, EditKind
from clickstream.identity.rules import Rules

Event = Mapping[str, Any]
HALF_AN_HOUR = timedelta(minutes=30)


def people_of(events: Sequence[Event], log: Sequence[Edit], rules: Rules) -> dict[str, str | None]:
    """The person of each event by its id; None for one without any id."""
    return PlainPeople(events, log, rules).of_events()


def reachable(start: str, pairs: Collection[tuple[str, str]]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        id = waiting.pop()
        for a, b in pairs:
            for here, there in ((a, b), (b, a)):
                if here == id and there not in found:
                    found.add(there)
                    waiting.append(there)
    return found


class PlainPeople:
    """The rules over all events of one site at once."""

    def __init__(self, events: Sequence[Event], log: Sequence[Edit], rules: Rules) -> None:
        self.events, self.rules = events, rules
        undone = {line.undoes for line in log if line.kind is EditKind.UNDO}
        self.edits = [line for line in sorted(log, key=lambda line: line.number) if line.number not in undone]
        self.blocked = {id for line in self.edits if line.kind is EditKind.BLOCK for id in line.ids}
        telling = [event for event in events if event["consent"] == "full" and not event["is_bot"]]
        self.used_as_user = {event["user_id"] for event in telling if event["event_type"] != "alias"} - {None}
        self.used_as_device = {
            event["anonymous_id"] for event in telling if event["event_type"] != "alias" and event["id_source"] != "day"
        } - {None}
        self.evidence: dict[tuple[str, str, str | None, datetime], list[Event]] = defaultdict(list)
        for event in telling:
            for kind, left, right in self.says(event):
                if self.usable(left) and (right is None or self.usable(right)):
                    self.evidence[
                        kind, left, right, event["occurred_at"].replace(minute=0, second=0, microsecond=0)
                    ].append(event)
        self.link_ids()
        self.see()

    def usable(self, id: str) -> bool:
        return id not in self.blocked and not self.rules.protects(id)

    def believed(self, event: Event) -> bool:
        secret: bool = event["key_kind"] != "public"
        signed = secret or bool(event["user_verified"])
        return {"any": True, "server": secret, "signed": signed}[self.rules.trust]

    def says(self, event: Event) -> list[tuple[str, str, str | None]]:
        user, other = event["user_id"], event["previous_id"]
        device = None if event["id_source"] == "day" else event["anonymous_id"]
        found: list[tuple[str, str, str | None]] = []
        if device and event["event_name"] in self.rules.logout_events:
            found.append(("logout", device, None))
        if not self.believed(event):
            return found
        if event["event_type"] != "alias" and user and device:
            found.append(("seen", device, user))
        who = user or device
        if (
            other
            and who
            and other != who
            and (event["event_type"] == "alias" or (event["event_type"] == "identify" and user))
        ):
            found.append(("alias", who, other))
        return found

    def is_device(self, id: str) -> bool:
        return id in self.used_as_device and id not in self.used_as_user

    def link_ids(self) -> None:
        aliases: dict[tuple[str, str], list[Event]] = defaultdict(list)
        for (kind, left, right, _), events in self.evidence.items():
            if kind == "alias" and right is not None:
                aliases[left, right] += events
        secret = {pair for pair in aliases if any(event["key_kind"] != "public" for event in aliases[pair])}
        counting = {
            pair for pair in aliases if self.rules.public_aliases or pair in secret or any(map(self.is_device, pair))
        }
        logins = {(left, right) for kind, left, right, _ in self.evidence if kind == "seen" and right is not None}
        unlinked = {(line.ids[0], line.ids[1]) for line in self.edits if line.kind is EditKind.UNLINK}
        hubs, hubs_of_secret_keys = self.hubs(counting), self.hubs(secret)
        self.of_aliases: list[tuple[str, str]] = []
        users, devices = [], []
        for left, right in sorted(counting):
            of_a_hub = {left, right} & (hubs_of_secret_keys if (left, right) in secret else hubs)
            if of_a_hub:
                continue
            if self.is_device(left) and self.is_device(right):
                devices.append((left, right))
            elif self.is_device(left) or self.is_device(right):
                self.of_aliases.append((left, right))
            else:
                users.append((left, right))
                continue
            # Anybody can make a device of an id, so a secret key's word joins users, unless the user was on the device.
            if (left, right) in secret and not {(left, right), (right, left)} & (logins | unlinked):
                users.append((left, right))
        self.user_pairs = self.in_force(users, of_devices=False)
        self.device_pairs = self.in_force(devices, of_devices=True)

    def hubs(self, pairs: Collection[tuple[str, str]]) -> set[str]:
        partners: dict[str, set[str]] = defaultdict(set)
        for left, right in pairs:
            partners[left].add(right)
            partners[right].add(left)
        return {id for id, others in partners.items() if len(others) > self.rules.limits.partners}

    def in_force(self, pairs: list[tuple[str, str]], *, of_devices: bool) -> list[tuple[str, str]]:
        small = [pair for pair in pairs if len(reachable(pair[0], pairs)) <= self.rules.limits.ids]
        for line in self.edits:
            if line.kind is EditKind.SPLIT:
                small = [pair for pair in small if not set(pair) & set(line.ids)]
            if line.kind is EditKind.MERGE:
                these = [id for id in line.ids if self.usable(id) and self.is_device(id) is of_devices]
                small += [(a, b) for a in these for b in these if a < b]
        # A split takes aliases for good, also those that a merge in the log stands before.
        return small

    def name(self, id: str, pairs: list[tuple[str, str]], known: Collection[str]) -> str:
        joined = reachable(id, pairs)
        return min(joined & set(known) or {id for id in joined if not self.is_device(id)} or joined)

    def user(self, id: str) -> str:
        return self.name(id, self.user_pairs, self.used_as_user)

    def device(self, id: str) -> str:
        return self.name(id, self.device_pairs, self.used_as_device)

    def see(self) -> None:
        unlinked = {(line.ids, line.number) for line in self.edits if line.kind is EditKind.UNLINK}
        never = {ids for ids, _ in unlinked}
        seen: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        for (kind, left, right, _), events in self.evidence.items():
            moments = [event["occurred_at"] for event in events]
            for moment in (min(moments), max(moments)):
                if kind == "logout":
                    seen[self.device(left)].append((moment, ""))
                elif kind == "seen" and right is not None and (left, right) not in never:
                    seen[self.device(left)].append((moment, self.user(right)))
                elif kind == "alias" and right is not None and (left, right) in self.of_aliases:
                    device, user = (left, right) if self.is_device(left) else (right, left)
                    if (device, user) not in never:
                        seen[self.device(device)].append((moment, self.user(user)))
        for line in self.edits:
            if line.kind is not EditKind.LINK or line.at is None or not all(map(self.usable, line.ids)):
                continue
            if not any(ids == line.ids and number > line.number for ids, number in unlinked):
                seen[self.device(line.ids[0])].append((line.at, self.user(line.ids[1])))
        self.seen = {
            device: [(at, max(who for when, who in each if when == at)) for at in sorted({at for at, _ in each})]
            for device, each in seen.items()
        }

    def of_events(self) -> dict[str, str | None]:
        return {event["event_id"]: self.of(event) for event in self.events}

    def known(self) -> set[str]:
        """The events of users, by their ids."""
        return {event["event_id"] for event in self.events if self.user_of(event)}

    def of(self, event: Event) -> str | None:
        if name := self.user_of(event):
            return name
        user: str | None = event["user_id"]
        device: str | None = event["anonymous_id"]
        if user and self.usable(user) and self.believed(event):
            return self.device(user)
        if device and event["id_source"] != "day" and self.usable(device):
            return self.device(device)
        return device or user

    def user_of(self, event: Event) -> str | None:
        """The user whose event it is, before or after a login; None or empty if there is none."""
        user: str | None = event["user_id"]
        device: str | None = event["anonymous_id"]
        if user and self.usable(user) and self.believed(event):
            return self.seen_on(self.device(user), event["occurred_at"]) if self.is_device(user) else self.user(user)
        if device and event["id_source"] != "day" and self.usable(device):
            return self.seen_on(self.device(device), event["occurred_at"])
        return None

    def seen_on(self, device: str, at: datetime) -> str:
        seen = self.seen.get(device, [])
        if len({who for _, who in seen if who}) > self.rules.limits.people:
            return ""
        before = [each for each in seen if each[0] <= at]
        after = [each for each in seen if each[0] > at]
        if before and before[-1][0] == at:
            return before[-1][1]
        if not before:
            return after[0][1] if after else ""
        if after and after[0][1] and after[0][0] - at <= HALF_AN_HOUR and after[0][1] != before[-1][1]:
            return after[0][1]
        return before[-1][1]
