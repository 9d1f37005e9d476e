"""Which browser origins and hosts a site's document allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from clickstream.sites.document import Site, parse_site
from clickstream.sites.hosts import Host, Origin


def site(**fields: object) -> Site:
    return Site.model_validate({"site": "shop", "keys": [{"kind": "public", "key": "shop-web"}], **fields})


SHOP = site(origins=["https://good.example", "https://*.shop.example", "http://localhost:3000", "https://*.a.b:8443"])


@pytest.mark.parametrize(
    "origin",
    [
        "https://good.example",
        "https://www.shop.example",
        "https://a.b.shop.example",
        "http://localhost:3000",
        "https://x.a.b:8443",
    ],
)
def test_an_origin_on_the_list_is_allowed(origin: str) -> None:
    assert SHOP.allows_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "*",
        "https://evil.example",
        "https://good.example.evil.com",
        "https://evil.com/https://good.example",
        "https://evilgood.example",
        "https://shop.example",
        "https://evilshop.example",
        "https://www.shop.example.evil.com",
        "https://evil.com#.shop.example",
        "https://evil.com\\.shop.example",
        "https://user@www.shop.example",
        "https://.shop.example",
        "https://a..shop.example",
        "http://good.example",
        "https://good.example:8443",
        "https://good.example:443",
        "https://good.example/",
        "https://good.example\n",
        "https://good.example\r\nSet-Cookie: a=b",
        "HTTPS://GOOD.EXAMPLE",
        "https://goodxexample",
        "https://x.a.b",
        "https://" + "a." * 4000 + "shop.example!",
    ],
)
def test_any_other_origin_is_not(origin: str) -> None:
    assert not SHOP.allows_origin(origin)


@pytest.mark.parametrize("origin", ["https://anybody.example", "null", ""])
def test_a_site_without_a_list_allows_every_origin(origin: str) -> None:
    assert site().allows_origin(origin)


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z.:@/*-]{0,20}shop\.example[a-z.:@/-]{0,10}", fullmatch=True))
def test_a_wildcard_allows_exactly_the_hosts_below_its_domain(origin: str) -> None:
    allowed = site(origins=["https://*.shop.example"]).allows_origin(origin)
    labels = origin.removeprefix("https://").removesuffix(".shop.example").split(".")
    below = origin.startswith("https://") and origin.endswith(".shop.example")
    plain = all(label and label.strip("-") == label and label.replace("-", "").isalnum() for label in labels)
    assert not allowed or (below and plain)
    assert allowed or not (below and plain and origin.isascii() and origin == origin.lower() and len(origin) < 60)


@given(
    st.from_regex(r"https://[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{1,8}){1,3}(:[1-9][0-9]{2,3})?", fullmatch=True)
)
def test_an_exact_origin_allows_itself_and_nothing_longer(origin: str) -> None:
    if origin.endswith(":443"):
        return
    exact = site(origins=[origin])
    assert exact.allows_origin(origin)
    assert not any(exact.allows_origin(other) for other in (f"{origin}.evil", f"{origin}0", f"a.{origin}", origin[:-1]))


@pytest.mark.parametrize(
    "text",
    [
        "shop.example",
        "https://shop.example/",
        "https://Shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://*.com",
        "https://*",
        "*",
        "null",
        "https://a*.shop.example",
        "https://www.*.example",
        "ftp://shop.example",
        "https://user@shop.example",
        "https://shop.example\n",
        "https://bücher.example",
        "https://shop.example:0",
    ],
)
def test_what_is_no_origin_is_a_problem_of_the_document(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Origin).validate_python(text)


@pytest.mark.parametrize("text", ["https://shop.example", "Shop.example", "shop.example:80", "a/b", "", "*.com", "*"])
def test_what_is_no_host_is_a_problem_of_the_document(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Host).validate_python(text)


def test_redirects_lead_nowhere_unless_the_document_says_where() -> None:
    assert not site().redirects_to("shop.example")
    listed = site(redirect_hosts=["pay.example", "*.partner.example"])
    assert listed.redirects_to("pay.example")
    assert listed.redirects_to("eu.partner.example")
    hosts = [
        "partner.example",
        "pay.example.evil.com",
        "evil.com",
        "",
        "pay.example:80",
        "user@pay.example",
        "payxexample",
    ]
    assert not any(map(listed.redirects_to, hosts))


def test_internal_hosts_are_the_ones_that_are_named() -> None:
    own = parse_site(
        b"site: shop\nkeys: [{kind: public, key: shop}]\ninternal_hosts: [shop.example, '*.shop.example', '[::1]']",
        expected="shop",
    )
    assert [own.is_internal(host) for host in ("shop.example", "a.shop.example", "[::1]", "blog.example")] == [
        True,
        True,
        True,
        False,
    ]
