"""Set-Cookie headers as worker and host rewrite them, with side effects."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest

from local.functions_host.cookies import rewritten


@pytest.mark.parametrize(
    ("given", "leaves"),
    [
        ("a=b", ["a=b; domain=; path="]),
        (
            "id=x; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=None; Domain=shop.example",
            ["id=x; max-age=31536000; domain=shop.example; path=/; secure; samesite=none; httponly"],
        ),
        (
            "id=x; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
            ["id=x; expires=Wed, 21 Oct 2026 07:28:00 GMT; domain=; path=/"],
        ),
        ("id=a:b+c; Path=/", ["id=a%3Ab%2Bc; domain=; path=/"]),
        ("id=x; Path=/; Secure; Partitioned", []),
        ("id=x; Path=/; Priority=High", ["id=x; domain=; path=/", "Priority=High; domain=; path="]),
    ],
)
def test_a_cookie_is_written_anew(given: str, leaves: list[str]) -> None:
    assert list(rewritten(SimpleCookie(given))) == leaves
