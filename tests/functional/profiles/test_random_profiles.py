"""The product's profiles of random people are those of docs/profiles.md in plain Python, whatever batches came."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from clickstream.identity.rules import Trust
from clickstream.profiles import activity, building, traits
from clickstream.profiles.rules import ProfileRules
from tests.functional.identity.asking import known_in_sql, resolved, whose_in_sql
from tests.functional.identity.random_people import random_streams
from tests.functional.profiles import plain_profiles
from tests.functional.profiles.described import described, extracted
from tests.support.mutants import mutated, replacing

SEEDS, STREAMS = range(4), 60
TODAY = date(2026, 3, 10)


class Product(NamedTuple):
    """The functions that are compared with the rules."""

    activity_of: Any = activity.activity_of
    traits_of: Any = traits.traits_of
    profiles_of: Any = building.profiles_of


@dataclass(frozen=True)
class Case:
    """Events in batches, and the profiles that follow from them by the plain rules."""

    batches: Sequence[Sequence[dict[str, Any]]]
    identities: pa.Table
    trust: Trust
    rules: ProfileRules
    expected: Mapping[str, Mapping[str, Any]]

    def holds(self, product: Product) -> bool:
        """Whether all profiles are those of the plain rules."""
        found = product.profiles_of(
            extracted(self.batches, product.activity_of, activity.EVENT_COLUMNS),
            extracted(self.batches, product.traits_of, traits.EVENT_COLUMNS),
            *(self.identities, self.trust, self.rules, "shop", TODAY),
        ).to_pylist()
        answer = {}
        for row in found:
            person = row.pop("person")
            del row["site"], row["built_date"]
            answer[person] = {**row, **{name: json.loads(row[name]) for name in ("traits", "revenue")}}
        return answer == self.expected


@cache
def case(seed: int) -> Case:
    chance = random.Random(seed)
    streams = random_streams(seed, STREAMS)
    events = [described(event, chance) for event in streams.events]
    identities = resolved(events, streams.log, streams.rules).table("shop", TODAY)
    half_hours = plain_profiles.half_hours(events)
    beginnings = [dict(beginning) for beginning, _ in half_hours]
    rules = ProfileRules(
        chance.choice(("name", "plan")), chance.choice(((), ("plan",))), chance.choice((None, "EUR", "USD"))
    )
    expected = plain_profiles.profiles_of(
        half_hours,
        whose_in_sql(beginnings, identities, streams.rules),
        known_in_sql(beginnings, identities, streams.rules),
        rules,
    )
    shuffled = chance.sample(events, k=len(events))
    size = chance.choice((150, 500, len(events)))
    batches = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    return Case(batches, identities, streams.rules.trust, rules, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_profiles_of_random_people_are_those_of_the_rules(seed: int) -> None:
    assert case(seed).holds(Product())


# By what is lost: the module, a text in its source, and the text that replaces it.
MUTANTS: Mapping[str, tuple[ModuleType, str, str]] = {
    "that bots are nobody": (traits, 'pc.fill_null(events["is_bot"], False)', "False"),
    "that an id of the day is no device": (
        activity,
        "CASE WHEN id_source IS DISTINCT FROM 'day' THEN",
        "CASE WHEN TRUE THEN",
    ),
    "that values decide between events of one moment": (activity, "struct_pack(at := {moment}, {order})", "{moment}"),
    "that the site is no source of its own": (
        activity,
        "channel IS NOT NULL AND channel <> 'Internal'",
        "channel IS NOT NULL",
    ),
    "that the last source is not direct": (activity, "arrives AND channel <> 'Direct'", "arrives"),
    "that who opted out last is out": (activity, "out := NOT advertising", "out := advertising"),
    "half hours": (activity, "INTERVAL 30 MINUTE", "INTERVAL 24 HOUR"),
    "the pause of a run": (building, "<= INTERVAL 30 MINUTE", "< INTERVAL 30 MINUTE"),
    "that a run with a session is no visit": (building, " - count(DISTINCT run) FILTER (session IS NOT NULL)", ""),
    "that an order is sold once": (building, "QUALIFY deed IS NULL OR", "QUALIFY TRUE OR"),
    "what was refunded before": (building, "sale.amount + refunded", "sale.amount"),
    "the currency of the order": (building, "CASE WHEN deed IS DISTINCT FROM 'sale' THEN sale.currency END", "NULL"),
    "that the last write counts": (
        building,
        "THEN arg_min(value, struct_pack(at := first_at",
        "THEN arg_max(value, struct_pack(at := first_at",
    ),
    "the site's first writes": (building, "AS VARCHAR[])))", "AS VARCHAR[])) WHERE FALSE)"),
    "what is only for people without it": (building, "FILTER (NOT is_once)", ""),
    "that nothing is no value": (traits, "and value not in _NO_VALUES", ""),
}


@pytest.mark.parametrize("lost", MUTANTS)
def test_without_a_part_of_the_rules_a_profile_is_another(lost: str) -> None:
    module, there, instead = MUTANTS[lost]
    with mutated((activity, traits, building), module, replacing(there, instead)) as copies:
        product = Product(copies["activity"].activity_of, copies["traits"].traits_of, copies["building"].profiles_of)
        assert not all(case(seed).holds(product) for seed in SEEDS)
