"""Random histories in batches, some of them late, with crashes at any step; and what must hold of rows and messages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from clickstream.errors import Unavailable
from clickstream.querying.goals import audiences_of
from clickstream.sites.document import Site, parse_site
from tests.functional.audiences.plain_members import Did, Last, is_member, is_there
from tests.integration.audiences.audience_lake import AudienceLake, Crash, did
from tests.integration.compacting.failing_storage import FailingStorage

PEOPLE = [f"p{number}" for number in range(8)]
NAMES = ("view", "add_to_cart", "purchase")
STEP = timedelta(hours=1)
CONDITIONS = (
    "{did: {event: add_to_cart}, within: 6h}",
    "{all: [{did: {event: add_to_cart}, within: 9h}, {did_not: {event: purchase}, within: 4h}]}",
    "{did: {}, times: {at_least: 2, at_most: 3}, within: 5h}",
    "{all: [{did: {}, within: 12h}, {did_not: {}, within: 3h}]}",
    "{any: [{did: {event: purchase}, within: 3h}, {in: b}]}",
    "{sequence: {steps: [{event: view}, {event: add_to_cart}], window: 4h}, within: 7h}",
)
# What all of the past says may include events from after the moment, so in lives with such events it is not asked.
OF_ALL_PAST = (
    "{all: [{did: {event: add_to_cart}, within: 9h}, {field: {name: acts, at_most: 2}}]}",
    "{any: [{trait: {name: plan, is: [pro]}}, {score: {name: quantity, at_least: 2}}]}",
)
LASTING = ("", "stay: 4h, ", "pause: 5h, ", "grace: 3h, ", "stay: 2h, pause: 3h, grace: 1h, ")


class Life:
    """One random history over a lake."""

    def __init__(self, lake: AudienceLake, storage: FailingStorage, seed: int) -> None:
        self.lake = lake
        self.random = Random(seed)
        self.storage = storage
        self.account = replace(lake.account, blob_endpoint=storage.endpoint)
        self.histories: dict[str, list[Did]] = {person: [] for person in PEOPLE}
        self._names = {person: person for person in PEOPLE}  # the same of users who are one person
        self.crashes = 0
        self._ahead = 200 if seed % 2 else 0
        self._conditions = CONDITIONS if self._ahead else (*CONDITIONS, *OF_ALL_PAST, *OF_ALL_PAST)
        self.site = self.define()
        self._lasts: dict[str, dict[str, Last]] = {}

    def define(self) -> Site:
        """Put a random document in force: audience `a` may change, `c` may be there or not, `b` stays."""
        more = self.random.choice(["", f"  - {{name: C, slug: c, where: {self.random.choice(self._conditions)}}}\n"])
        text = (
            "audience_messages: {hub: changes}\naudiences:\n"
            f"  - {{name: A, slug: a, messages: {self.random.choice(['changes', 'existing'])}, "
            f"{self.random.choice(LASTING)}where: {self.random.choice(self._conditions)}}}\n"
            f"  - {{name: B, slug: b, {LASTING[-1]}where: {CONDITIONS[1]}}}\n{more}"
        )
        self.lake.site("shop", None, text)
        document = f"site: shop\nkeys: [{{kind: public, key: shop-key}}]\n{text}"
        return parse_site(document.encode(), expected="shop")

    def live(self, steps: int) -> None:
        """Live so many steps, then without crashes until everything is sent."""
        for number in range(steps):
            if self.random.random() < 0.1:
                self.site = self.define()
            self.happen(number)
            self.lake.moves(STEP * self.random.randrange(1, 4))
            self.lake.derive()
            for _ in range(3):
                if self.passes():
                    break
            else:
                self.storage.die_at(None)
                assert self.passes(can_crash=False)
            self.check_memberships()
        self.lake.moves(timedelta(minutes=1))
        for _ in range(4):
            if not self.lake.run().changes:
                break
        self.check_memberships()

    def happen(self, number: int) -> None:
        """Events of some people, some of which happened before the last evaluation, or will after the next."""
        events = []
        for place in range(self.random.randrange(2, 6)):
            person, name = self.random.choice(PEOPLE), self.random.choice(NAMES)
            at = self.lake.at + timedelta(minutes=self.random.randrange(-240, 1 + self._ahead))
            advertising = self.random.random() < 0.95
            self.histories[person].append(Did(at, name, advertising=advertising))
            events.append(did(f"{number}-{place}", at, person, name, advertising=advertising))
        if self.random.random() < 0.3:
            events.append(self._identify(f"{number}-trait"))
        if self.random.random() < 0.15:
            events.append(self._merge(f"{number}-alias"))
        if events:
            self.lake.add(*events)

    def _identify(self, id: str) -> dict[str, Any]:
        """Somebody's plan changes."""
        person, plan = self.random.choice(PEOPLE), self.random.choice(["pro", "free"])
        self.histories[person].append(Did(self.lake.at, "identify", type="identify", trait=plan))
        properties = json.dumps({"plan": plan})
        return did(id, self.lake.at, person, "identify", event_type="identify", properties=properties)

    def _merge(self, id: str) -> dict[str, Any]:
        """Two users are one person from now on, also in the past."""
        one, other = self.random.sample(PEOPLE, 2)
        both = {self._names[one], self._names[other]}
        self._names = {user: min(both) if name in both else name for user, name in self._names.items()}
        fields = {"event_type": "alias", "key_kind": "server", "previous_id": other}
        self.histories[one].append(Did(self.lake.at, "alias", type="alias"))
        return did(id, self.lake.at, one, "alias", **fields)

    def people(self) -> dict[str, list[Did]]:
        """The history of each person, by its name: the least id, of those in events but aliases, if any."""
        people: dict[str, list[Did]] = {}
        for name in set(self._names.values()):
            users = [user for user in PEOPLE if self._names[user] == name]
            least = min(users, key=lambda user: (all(event.type == "alias" for event in self.histories[user]), user))
            people[least] = [event for user in users for event in self.histories[user]]
        return people

    def passes(self, *, can_crash: bool = True) -> bool:
        """Derive, evaluate and send; false if the process died on the way."""
        try:
            if can_crash and self.random.random() < 0.5:
                self.storage.die_at(self.random.randrange(1, 40), does_the_last=self.random.random() < 0.5)
                self.lake.hub.dies = self.random.choice(["before", "after", "half", None])
            self.lake.evaluate(self.account)
            self.lake.send(self.account)
        except (Unavailable, Crash):
            self.lake.restart()
            self.crashes += 1
            return False
        finally:
            self.storage.die_at(None)
            self.lake.hub.dies = None
        return True

    def check_memberships(self) -> None:
        """Members are those of plain Python at this moment."""
        audiences, at = audiences_of(self.site), self.lake.at
        expected = {
            (slug, person)
            for slug, audience in audiences.items()
            for person, history in self.people().items()
            if is_there(list(audiences.values()), history, at)
            and is_member(audience, audiences, history, True, at, self._lasts.get(person, {}))
        }
        found = {(slug, person) for slug, people in self.lake.memberships().items() for person in people}
        assert found == expected, (found ^ expected, at, self.site.audiences)
        for row in self.lake.changes():
            ended = row["changed_at"] if row["kind"] == "exit" else None
            self._lasts.setdefault(row["person"], {})[row["audience"]] = Last(row["entered_at"], ended)

    def check_messages(self, bodies: Sequence[bytes]) -> None:
        """Every transition that should be sent arrived: in order, with one body for each id."""
        rows, told = self.lake.changes(), [json.loads(body) for body in bodies]
        by_id: dict[str, bytes] = {}
        for body, document in zip(bodies, told, strict=True):
            assert by_id.setdefault(document["meta"]["message_id"], body) == body
        assert set(by_id) == {row["message_id"] for row in rows if row["message_id"] is not None}
        firsts = list({document["meta"]["message_id"]: document for document in told}.values())
        arrived: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for document in firsts:
            for event in document["data"]["segment_events"]:
                arrived[document["data"]["user_id"], event["slug"]].append((event["event"], document["meta"]["reason"]))
        stored: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in rows:
            stored[row["person"], row["audience"]].append(row["kind"])
            if row["message_id"] is not None:
                kinds = arrived[row["person"], row["audience"]]
                assert kinds.pop(0)[0] == ("exit" if row["kind"] == "exit" else "enter")
        assert not any(arrived.values())
        for each in stored.values():
            turns = [kind for kind in each if kind != "member"]
            assert turns == ["enter", "exit"] * (len(turns) // 2) + ["enter"] * (len(turns) % 2)
