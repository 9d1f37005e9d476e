"""Random histories in batches, some of them late, with crashes at any step; and what must hold of rows and messages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from clickstream.errors import Unavailable
from clickstream.querying.goals import audiences_of
from clickstream.sites.document import Site, parse_site
from tests.functional.audiences.plain_members import Did, is_member
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
)


class Life:
    """One random history over a lake."""

    def __init__(self, lake: AudienceLake, storage: FailingStorage, seed: int) -> None:
        self.lake = lake
        self.random = Random(seed)
        self.storage = storage
        self.account = replace(lake.account, blob_endpoint=storage.endpoint)
        self.histories: dict[str, list[Did]] = {person: [] for person in PEOPLE}
        self.crashes = 0
        self.site = self.define()
        self._seen: dict[tuple[str, str], bool] = {}
        self._before: datetime | None = None

    def define(self) -> Site:
        """Put a random document in force: audience `a` may change, `c` may be there or not, `b` stays."""
        more = self.random.choice(["", f"  - {{name: C, slug: c, where: {self.random.choice(CONDITIONS)}}}\n"])
        text = (
            "audience_messages: {hub: changes}\naudiences:\n"
            f"  - {{name: A, slug: a, messages: {self.random.choice(['changes', 'existing'])}, "
            f"where: {self.random.choice(CONDITIONS)}}}\n  - {{name: B, slug: b, where: {CONDITIONS[1]}}}\n{more}"
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
            for _ in range(3):
                if self.passes():
                    break
            else:
                self.storage.die_at(None)
                assert self.passes(can_crash=False)
            self.check_memberships()
        self.lake.moves(timedelta(minutes=1))
        for _ in range(4):
            self.lake.run()
        self.check_memberships()

    def happen(self, number: int) -> None:
        """Events of some people, some of which happened before the last evaluation, or will after the next."""
        events = []
        for place in range(self.random.randrange(4)):
            person, name = self.random.choice(PEOPLE), self.random.choice(NAMES)
            at = self.lake.at + timedelta(minutes=self.random.randrange(-240, 200))
            advertising = self.random.random() < 0.95
            self.histories[person].append(Did(at, name, advertising=advertising))
            events.append(did(f"{number}-{place}", at, person, name, advertising=advertising))
        if events:
            self.lake.add(*events)

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
            for person, history in self.histories.items()
            if is_member(audience, audiences, history, True, at)
        }
        found = {(slug, person) for slug, people in self.lake.memberships().items() for person in people}
        assert found == expected, (found ^ expected, at)

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
