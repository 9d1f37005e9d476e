"""Random histories and conditions, and where SQL and plain Python disagree about members and their next change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.audience_tables import CHANGE_SCHEMA
from clickstream.model.identity_tables import IDENTITY_SCHEMA
from clickstream.profiles.activity import activity_of
from clickstream.profiles.traits import traits_of
from clickstream.querying.audiences.membership import members
from clickstream.querying.conditions import Parameters
from clickstream.querying.period import Period
from clickstream.querying.scope import (
    Audience,
    Done,
    Every,
    Exclusion,
    Formula,
    HasField,
    HasScore,
    HasTrait,
    Matching,
    Member,
    No,
    SiteScope,
    Some,
    Step,
    Took,
    TraitComes,
    Worth,
)
from clickstream.querying.scope import Sequence as Steps
from clickstream.sites.funnels import Order, Within
from clickstream.table.specs import EVENTS_TABLE
from tests.functional.audiences.plain_members import (
    Did,
    History,
    Last,
    Lasts,
    is_member,
    is_there,
    next_change,
    next_lasting_change,
    next_possible_change,
)

PERSONS, AUDIENCES = 60, 4
SCORES: Sequence[tuple[Any, ...]] = (
    *(("recency", 70.5, 93.1), ("frequency", 20, 30), ("intensity", 8, 12), ("quantity", 1, 2)),
    ("momentum", 50.2, 70.3, 78.9),
)
NAMES = ("view", "cart", "order")
# Few moments, so that several events share one and windows end exactly when something else happens.
START, STEP, STEPS = datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=6), 24
WINDOWS = tuple(map(timedelta, (1, 2, 3)))
# How exactly a logarithm gives a moment.
NEAR = timedelta(milliseconds=1)
LENGTHS = (STEP, 4 * STEP, 8 * STEP)


@dataclass(frozen=True)
class World:
    """Persons with their events, audiences by slug, each after those that it names, and a moment."""

    histories: Mapping[str, History]
    known: Mapping[str, bool]
    audiences: Mapping[str, Audience]
    at: datetime
    lasts: Mapping[str, Lasts]


def world_of(random: Random, *, about_lasting: bool = False) -> World:
    """A random world. With `about_lasting`, memberships often last, and conditions are few and simple."""
    lasting = 0.7 if about_lasting else 0.3
    histories = {
        f"p{number}": [
            Did(
                START + STEP * random.randrange(STEPS),
                random.choice(NAMES),
                random.choice((None, -2, 1, 3, 5)),
                random.random() < 0.9,
                random.choice(("custom", "custom", "identify")),
                f"{number}-{place}",
                trait_of(random),
                random.choice((None, "CH", "DE")),
            )
            for place in range(random.randrange(1, 8))
        ]
        for number in range(PERSONS)
    }
    audiences: dict[str, Audience] = {}
    while len(audiences) < AUDIENCES:
        slug = f"a{len(audiences)}"
        kind = random.randrange(4)
        alone = {0: sequence_of, 1: standing_of}.get(kind)
        if about_lasting:
            formula = simple_of(random)
        else:
            formula = alone(random) if alone is not None else formula_of(random, tuple(audiences), 3)
        lengths = [random.choice(LENGTHS) if random.random() < lasting else timedelta(0) for _ in range(3)]
        audience = Audience(slug, slug, random.random() < 0.3, formula, *lengths)
        everyone = {**audiences, slug: audience}
        if not is_member(audience, everyone, [], True, START):
            audiences = everyone
    at = START + STEP * random.randrange(STEPS) + random.choice((timedelta(0), timedelta(microseconds=1)))
    lasts = {person: lasts_of(random, tuple(audiences), at) for person in histories}
    return World(histories, {person: random.random() < 0.6 for person in histories}, audiences, at, lasts)


def lasts_of(random: Random, slugs: Sequence[str], at: datetime) -> Lasts:
    """The latest membership in some of the audiences, from before the moment."""
    lasts: dict[str, Last] = {}
    for slug in slugs:
        ended, began = sorted(at - STEP * random.randrange(10) for _ in range(2))[::-1]
        if random.random() < 0.7:
            lasts[slug] = Last(began, random.choice((None, ended)))
    return lasts


def trait_of(random: Random) -> str | None:
    """A random value of the trait, which may be a moment."""
    moment = START + STEP * random.randrange(STEPS)
    return random.choice((None, None, "pro", "team", f"{moment:%Y-%m-%dT%H:%M:%S}", f"{moment:%Y-%m-%d}"))


def simple_of(random: Random) -> Formula:
    """That one event was done, and perhaps another was not."""
    done = Done(Matching(random.choice(NAMES)), random.choice(WINDOWS), 1)
    other = Done(Matching(random.choice(NAMES)), random.choice(WINDOWS), 1)
    return random.choice((done, Every((done, No(other)))))


def formula_of(random: Random, slugs: Sequence[str], depth: int) -> Formula:
    """A random formula, which may name these audiences."""
    kind = random.randrange(10 if depth else 4)
    matching = Matching(random.choice((None, *NAMES)))
    if kind < 2 or (kind == 2 and not slugs):
        return Done(matching, random.choice(WINDOWS), random.choice((1, 1, 2, 3)))
    if kind == 2:
        return Member(random.choice(slugs))
    if kind in (3, 9):
        return standing_of(random)
    if kind == 8:
        return Worth(matching, random.choice(WINDOWS), "value", Decimal(random.choice((1, 3, 4))))
    if kind == 4:
        return No(formula_of(random, slugs, depth - 1))
    if kind == 7:
        return sequence_of(random)
    parts = tuple(formula_of(random, slugs, depth - 1) for _ in range(random.randrange(1, 4)))
    return Every(parts) if kind == 5 else Some(parts)


def standing_of(random: Random) -> Formula:
    """A random condition about all of the past."""
    match random.randrange(7):
        case 0:
            return HasTrait("plan", random.choice(((), ("pro",), ("team", "pro"))))
        case 1:
            return TraitComes("plan", random.choice((timedelta(0), timedelta(days=1), timedelta(days=3))))
        case 2:
            least = random.choice((None, Decimal(0), Decimal(2)))
            most = random.choice((Decimal(2), Decimal(3))) if least is None else random.choice((None, Decimal(4)))
            return HasField(random.choice(("acts", "active_days")), (), least, most)
        case 3:
            return HasField("country", (random.choice(("CH", "DE")),))
        case _:
            name, *leasts = random.choice(SCORES)
            return HasScore(name, random.choice(leasts))


def sequence_of(random: Random) -> Took:
    """A random sequence."""
    number = random.choice((2, 2, 2, 3))
    steps = tuple(Step("", Matching(random.choice((None, *NAMES, *NAMES)))) for _ in range(number))
    exclusions = tuple(
        Exclusion(Matching(random.choice(NAMES)), random.choice((None, None, *range(1, number))))
        for _ in range(random.choice((0, 1, 1, 2)))
    )
    window = random.choice((None, 4 * STEP, timedelta(days=2)))
    order = random.choice((Order.LOOSE, Order.STRICT))
    return Took(Steps(steps, window, Within.PERSON, order, exclusions), random.choice(WINDOWS))


@dataclass(frozen=True)
class Right:
    """Whether a person is there and a member of an audience, when that next changes, if the audience's formula gives
    it exactly, and until when the answer must say that it changes.
    """

    is_there: bool
    is_member: bool
    change: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True)
class Prepared:
    """A world and its tables, which take longer to make than the answer."""

    world: World
    tables: Mapping[str, pa.Table]

    @classmethod
    def of(cls, world: World) -> Prepared:
        """With the tables by which people are evaluated at the world's moment."""
        rows = [
            {
                "person": person,
                "is_known": world.known[person],
                "site": "shop",
                "user_id" if world.known[person] else "anonymous_id": person,
                "id_source": "client",
                "consent": "full",
                "occurred_at": event.at,
                "received_at": event.at,
                "event_id": event.id,
                "event_type": event.type,
                "event_name": event.name,
                "advertising": event.advertising,
                "country": event.country,
                "properties": "{}" if event.value is None else f'{{"value": {event.value}}}',
                "context": None if event.trait is None else json.dumps({"set": {"plan": event.trait}}),
            }
            for person, history in world.histories.items()
            for event in history
        ]
        schema = EVENTS_TABLE.schema.append(pa.field("person", pa.string())).append(pa.field("is_known", pa.bool_()))
        events = pa.Table.from_pylist(rows, pa.schema([field.with_nullable(True) for field in schema]))
        known = events.filter(pc.less_equal(events["occurred_at"], pa.scalar(world.at)))
        tables = {"events": events, "activity": activity_of(known), "traits": traits_of(known)}
        no_identities = pa.Table.from_pylist([], IDENTITY_SCHEMA)
        return cls(world, {**tables, "identities": no_identities, "audience_changes": changes_of(world)})

    @cached_property
    def right(self) -> Mapping[tuple[str, int], Right]:
        """The memberships in plain Python, by person and place of the audience."""
        numbered = list(enumerate(self.world.audiences.values()))
        return {
            (person, number): right_of(self.world, person, audience)
            for person in self.world.histories
            for number, audience in numbered
        }

    def statement(self, members: Callable[..., str] = members) -> tuple[str, dict[str, Any]]:
        """All of `members`, and the values of its parameters."""
        world, parameters = self.world, Parameters(SiteScope("shop", "UTC"), Period(START, START + STEP * STEPS))
        sql = f"WITH {members(list(world.audiences.values()), world.at, parameters, 'events')}\nSELECT * FROM members"
        return sql, dict(parameters.of(sql))

    def answered(self, members: Callable[..., str] = members) -> Mapping[str, Mapping[str, object]]:
        """The row of `members` of each person."""
        sql, parameters = self.statement(members)
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name, table in self.tables.items():
                connection.register(name, table)
            answer = connection.execute(sql, parameters)
            columns = [str(name) for name, *_ in answer.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
        return {row["person"]: row for row in rows}


def changes_of(world: World) -> pa.Table:
    """The rows of the last evaluations, the latest first: their order is their number's alone."""
    rows: list[dict[str, Any]] = []
    for person, lasts in world.lasts.items():
        for slug, last in lasts.items():
            row = {"site": "shop", "audience": slug, "person": person, "entered_at": last.began}
            rows.append({**row, "seq": len(rows) + 1, "kind": "enter", "changed_at": last.began})
            if last.ended is not None:
                rows.append({**row, "seq": len(rows) + 1, "kind": "exit", "changed_at": last.ended})
    schema = pa.schema([field.with_nullable(True) for field in CHANGE_SCHEMA])
    return pa.Table.from_pylist(rows[::-1], schema)


def differences(prepared: Prepared, members: Callable[..., str] = members) -> list[str]:
    """Where the statement of `members` and plain Python disagree."""
    world, rows, wrong = prepared.world, prepared.answered(members), []
    for (person, number), right in prepared.right.items():
        row, audience = rows.get(person, {}), list(world.audiences.values())[number]
        if bool(row.get(f"member_{number}")) != right.is_member:
            wrong.append(f"{person} in {audience}: {row}")
        answer = row.get(f"changes_{number}")
        moment = None if answer is None else START + timedelta(microseconds=int(str(answer)) - _us(START))
        if not right.is_there:
            continue
        if is_exact(audience.formula) and not are_near(moment, right.change):
            wrong.append(f"{person} in {audience}: {moment} is not {right.change}")
        latest = right.latest
        if latest is not None and (moment is None or not world.at < moment <= latest + NEAR):
            wrong.append(f"{person} in {audience}: {moment} is after {latest}")
    return wrong


def right_of(world: World, person: str, audience: Audience) -> Right:
    """The membership and its moments in plain Python."""
    history, audiences, lasts = world.histories[person], world.audiences, world.lasts[person]
    if not is_there(list(audiences.values()), history, world.at):
        return Right(False, False)
    of_all = audience, audiences, history, world.known[person], world.at
    change = None
    if is_exact(audience.formula):
        change = next_possible_change(*of_all, lasts) if audience.is_lasting else next_change(*of_all)
    return Right(True, is_member(*of_all, lasts), change, next_lasting_change(*of_all, lasts))


def are_near(one: datetime | None, other: datetime | None) -> bool:
    """Whether two moments are the same, as far as a logarithm gives it."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= NEAR


def is_exact(formula: Formula) -> bool:
    """Whether every atom of the formula changes at most once by itself."""
    match formula:
        case Every(parts) | Some(parts):
            return all(map(is_exact, parts))
        case No(part):
            return is_exact(part)
        case _:
            return not isinstance(formula, Worth | Member) and not (
                isinstance(formula, HasScore) and formula.name == "intensity"
            )


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
