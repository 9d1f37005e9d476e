"""Segments and visits in a site's document: every problem at its place, and what they mean to queries."""

from __future__ import annotations

import pytest

from clickstream.errors import InvalidSite
from clickstream.filters.reader import FilterReader
from clickstream.filters.tree import Comparison, Presence
from clickstream.querying.goals import segments_of
from clickstream.sites.document import parse_site

KEYS = "site: shop\nkeys: [{kind: public, key: shop}]\n"


def test_every_problem_is_told_at_its_place() -> None:
    with pytest.raises(InvalidSite) as refused:
        parse_site(
            f"""{KEYS}
segments:
- {{name: a, filters: [["is", "event:pag", ["/"]], ["segment", "b"], ["is", "event:goal", ["Order"]]]}}
- {{name: b, filters: []}}
- {{name: c, filters: [["matches", "event:page", ["("]]]}}
visits: {{split_at_midnight: 1, pause: 30}}
embed_origins: ["https://intranet.example/path"]
""".encode(),
            expected="shop",
        )
    told = {problem.partition(": ")[0]: problem.partition(": ")[2] for problem in refused.value.problems}
    assert told.keys() == {
        "/segments/0/filters/0/1",
        "/segments/0/filters/1",
        "/segments/0/filters/2/1",
        "/segments/1/filters",
        "/segments/2/filters/0/2/0",
        "/visits/split_at_midnight",
        "/visits/pause",
        "/embed_origins/0",
    }
    assert told["/segments/0/filters/1"] == "a site's own filters cannot name a segment"
    assert told["/segments/0/filters/2/1"] == "a site's own filters cannot name a goal"


def test_a_name_given_twice_is_told() -> None:
    page = '[["is", "event:page", ["/"]]]'
    with pytest.raises(InvalidSite, match="/segments/1/name: a segment above is called 'a' already"):
        parse_site(
            f"{KEYS}segments: [{{name: a, filters: {page}}}, {{name: a, filters: {page}}}]".encode(), expected="shop"
        )


def test_a_segment_is_the_filters_of_its_document() -> None:
    text = """segments: [{name: readers, filters: [["is", "event:page", ["/"]], ["is_set", "visit:utm_campaign"]]}]"""
    [first, second] = segments_of(parse_site(f"{KEYS}{text}".encode(), expected="shop"))["readers"]
    assert isinstance(first, Comparison)
    assert (first.operator, first.dimension.name, first.values) == ("is", "event:page", ("/",))
    assert isinstance(second, Presence)
    assert not parse_site(KEYS.encode(), expected="shop").visits.split_at_midnight


def test_a_documents_filter_names_no_trait_of_people() -> None:
    reader = FilterReader(of_document=True)
    assert reader.read([["is", "person:traits:plan", ["pro"]]]) == ()
    assert [(problem.pointer, problem.message) for problem in reader.problems] == [
        ("/filters/0/1", "a site's own filters cannot name a trait of people")
    ]
