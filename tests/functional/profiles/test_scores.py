"""The six scores of random people are those of docs/profiles.md in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from clickstream.identity.rules import Trust
from clickstream.model.identity_tables import IDENTITY_SCHEMA
from clickstream.profiles import activity
from clickstream.profiles.scores import SCORES, scores
from clickstream.table.specs import EVENTS_TABLE
from tests.functional.identity.random_people import event

NOW = datetime(2026, 5, 20, 15, 30, tzinfo=UTC)
SCHEMA = pa.schema([EVENTS_TABLE.schema.field(name) for name in activity.EVENT_COLUMNS])
Days = Mapping[date, Sequence[datetime]]


def cell(days: Days, today: date) -> tuple[int, int]:
    ago = (today - max(day for day in days if day <= today)).days
    lately = next(place for place, most in enumerate((2, 7, 14, 30, 10**6)) if ago <= most)
    often = sum(today - timedelta(days=30) < day <= today for day in days)
    return lately, next(place for place, most in enumerate((1, 3, 7, 30)) if often <= most)


def plain_scores(days: Days, others: Sequence[Days]) -> list[float]:
    """In the order of SCORES; `others` are the days of all people, the person's among them."""
    today, then = NOW.date(), NOW.date() - timedelta(days=30)
    ages = [(len(acts), max(0.0, (NOW - max(acts)) / timedelta(days=1))) for acts in days.values()]
    recent = [len(acts) for day, acts in days.items() if day > then]
    short, long = (sum(n * 2 ** (-age / half) for n, age in ages) / half for half in (7, 30))
    earlier = [each for each in others if min(each) <= then]
    alike = [each for each in earlier if cell(each, then) == cell(days, today)]
    returned = sum(max(each) > then for each in alike)
    return [
        100 * 2 ** (-min(age for _, age in ages) / 14),
        100 * (1 - 2 ** (-len(recent) / 4)),
        100 * (1 - 2 ** (-(sum(recent) / len(recent) if recent else 0) / 10)),
        100 * (1 - 2 ** (-sum(n for n, _ in ages) / 100)),
        100 * short / (short + long),
        100 * (returned + 1) / (len(alike) + 2),
    ]


def test_scores_of_random_people_are_those_of_the_formulas() -> None:
    chance = random.Random(5)
    people: dict[str, dict[date, list[datetime]]] = {}
    events: list[dict[str, Any]] = []
    for number in range(60):
        days: dict[date, list[datetime]] = defaultdict(list)
        for _ in range(chance.choice((1, 2, 5, 12, 40))):
            at = NOW - timedelta(
                days=chance.choice((0, 0, 1, 3, 9, 20, 29, 30, 31, 40, 75)), minutes=chance.randrange(900)
            )
            days[at.date()].append(at)
            events.append(event(len(events), at, anonymous_id=f"d{number}", advertising=True))
        people[f"d{number}"] = days
    rows = pa.Table.from_pylist([{name: each.get(name) for name in SCHEMA.names} for each in events], schema=SCHEMA)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("activity", activity.activity_of(rows))
        connection.register("identities", IDENTITY_SCHEMA.empty_table())
        for person in [*sorted(people)[::6], "nobody"]:
            asked: dict[str, Any] = {"person": person, "now": NOW.isoformat()}
            sql = f"WITH {scores(Trust.ANY)} SELECT {', '.join(SCORES)} FROM scores"
            found = connection.execute(sql, asked).fetchall()
            expected = plain_scores(people[person], list(people.values())) if person in people else None
            assert [pytest.approx(row) for row in found] == ([expected] if expected else [])
