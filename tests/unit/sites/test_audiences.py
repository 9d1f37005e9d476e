"""Audiences in a site's document: every problem at its place, and what they mean to queries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clickstream.errors import InvalidSite
from clickstream.querying.audiences.formula import atoms, in_words, with_needed
from clickstream.querying.goals import audiences_of
from clickstream.querying.scope import (
    Audience,
    Done,
    Every,
    Exclusion,
    HasField,
    HasScore,
    HasTrait,
    Matching,
    Member,
    No,
    Sequence,
    Some,
    Step,
    Took,
    TraitComes,
    Worth,
)
from clickstream.sites.document import Site, parse_site
from clickstream.sites.funnels import Order, Within

BEGIN = "site: shop\nkeys: [{kind: public, key: shop}]\ngoals: [{name: Order, event: purchase}]\n"


def parsed(text: str) -> Site:
    return parse_site(f"{BEGIN}{text}".encode(), expected="shop")


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidSite) as refused:
        parsed(text)
    return list(refused.value.problems)


def test_every_problem_of_a_condition_has_its_place() -> None:
    listed = problems(
        """
audiences:
  - {name: a, slug: A b, where: {did: {}, within: 7d}}
  - name: b
    slug: b
    where:
      all:
        - {did: {event: x, page: /}, within: 401d}
        - {did: {}, within: 7d, times: {at_least: 3, at_most: 2}}
        - {sum: {event: x}, at_least: -1, within: 7d}
        - {any: []}
        - {not: {in: b, did: {}}}
        - {ever: {}}
        - {sequence: {steps: [{event: x}]}, within: 7d}
        - {sequence: {steps: [{event: x}, {}], exclude: [{event: y, after: 2}], window: long}, within: 7d}
        - {sequence: {steps: [{event: x}, {event: y}], within: person}}
        - {trait: {name: plan, is: [], in_next: 3}}
        - {trait: {name: plan, is: [pro], in_next: 3d}}
        - {field: {name: age, at_least: 3}}
        - {field: {name: visits, is: [3]}}
        - {field: {name: country, at_least: 3}}
        - {field: {name: visits, at_least: 3, at_most: 2}}
        - {score: {name: propensity, at_least: 50}}
        - {score: {name: recency, at_least: 100}}
        - {score: {name: recency, at_least: 50}, within: 7d}
    stay: 0s
    pause: 3
    grace: 401d
"""
    )
    assert [problem.split(": ")[0] for problem in listed] == [
        "/audiences/0/slug",
        "/audiences/1/where/all/0/did",
        "/audiences/1/where/all/0/within",
        "/audiences/1/where/all/1/times",
        "/audiences/1/where/all/2/sum/property",
        "/audiences/1/where/all/2/at_least",
        "/audiences/1/where/all/3/any",
        "/audiences/1/where/all/4/not",
        "/audiences/1/where/all/5",
        "/audiences/1/where/all/6/sequence/steps",
        "/audiences/1/where/all/7/sequence/steps/1",
        "/audiences/1/where/all/7/sequence/window",
        "/audiences/1/where/all/8/sequence/within",
        "/audiences/1/where/all/8/within",
        "/audiences/1/where/all/9/trait/is",
        "/audiences/1/where/all/9/trait/in_next",
        "/audiences/1/where/all/10/trait",
        "/audiences/1/where/all/11/field",
        "/audiences/1/where/all/12/field",
        "/audiences/1/where/all/13/field",
        "/audiences/1/where/all/14/field",
        "/audiences/1/where/all/15/score",
        "/audiences/1/where/all/16/score/at_least",
        "/audiences/1/where/all/17/within",
        "/audiences/1/stay",
        "/audiences/1/pause",
        "/audiences/1/grace",
    ]


def test_audiences_fit_one_another_and_the_site() -> None:
    assert problems(
        """
retention_days: 30
audiences:
  - {name: a, slug: a, where: {all: [{did: {goal: Sale}, within: 31d}, {in: nobody}]}}
  - {name: a, slug: a, where: {sequence: {steps: [{event: x}, {goal: Sale}]}, within: 31d}}
  - {name: b, slug: b, where: {any: [{did: {}, within: 7d}, {in: c}]}}
  - {name: c, slug: c, where: {all: [{did: {}, within: 7d}, {not: {in: b}}]}}
  - {name: d, slug: d, stay: 2d, pause: 60d, grace: 1d, where: {any: [{did: {}, within: 1d}, {did: {}, within: 29d}]}}
  - {name: e, slug: e, grace: 2d, where: {any: [{did: {}, within: 1d}, {did: {}, within: 36h}]}}
  - {name: f, slug: f, grace: 2d, where: {any: [{did: {}, within: 1d}, {score: {name: recency, at_least: 50}}]}}
"""
    ) == [
        "/audiences/0/where/all/0/did/goal: no goal is called 'Sale'; known are Order",
        "/audiences/0/where/all/0/within: is longer than events are kept, which is 30d",
        "/audiences/0/where/all/1/in: no audience has the slug 'nobody'; known are f, e, d, c, b, a",
        "/audiences/1/slug: an audience above has the slug 'a' already",
        "/audiences/1/where/sequence/steps/1/goal: no goal is called 'Sale'; known are Order",
        "/audiences/1/where/within: is longer than events are kept, which is 30d",
        "/audiences/2/where: is in a circle: through `in`, this audience depends on itself",
        "/audiences/3/where: is in a circle: through `in`, this audience depends on itself",
        "/audiences/4/stay: is longer, with the longest window, than events are kept, which is 30d",
        "/audiences/5/grace: is longer than every window of the condition, so nobody would ever be within it",
    ]


@pytest.mark.parametrize(
    "where",
    [
        "{did_not: {}, within: 30d}",
        "{not: {did: {}, within: 1d}}",
        "{did: {}, times: {at_least: 0, at_most: 3}, within: 1d}",
        "{any: [{did: {}, within: 1d}, {not: {in: active}}]}",
        "{not: {trait: {name: plan}}}",
    ],
)
def test_what_holds_of_everybody_who_does_nothing_is_refused(where: str) -> None:
    active = "{name: active, slug: active, where: {did: {}, within: 7d}}"
    (problem,) = problems(f"audiences:\n  - {active}\n  - {{name: a, slug: a, where: {where}}}\n")
    assert problem.startswith("/audiences/1/where: holds of everybody who does nothing")


@pytest.mark.parametrize("nested", [9, 21])
def test_conditions_are_bounded(nested: int) -> None:
    inner = "{did: {}, within: 1d}"
    deep = "{all: [" * nested + inner + "]}" * nested
    wide = "{all: [" + ", ".join([inner] * nested) + "]}"
    assert len(problems(f"audiences: [{{name: a, slug: a, where: {deep}}}]")) == 1
    if nested > 20:
        assert problems(f"audiences: [{{name: a, slug: a, where: {wide}}}]") == [
            "/audiences/0: has 21 conditions, more than 20"
        ]


def test_what_all_of_the_past_says_becomes_formulas() -> None:
    site = parsed(
        """
audiences:
  - name: Known
    slug: known
    where:
      all:
        - {trait: {name: plan, is: [pro, true, 5, 0.5]}}
        - {trait: {name: email}}
        - {trait: {name: trial_ends, in_next: 3d}}
        - {field: {name: visits, at_least: 5, at_most: 9.5}}
        - {field: {name: country, is: [CH, DE]}}
        - {score: {name: momentum, at_least: 70}}
"""
    )
    ahead, past = TraitComes("trial_ends", timedelta(days=3)), TraitComes("trial_ends", timedelta(0))
    parts = (
        HasTrait("plan", ("pro", "true", "5", "0.5")),
        HasTrait("email"),
        Every((ahead, No(past))),
        HasField("visits", (), Decimal("5"), Decimal("9.5")),
        HasField("country", ("CH", "DE")),
        HasScore("momentum", 70),
    )
    formula = Every(parts)
    assert audiences_of(site)["known"].formula == formula
    assert [in_words(atom) for atom in atoms(formula)] == [
        "plan is pro or true or 5 or 0.5",
        "has email",
        "trial_ends is past or at most 3d ahead",
        "trial_ends is past",
        "visits is at least 5 and at most 9.5",
        "country is CH or DE",
        "momentum is at least 70",
    ]


def test_conditions_become_formulas() -> None:
    site = parsed(
        """
audiences:
  - name: Regulars
    slug: regulars
    of: everyone
    where:
      any:
        - {did: {goal: Order}, times: {at_least: 2, at_most: 5}, within: 90d}
        - {sum: {page: /buy, property: value}, at_least: 0.5, within: 12h}
        - {all: [{did: {}, within: 7d}, {not: {in: new}}]}
  - {name: New, slug: new, where: {all: [{did: {}, within: 1d}, {did_not: {event: seen}, within: 30d}]}}
  - name: Took
    slug: took
    where:
      sequence:
        {steps: [{page: /blog}, {goal: Order}], window: 1h, order: strict, exclude: [{event: x, after: 1}, {event: y}]}
      within: 7d
"""
    )
    order, days = Matching("purchase"), timedelta(days=90)
    worth = Worth(Matching(page="/buy"), timedelta(hours=12), "value", Decimal("0.5"))
    regulars = Audience(
        "regulars",
        "Regulars",
        False,
        Some(
            (
                Every((Done(order, days, 2), No(Done(order, days, 6)))),
                worth,
                Every((Done(Matching(), timedelta(days=7), 1), No(Member("new")))),
            )
        ),
    )
    seen = Done(Matching("seen"), timedelta(days=30), 1)
    new = Audience("new", "New", True, Every((Done(Matching(), timedelta(days=1), 1), No(seen))))
    audiences = audiences_of(site)
    took = Took(
        Sequence(
            (Step("/blog", Matching(page="/blog")), Step("Order", order)),
            timedelta(hours=1),
            Within.PERSON,
            Order.STRICT,
            (Exclusion(Matching("x"), 1), Exclusion(Matching("y"))),
        ),
        timedelta(days=7),
    )
    assert audiences == {"regulars": regulars, "new": new, "took": Audience("took", "Took", True, took)}
    assert with_needed(audiences, ["regulars"]) == [new, regulars]
    assert [in_words(atom) for atom in (Done(order, days, 2), seen, worth, took, Member("new"))] == [
        "did purchase at least 2 times within 90d",
        "did seen within 30d",
        "value of view /buy adds up to at least 0.5 within 12h",
        "did view /blog, then purchase in 1h, nothing else between, without x after step 1 or y, begun within 7d",
        "is in new",
    ]
