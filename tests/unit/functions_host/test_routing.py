"""Routes match as the real host matches them."""

from __future__ import annotations

import pytest

from local.functions_host.routing import Router

ANY: frozenset[str] = frozenset()


def router(*routes: tuple[str, str], prefix: str = "") -> Router[str]:
    return Router([(name, template, ANY, name) for name, template in routes], prefix)


def test_the_first_by_name_wins_however_general_it_is() -> None:
    routes = router(("b_exact", "items/new"), ("A_any", "{*rest}"))
    assert routes.find("GET", "/items/new") == ("A_any", {"rest": "items/new"})


def test_matching_ignores_case_and_a_last_slash() -> None:
    routes = router(("f", "Api/Events"))
    for path in ("/api/events", "/API/EVENTS/", "api/events"):
        assert routes.find("GET", path) == ("f", {})


def test_a_wrong_method_is_no_match() -> None:
    routes = Router([("f", "x", frozenset({"POST"}), "f")], "")
    assert routes.find("POST", "/x") == ("f", {})
    assert routes.find("GET", "/x") is None


def test_values_are_text_decoded_but_for_a_slash() -> None:
    routes = router(("f", "{name}/{id?}"))
    assert routes.find("GET", "/a%20b%2Fc/5") == ("f", {"name": "a b%2Fc", "id": "5"})
    assert routes.find("GET", "/a") == ("f", {"name": "a"})


def test_a_default_stands_in_for_what_is_missing() -> None:
    assert router(("f", "x/{page=1}")).find("GET", "/x") == ("f", {"page": "1"})


def test_the_prefix_comes_first() -> None:
    routes = router(("f", "x"), prefix="api")
    assert routes.find("GET", "/api/x") == ("f", {})
    assert routes.find("GET", "/x") is None


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", "-5", "5000000000"),
        ("long", "5000000000", "x"),
        ("bool", "True", "yes"),
        ("datetime", "2026-03-01", "today"),
        ("decimal", "1.5", "1,5"),
        ("double", "1e3", "x"),
        ("guid", "3f0f7a52-9f0e-4c57-8d7b-2f6a4f1c9f11", "3f0f"),
        ("alpha", "abc", "a1"),
        ("min(5)", "5", "4"),
        ("max(5)", "5", "6"),
        ("range(2,4)", "3", "5"),
        ("length(3)", "abc", "ab"),
        ("length(1,2)", "ab", "abc"),
        ("minlength(2)", "ab", "a"),
        ("maxlength(2)", "ab", "abc"),
        ("regex(^[a-c]+$)", "abc", "abd"),
    ],
)
def test_a_constraint_lets_through_what_it_names(constraint: str, good: str, bad: str) -> None:
    routes = router(("f", f"x/{{v:{constraint}}}"))
    assert routes.find("GET", f"/x/{good}") == ("f", {"v": good})
    assert routes.find("GET", f"/x/{bad}") is None
