"""What Snowplow's trackers are answered, and where a counted click may lead."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.dialects import snowplow
from clickstream.collecting.dialects.snowplow_fields import read
from clickstream.collecting.request import Request
from clickstream.errors import NotFound
from tests.unit.collecting.dialect_checks import LIMIT, items

RECEIVED = datetime(2026, 3, 1, tzinfo=UTC)
CONTEXTS = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0"
PRODUCT = {"schema": "iglu:com.acme/product/jsonschema/1-0-2", "data": {"sku": "A1"}}


@pytest.mark.parametrize(
    ("headers", "expired"),
    [
        ({"sp-anonymous": "*", "cookie": "a=b; sp=5f0e"}, True),
        ({"sp-anonymous": "*", "cookie": "a=b; spx=5f0e"}, False),
        ({"sp-anonymous": "*"}, False),
        ({"cookie": "sp=5f0e"}, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_anonymity_ends_the_cookie_of_an_earlier_request(headers: dict[str, str], expired: bool, method: str) -> None:
    answer = snowplow.answer(Request(headers, {}, b"", RECEIVED, method), [])
    assert ("Set-Cookie" in answer.headers) == expired
    if expired:
        assert answer.headers["Set-Cookie"].startswith("sp=; Max-Age=0; ")


def test_a_post_is_answered_ok_and_all_else_by_a_pixel_that_nobody_caches() -> None:
    posted = snowplow.answer(Request({}, {}, b"", RECEIVED, "POST"), [])
    assert (posted.status, posted.media_type, posted.body) == (200, "text/plain", b"ok")
    got = snowplow.answer(Request({}, {}, b"", RECEIVED, "GET"), [])
    assert (got.media_type, len(got.body), got.body[:6]) == ("image/gif", 43, b"GIF89a")
    assert got.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"


def click(query: dict[str, str]) -> Any:
    (item,) = items(snowplow.split_click(Request({}, query, b"", RECEIVED, "GET"), LIMIT))
    assert isinstance(item.original, dict)
    return read(item.original)


def test_a_click_is_an_event_of_its_own_or_an_entity_of_the_one_stated() -> None:
    address = "https://shop.example/a"
    alone = click({"u": address, "aid": "demo"})
    assert (alone["name"], alone["properties"]) == ("uri_redirect", {"uri": address})
    stated = click({"u": address, "e": "se", "se_ac": "out", "co": json.dumps({"schema": CONTEXTS, "data": [PRODUCT]})})
    assert (stated["name"], "u" in stated["properties"]) == ("out", False)
    assert [entity["data"] for entity in stated["context"]["entities"]] == [{"sku": "A1"}, {"uri": address}]
    assert len(click({"u": address, "e": "pv"})["context"]["entities"]) == 1


def test_a_counted_click_leads_on_at_once_and_every_time() -> None:
    answer = snowplow.lead_on(Request({}, {"u": "https://Shop.example/a b"}, b"", RECEIVED, "GET"), [])
    assert (answer.status, answer.body, answer.headers["Location"]) == (302, b"", "https://shop.example/a%20b")
    assert "no-store" in answer.headers["Cache-Control"]


def target(address: str) -> tuple[str, str]:
    return snowplow.target(Request({}, {"u": address}, b"", RECEIVED, "GET"))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "//evil.example",
        "/path",
        "https:\\\\evil.example",
        "https:/\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://shop.example@evil.example/",
        "https://shop.example:pw@evil.example/",
        "https://shop.example\\@evil.example",
        "https://evil.example\\.shop.example",
        "https://evil.example\n.shop.example",
        "https://shop.example\r\nSet-Cookie: a=b",
        "\thttps://shop.example",
        "https://shop.example:99999/",
        "https://[::1",
        "https://",
        "https://" + "a" * 70 + ".example",
        "https://" + "\u00fc." * 30_000 + "example",  # half a second of punycode
        "https://shop.example/" + "a" * 9_000,
    ],
)
def test_an_address_that_is_written_to_be_misread_leads_nowhere(address: str) -> None:
    with pytest.raises(NotFound):
        target(address)


@pytest.mark.parametrize(
    ("address", "written", "host"),
    [
        ("https://Shop.Example/a?b=c#d", "https://shop.example/a?b=c#d", "shop.example"),
        ("http://shop.example:8080", "http://shop.example:8080/", "shop.example"),
        ("https://shop.example?x=1", "https://shop.example/?x=1", "shop.example"),
        ("https://shop.example//evil.example", "https://shop.example//evil.example", "shop.example"),
        ("https://bücher.example/é", "https://xn--bcher-kva.example/%C3%A9", "xn--bcher-kva.example"),
        ("https://\N{CYRILLIC SMALL LETTER DZE}hop.example/", "https://xn--hop-ehd.example/", "xn--hop-ehd.example"),
        ("https://evil.example#.shop.example", "https://evil.example/#.shop.example", "evil.example"),
        ("https://shop.example/%C3%A9%0d%0a", "https://shop.example/%C3%A9%0d%0a", "shop.example"),
    ],
)
def test_an_address_is_written_as_every_browser_reads_it(address: str, written: str, host: str) -> None:
    assert target(address) == (written, host)


@given(st.text() | st.text().map("https://{}".format))
def test_any_text_is_an_address_in_plain_letters_or_none(address: str) -> None:
    try:
        written, host = target(address)
    except NotFound:
        return
    assert written.isascii() and written.isprintable() and written.split("/")[2].startswith(host)
