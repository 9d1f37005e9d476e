"""Addresses of pages, taken apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.pages import Address, Fragments, campaign, parse_address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://User:pw@Shop.Example:8443/a/b?x=1#part",
            Address("https://shop.example:8443/a/b?x=1", "shop.example", "/a/b", "x=1", "part"),
        ),
        ("https://shop.example", Address("https://shop.example", "shop.example", "/", None)),
        ("http://[2001:db8::1]/x", Address("http://[2001:db8::1]/x", "2001:db8::1", "/x", None)),
        ("/only/a/path?q=1#f", Address("/only/a/path?q=1", None, "/only/a/path", "q=1", "f")),
        ("javascript:alert(1)", Address("javascript:alert(1)", None, None, None)),
        ("http://[broken", Address("http://[broken", None, None, None)),
        ("http://host:port/", Address("http://host:port/", None, None, None)),
    ],
)
def test_a_url_is_taken_apart_without_credentials_and_fragment(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


@given(st.text(), st.sampled_from(["routes", "all", "none"]))
def test_any_text_is_an_address_and_the_address_of_its_own_address(text: str, fragments: Fragments) -> None:
    address = parse_address(text, fragments)
    again = parse_address(address.url, fragments)
    assert (again.url, again.host, again.path) == (address.url, address.host, address.path)
    assert campaign(replace(address, fragment="")) == campaign(again)


NAMES = st.text("abcxyz019-", min_size=1, max_size=20)


@given(st.sampled_from(["http", "https"]), NAMES, NAMES, NAMES, NAMES)
def test_no_address_has_credentials(scheme: str, user: str, password: str, path: str, query: str) -> None:
    url = f"{scheme}://{user}:{password}@shop.example/{path}?{query}#part"
    plain = f"{scheme}://shop.example/{path}?{query}"
    assert parse_address(url) == Address(plain, "shop.example", f"/{path}", query, "part")


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        ("https://shop.example/#/home", "/home", None),
        ("https://shop.example/#!/about", "/about", None),
        ("https://shop.example/app#/bags?size=3", "/app/bags", "size=3"),
        ("https://shop.example/app/?a=1#/bags?b=2", "/app/bags", "a=1&b=2"),
        ("/#/pricing", "/pricing", None),
        ("https://shop.example/#/", "/", None),
        ("https://shop.example/docs#part-2", "/docs", None),
        ("https://shop.example/#access_token=secret&state=1", "/", None),
        ("https://shop.example/#/access_token=secret&state=1", "/", None),
        ("https://shop.example/#/heroes;id=15", "/heroes;id=15", None),
    ],
)
def test_a_route_in_the_fragment_is_a_page_and_a_token_is_none(url: str, path: str, query: str | None) -> None:
    address = parse_address(url, "routes")
    assert (address.path, address.query) == (path, query)
    assert "#" not in address.url and "secret" not in address.url


def test_a_site_may_have_every_fragment_or_none_name_a_page() -> None:
    assert parse_address("https://shop.example/docs#part-2", "all").path == "/docs%23part-2"
    assert parse_address("https://shop.example/docs#id_token=secret", "all").path == "/docs"
    assert parse_address("https://shop.example/#/home", "none").path == "/"


@pytest.mark.parametrize(
    "spelling",
    ["https://Bücher.example/a", "https://xn--bcher-kva.example/a", "https://BÜCHER.example.:443/a"],
)
def test_a_host_is_one_host_in_every_spelling(spelling: str) -> None:
    assert parse_address(spelling).url == "https://xn--bcher-kva.example/a"


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_credentials_never_survive(secret: str) -> None:
    assert secret + "@" not in parse_address(f"https://user:{secret}@shop.example/").url


def named(url: str) -> dict[str, str]:
    return campaign(parse_address(url, "routes"))


def test_campaign_fields_come_from_the_query() -> None:
    query = "utm_source=news&utm_medium=e-mail&utm_campaign=&gclid=abc&utm_term=a+b&utm%5Fcontent=top%26left"
    assert named(f"https://shop.example/?{query}") == {
        "utm_source": "news",
        "utm_medium": "e-mail",
        "utm_term": "a b",
        "utm_content": "top&left",
        "click_id": "gclid=abc",
    }
    assert named("https://shop.example/?q=1&xutm_source=no") == {}


def test_a_campaign_is_found_before_and_behind_hundreds_of_other_parameters() -> None:
    many = "&".join(f"f{number}=1" for number in range(800))
    expected = {"utm_source": "newsletter", "utm_medium": "email"}
    stated = "utm_source=newsletter&utm_medium=email"
    assert named(f"https://shop.example/list?{stated}&{many}") == expected
    assert named(f"https://shop.example/list?{many}&{stated}") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("utm_source=news&amp;utm_medium=email&amp;utm_campaign=may", ("news", "email", "may")),
        ("amp;utm_source=news&amp%3Butm_medium=email", ("news", None, None)),
        ("UTM_Source=news&Utm_Medium=email&UTM_CAMPAIGN=May", ("news", "email", "May")),
        ("utm_source=%20&utm_medium=+&utm_campaign=%09", (None, None, None)),
        ("utm_source=news%20&utm_medium=%0Aemail&utm_source=+", ("news", "email", None)),
        ("utm_source=K%E4se%80&utm_campaign=Gr%C3%BC%C3%9Fe", ("Käse€", None, "Grüße")),
    ],
)
def test_campaigns_of_links_that_tools_spoiled_count(query: str, expected: tuple[str | None, ...]) -> None:
    fields = named(f"https://shop.example/?page=2&{query}")
    assert tuple(fields.get(name) for name in ("utm_source", "utm_medium", "utm_campaign")) == expected


def test_a_click_id_has_its_own_spelling_however_the_link_writes_it() -> None:
    assert named("https://shop.example/?a=1&amp;SCCID=x")["click_id"] == "ScCid=x"


def test_a_campaign_behind_the_fragments_mark_counts_where_the_query_names_none() -> None:
    assert named("https://shop.example/#utm_source=news&utm_medium=email")["utm_medium"] == "email"
    assert named("https://shop.example/?utm_source=ads#utm_source=news")["utm_source"] == "ads"
    assert named("https://shop.example/#/cart?utm_source=news")["utm_source"] == "news"
