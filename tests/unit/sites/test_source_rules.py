"""Patterns of a site's rules of sources."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.errors import InvalidSite
from clickstream.sites.document import parse_site
from clickstream.sites.source_rules import matches


@given(st.text("ab*A", min_size=1, max_size=8), st.text("abAé", max_size=8))
def test_a_star_stands_for_any_text_as_in_a_regular_expression(pattern: str, value: str) -> None:
    whole = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert matches(pattern, value) == (value != "" and re.fullmatch(whole, value, re.IGNORECASE) is not None)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{when: {}, source: A}", "/sources/0/when: needs at least one condition"),
        ("{when: {utm_source: a}}", "/sources/0: needs a source, a medium or a channel"),
        ("{when: {utm_source: ''}, source: A}", "/sources/0/when/utm_source"),
        ("{when: {host: 'https://a.example'}, source: A}", "/sources/0/when/host: a host is"),
        ("{when: {colour: red}, source: A}", "/sources/0/when/colour"),
        ("{source: A}", "/sources/0/when"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(rule: str, problem: str) -> None:
    text = f"site: shop\nkeys: [{{kind: public, key: shop}}]\nsources: [{rule}]\n"
    with pytest.raises(InvalidSite) as caught:
        parse_site(text.encode(), expected="shop")
    assert problem in caught.value.message
