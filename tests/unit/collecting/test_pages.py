"""Addresses of pages, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.pages import Address, campaign, parse_address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://User:pw@Shop.Example:8443/a/b?x=1#part",
            Address("https://shop.example:8443/a/b?x=1", "shop.example", "/a/b", "x=1"),
        ),
        ("https://shop.example", Address("https://shop.example", "shop.example", "/", None)),
        ("http://[2001:db8::1]/x", Address("http://[2001:db8::1]/x", "2001:db8::1", "/x", None)),
        ("/only/a/path?q=1#f", Address("/only/a/path?q=1", None, "/only/a/path", "q=1")),
        ("javascript:alert(1)", Address("javascript:alert(1)", None, None, None)),
        ("http://[broken", Address("http://[broken", None, None, None)),
        ("http://host:port/", Address("http://host:port/", None, None, None)),
    ],
)
def test_a_url_is_taken_apart_without_credentials_and_fragment(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


@given(st.text())
def test_any_text_is_an_address(text: str) -> None:
    parse_address(text)
    campaign(text)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_credentials_never_survive(secret: str) -> None:
    assert secret + "@" not in parse_address(f"https://user:{secret}@shop.example/").url


def test_campaign_fields_come_from_the_query() -> None:
    query = "utm_source=news&utm_medium=e-mail&utm_campaign=&gclid=abc&utm_term=a+b"
    assert campaign(query) == {
        "utm_source": "news",
        "utm_medium": "e-mail",
        "utm_term": "a b",
        "click_id": "gclid=abc",
    }
    assert campaign("q=1") == {}
    assert campaign("utm_source=x&" + "a=1&" * 500) == {}
