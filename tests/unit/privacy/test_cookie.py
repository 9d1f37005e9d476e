"""A cookie arrives in the browser as it was meant, through all that rewrites it."""

from __future__ import annotations

from http.cookies import SimpleCookie
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.privacy.cookie import OTHER_SITES, OWN_SITE, SNOWPLOW, Cookie, id_for_site, is_secure
from local.functions_host.cookies import rewritten

ID = UUID("2f1b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d")


@pytest.mark.parametrize(
    ("cookie", "secure", "written", "leaves"),
    [
        (
            OWN_SITE,
            True,
            f"cs_id={ID}; Max-Age=31536000; Path=/; SameSite=Lax; Secure; HttpOnly",
            f"cs_id={ID}; max-age=31536000; domain=; path=/; secure; samesite=lax; httponly",
        ),
        (
            OTHER_SITES,
            True,
            f"cs_id={ID}; Max-Age=31536000; Path=/; SameSite=None; Secure; HttpOnly",
            f"cs_id={ID}; max-age=31536000; domain=; path=/; secure; samesite=none; httponly",
        ),
        (
            SNOWPLOW,
            True,
            f"sp={ID}; Max-Age=31536000; Path=/; SameSite=None; Secure; HttpOnly",
            f"sp={ID}; max-age=31536000; domain=; path=/; secure; samesite=none; httponly",
        ),
        (
            SNOWPLOW,
            False,
            f"sp={ID}; Max-Age=31536000; Path=/; SameSite=Lax; HttpOnly",
            f"sp={ID}; max-age=31536000; domain=; path=/; samesite=lax; httponly",
        ),
    ],
)
def test_a_cookie_survives_the_host(cookie: Cookie, secure: bool, written: str, leaves: str) -> None:
    assert cookie.setting(ID, secure=secure) == written
    assert list(rewritten(SimpleCookie(written))) == [leaves]


def test_sites_of_different_owners_cannot_tell_that_a_cookie_is_the_same() -> None:
    shop, blog = id_for_site(b"key", "shop", ID), id_for_site(b"key", "blog", ID)
    assert shop == id_for_site(b"key", "shop", ID) != blog
    assert len({shop, blog, id_for_site(b"other key", "shop", ID), id_for_site(b"key", "shop", UUID(int=1))}) == 4
    assert str(ID) not in (shop, blog) and ID.hex not in (shop, blog)
    assert (len(shop), int(shop, 16) > 0) == (32, True)


def test_an_expired_cookie_survives_the_host() -> None:
    expired = SNOWPLOW.expiring(secure=True)
    assert list(rewritten(SimpleCookie(expired))) == [
        "sp=; max-age=0; domain=; path=/; secure; samesite=none; httponly"
    ]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"cs_id={ID}", ID),
        (f'a=b; cs_id="{ID}" ; c', ID),
        (f"cs_id={str(ID).upper()}", ID),
        (f"cs_id=junk; cs_id={ID}", ID),
        (f"xcs_id={ID}; CS_ID={ID}", None),
        (f"cs_id={ID}x", None),
        (f"cs_id={{{ID.hex}}}", None),
        ("cs_id=00000000-0000-0000-0000-000000000000", None),
        ("cs_id=", None),
        ("", None),
        ("; " * 20_000 + f"cs_id={ID}", None),
    ],
)
def test_a_cookie_is_read_and_garbage_ignored(header: str, found: UUID | None) -> None:
    assert OWN_SITE.read({"cookie": header}) == found


@given(st.text())
def test_noise_is_no_id_and_hides_none(noise: str) -> None:
    assert OWN_SITE.read({"cookie": f"cs_id={noise}"}) is None
    assert OWN_SITE.read({"cookie": f"cs_id={noise}; cs_id={ID}"}) == ID


@given(st.uuids(version=4), st.booleans())
def test_the_id_that_was_set_is_read(value: UUID, secure: bool) -> None:
    assert OWN_SITE.read({"cookie": OWN_SITE.setting(value, secure=secure)}) == value


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({"host": "collect.shop.example"}, True),
        ({"host": "localhost:7071"}, False),
        ({"host": "127.0.0.1"}, False),
        ({"host": "[::1]:7071"}, False),
        ({"host": "[::1]"}, False),
        ({"host": "localhost:7071", "x-forwarded-proto": "https"}, True),
        ({"host": "localhost.evil.example"}, True),
        ({}, True),
    ],
)
def test_only_plain_http_to_this_machine_has_no_secure_cookies(headers: dict[str, str], secure: bool) -> None:
    assert is_secure(headers) is secure
