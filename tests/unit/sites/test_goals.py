"""Goals and funnels in a site's document: every problem at its place, and what they mean to queries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clickstream.errors import InvalidSite
from clickstream.querying.goals import funnels_of, goals_of
from clickstream.querying.scope import Exclusion, Funnel, Goal, Matching, Sequence, Step
from clickstream.sites.document import Site, parse_site
from clickstream.sites.funnels import Order, Within, duration

KEYS = "site: shop\nkeys: [{kind: public, key: shop}]\n"


def parsed(text: str) -> Site:
    return parse_site(f"{KEYS}{text}".encode(), expected="shop")


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidSite) as refused:
        parsed(text)
    return list(refused.value.problems)


def test_every_problem_of_a_goal_is_told_at_its_place() -> None:
    told = problems(
        """
goals:
  - {name: a, event: x, filters: [[isnt, "event:page", [a]], [is, "event:page", []]]}
  - {name: b}
  - {name: c, event: x, page: /y, revenue: 3}
  - {name: "", event: x, filters: yes}
"""
    )
    assert [problem.split(": ")[0] for problem in told] == [
        "/goals/0/filters/0/0",
        "/goals/0/filters/1/2",
        "/goals/1",
        "/goals/2/revenue",
        "/goals/3/name",
        "/goals/3/filters",
    ]


def test_goals_have_names_of_their_own() -> None:
    assert problems("goals: [{name: a, event: x}, {name: b, event: x}, {name: a, page: /}]") == [
        "/goals/2/name: a goal above is called 'a' already"
    ]


def test_every_problem_of_a_funnel_is_told_at_its_place() -> None:
    told = problems(
        """
funnels:
  - {name: f, steps: [{event: a}], window: 1 day}
  - {name: g, steps: [{event: a}, {page: /, goal: b}], within: month, exclude: [{event: z, after: 0}]}
  - {name: h, steps: [{event: a}, {event: b}], window: 401d, order: tight, exclude: [{}]}
  - {name: i, steps: [{event: a}, {event: b}], exclude: [{event: c, after: 2}]}
"""
    )
    assert [problem.split(": ")[0] for problem in told] == [
        "/funnels/0/steps",
        "/funnels/0/window",
        "/funnels/1/steps/1",
        "/funnels/1/exclude/0/after",
        "/funnels/1/within",
        "/funnels/2/window",
        "/funnels/2/order",
        "/funnels/2/exclude/0",
        "/funnels/3/exclude/0/after",
    ]


def test_a_funnel_names_goals_that_there_are() -> None:
    text = """
goals: [{name: Order, event: purchase}]
funnels:
  - {name: f, steps: [{goal: Order}, {goal: Ordre}], exclude: [{goal: Refund}]}
  - {name: f, steps: [{goal: Order}, {event: x}]}
"""
    assert problems(text) == [
        "/funnels/0/steps/1/goal: no goal is called 'Ordre'; known are Order",
        "/funnels/0/exclude/0/goal: no goal is called 'Refund'; known are Order",
        "/funnels/1/name: a funnel above is called 'f' already",
    ]


def test_goals_and_funnels_mean_matchings_and_sequences() -> None:
    site = parsed(
        """
goals:
  - {name: Order, event: purchase, revenue: total}
  - {name: Read, page: /blog/*}
funnels:
  - {name: short, steps: [{goal: Read}, {event: sign_up}]}
  - name: long
    steps: [{goal: Order}, {page: /thanks}]
    window: 90s
    within: person
    order: strict
    exclude: [{goal: Read, after: 1}, {event: error}]
"""
    )
    order, read = Matching("purchase"), Matching(page="/blog/*")
    assert goals_of(site) == {"Order": Goal("Order", order, "total"), "Read": Goal("Read", read)}
    assert funnels_of(site) == {
        "short": Funnel("short", Sequence((Step("Read", read), Step("sign_up", Matching("sign_up"))))),
        "long": Funnel(
            "long",
            Sequence(
                (Step("Order", order), Step("/thanks", Matching(page="/thanks"))),
                timedelta(seconds=90),
                Within.PERSON,
                Order.STRICT,
                (Exclusion(read, 1), Exclusion(Matching("error"))),
            ),
        ),
    }


def test_a_step_of_a_goal_holds_the_goals_filters_and_its_own() -> None:
    site = parsed(
        """
goals: [{name: Order, event: purchase, filters: [[is, "visit:country", [DE]]]}]
funnels: [{name: f, steps: [{event: x}, {goal: Order, filters: [[is, "visit:device", [mobile]]]}]}]
"""
    )
    assert len(funnels_of(site)["f"].sequence.steps[1].matching.filters) == 2


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("400d", timedelta(days=400)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, meant: timedelta) -> None:
    assert duration(text) == meant


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5d", "7 d", "7D", "1w", "401d", "99999999999ms", "٣d"])
def test_no_other_text_is_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        duration(text)
