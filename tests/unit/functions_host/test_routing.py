"""Routes match as the real host matches them."""

from __future__ import annotations

import pytest

from local.functions_host.routing import Router
from local.functions_host.settings import InvalidApp

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


def test_values_are_decoded_except_a_slash() -> None:
    routes = router(("f", "{name}/{id?}"))
    assert routes.find("GET", "/a%20b%2Fc/5") == ("f", {"name": "a b%2Fc", "id": "5"})
    assert routes.find("GET", "/a") == ("f", {"name": "a"})


def test_the_prefix_comes_first() -> None:
    routes = router(("f", "x"), prefix="api")
    assert routes.find("GET", "/api/x") == ("f", {})
    assert routes.find("GET", "/x") is None


def test_a_number_must_be_whole_and_fit_32_bits() -> None:
    routes = router(("f", "x/{v:int?}"))
    assert routes.find("GET", "/x/-5") == ("f", {"v": "-5"})
    assert routes.find("GET", "/x") == ("f", {})
    for path in ("/x/5000000000", "/x/1.5", "/x/a"):
        assert routes.find("GET", path) is None


def test_an_optional_parameter_of_no_characters_is_the_root_alone() -> None:
    routes = router(("f", "{empty:maxlength(0)?}"), ("g", "x"))
    assert routes.find("GET", "/") == ("f", {})
    assert routes.find("GET", "/x") == ("g", {})
    assert routes.find("GET", "/y") is None


@pytest.mark.parametrize("template", ["x/{v:guid}", "x/{v:length(1,2)}", "x/{v=1}", "x/{v"])
def test_a_route_with_unsupported_syntax_is_refused(template: str) -> None:
    with pytest.raises(InvalidApp, match="does not support the route"):
        router(("f", template))
