"""Streams of events at random, of a few devices and users, with everything that the rules of identity ask about."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from clickstream.identity.edges import EVENT_COLUMNS
from clickstream.identity.edits import Edit, EditKind
from clickstream.identity.rules import Limits, Rules, Trust
from clickstream.model.schema import TIMESTAMP

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
GAPS: Sequence[timedelta] = (
    *(timedelta(0), timedelta(microseconds=1), timedelta(minutes=1), timedelta(minutes=7)),
    *(timedelta(minutes=30), timedelta(minutes=30, microseconds=-1), timedelta(minutes=30, microseconds=1)),
    *(timedelta(minutes=61), timedelta(hours=5), timedelta(days=2)),
)
BUSY = (*GAPS[:4], timedelta(minutes=61))
SCHEMA = pa.schema(
    [
        (
            name,
            TIMESTAMP if name == "occurred_at" else pa.bool_() if name in ("is_bot", "user_verified") else pa.string(),
        )
        for name in EVENT_COLUMNS
    ]
)


def event(number: int | str, at: datetime, **fields: Any) -> dict[str, Any]:
    """A row of `events` with the columns that evidence is read from."""
    return {
        "site": "shop",
        "event_id": f"e{number}",
        "event_type": "page_view",
        "event_name": "page_view",
        "occurred_at": at,
        "consent": "full",
        "is_bot": False,
        "key_kind": "public",
        "user_verified": False,
        "anonymous_id": None,
        "id_source": "client" if fields.get("anonymous_id") else None,
        "user_id": None,
        "previous_id": None,
        **fields,
    }


def table(events: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(events), schema=SCHEMA)


@dataclass(frozen=True)
class Streams:
    """Events of several groups of people who share no id, under the same rules."""

    events: Sequence[dict[str, Any]]
    log: Sequence[Edit]
    rules: Rules


def random_streams(seed: int, count: int = 40) -> Streams:
    """So many groups of people at random; the same for one seed."""
    chance = random.Random(seed)
    events: list[dict[str, Any]] = []
    log: list[Edit] = []
    for number in range(count):
        events += random_events(chance, f"{number}-")
        log += random_edits(chance, f"{number}-", len(log))
    chance.shuffle(events)
    nobody = frozenset(f"{number}-x2" for number in range(count))
    return Streams(events, log, random_rules(chance, nobody))


def random_events(chance: random.Random, prefix: str) -> list[dict[str, Any]]:
    """Up to 18 events."""
    devices, users = [f"{prefix}d{number}" for number in (1, 2, 3)], [f"{prefix}u{number}" for number in (1, 2, 3)]
    loose = [f"{prefix}x1", f"{prefix}x2"]
    users.append("guest")
    gaps = GAPS
    if chance.random() < 0.3:  # one busy device
        devices, gaps = devices[:1], BUSY
    anybody = [*devices, *users, *loose]
    at, events = START, []
    for number in range(chance.randint(1, 18)):
        at += chance.choice(gaps)
        fields: dict[str, Any] = {}
        if chance.random() < 0.75:
            fields["anonymous_id"] = chance.choice(devices)
            fields["id_source"] = chance.choice(["client", "client", "cookie", None])
        if chance.random() < 0.45:
            fields["user_id"] = chance.choice(users)
        match chance.randrange(10):
            case 0 | 1:
                fields |= {"event_type": "alias", "event_name": "alias", "previous_id": chance.choice(anybody)}
                fields |= {"user_id": chance.choice([*anybody, None])}
            case 2:
                fields |= {
                    "event_type": "identify",
                    "event_name": "identify",
                    "previous_id": chance.choice([*anybody, None]),
                }
            case 3:
                fields["event_name"] = "logout"
        match chance.randrange(14):
            case 0:
                fields["is_bot"] = True
            case 1:
                fields |= {"consent": "anonymous", "anonymous_id": f"{prefix}day", "id_source": "day", "user_id": None}
                fields |= {"previous_id": None}
            case 2:
                fields |= {"consent": "denied", "anonymous_id": None, "user_id": None, "previous_id": None}
            case 3:
                fields |= {"anonymous_id": f"{prefix}day-of-user", "id_source": "day"}
        fields["key_kind"] = chance.choice(["public", "public", "server", "import", None])
        fields["user_verified"] = chance.random() < 0.2
        events.append(event(f"{prefix}{number}", at, **fields))
    return events


def random_edits(chance: random.Random, prefix: str, first: int) -> list[Edit]:
    """Up to five edits, undone ones among them, with numbers above `first`."""
    anybody = [prefix + id for id in ("d1", "d2", "d3", "u1", "u2", "u3", "x1", "x2")]
    log: list[Edit] = []
    for number in range(first + 1, first + chance.randint(0, 5) + 1):
        kind = chance.choice(list(EditKind))
        ids: tuple[str, ...] = ()
        match kind:
            case EditKind.MERGE | EditKind.SPLIT:
                ids = tuple(chance.sample(anybody, chance.randint(2, 3)))
            case EditKind.LINK | EditKind.UNLINK:
                ids = (chance.choice(anybody[:2]), chance.choice(anybody[3:5]))
            case EditKind.BLOCK:
                ids = (chance.choice(anybody),)
        at = START + timedelta(minutes=chance.randrange(600)) if kind is EditKind.LINK else None
        undoes = chance.randint(first + 1, number) if kind is EditKind.UNDO else None
        log.append(Edit(number=number, kind=kind, ids=ids, at=at, undoes=undoes))
    return log


def random_rules(chance: random.Random, nobody: frozenset[str]) -> Rules:
    """Rules whose limits are small enough to be met."""
    return Rules(
        trust=chance.choice([Trust.ANY, Trust.ANY, Trust.SERVER, Trust.SIGNED]),
        public_aliases=chance.random() < 0.6,
        protected_ids=nobody if chance.random() < 0.2 else frozenset(),
        logout_events=("logout",) if chance.random() < 0.5 else (),
        limits=Limits(
            partners=chance.choice([2, 3, 20]), ids=chance.choice([2, 3, 100]), people=chance.choice([1, 2, 10])
        ),
    )
