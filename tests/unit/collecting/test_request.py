"""What the server may believe of a request."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.request import Request, client_address, parse_address, truncated, write_key


def request(headers: dict[str, str] | None = None, parameters: dict[str, str] | None = None) -> Request:
    return Request(headers or {}, parameters or {}, b"", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("hops", "expected"),
    [(0, None), (1, None), (2, "2001:db8::1"), (3, "2.2.2.2"), (4, "1.1.1.1"), (5, None)],
)
def test_only_what_our_own_proxies_wrote_is_believed(hops: int, expected: str | None) -> None:
    headers = {"x-forwarded-for": "1.1.1.1, 2.2.2.2:443, [2001:db8::1]:80, junk"}
    assert client_address(headers, hops) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7:51234", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", None),
        ("", None),
        ("1.2.3.4.5", None),
        ("[::1", "::1"),
    ],
)
def test_an_address_is_read_in_every_form_a_proxy_writes(text: str, expected: str | None) -> None:
    assert parse_address(text) == expected


def test_an_address_is_cut_to_its_network() -> None:
    assert truncated("192.0.2.77") == "192.0.2.0"
    assert truncated("2001:db8:1:2:3:4:5:6") == "2001:db8:1::"


@given(st.ip_addresses())
def test_cutting_keeps_nothing_of_the_host(address: object) -> None:
    parsed = parse_address(str(address))
    assert parsed is not None
    assert truncated(truncated(parsed)) == truncated(parsed)


@given(st.one_of(st.text(), st.text("0123456789abcdef.:[]%", max_size=40)))
def test_an_address_is_in_its_canonical_form(text: str) -> None:
    address = parse_address(text)
    assert address is None or address == str(ip_address(address)) == parse_address(address)


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_every_address_is_read_with_and_without_a_port(address: IPv4Address | IPv6Address, port: int) -> None:
    expected = str(getattr(address, "ipv4_mapped", None) or address)
    with_port = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    assert [parse_address(text) for text in (str(address), with_port, f" {with_port} ")] == [expected] * 3


def test_the_write_key_is_found_in_each_of_its_places() -> None:
    assert write_key(request({"x-write-key": "a"})) == "a"
    assert write_key(request({"authorization": f"Basic {b64encode(b'a:').decode()}"})) == "a"
    assert write_key(request(parameters={"write_key": "a"})) == "a"
    assert write_key(request()) is None


@pytest.mark.parametrize("credentials", ["", "===", "\xff", b64encode(b"\xff\xfe").decode(), b64encode(b":").decode()])
def test_broken_basic_credentials_are_no_key(credentials: str) -> None:
    assert write_key(request({"authorization": f"Basic {credentials}"})) is None
