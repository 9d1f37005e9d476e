"""A site's document: what is accepted, and that every problem is reported at once."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clickstream.errors import InvalidSite
from clickstream.sites.document import Site, digest_of, parse_site
from clickstream.sites.privacy import Privacy, SignalMode

HEAD = b"site: shop\nkeys: [{kind: public, key: shop-web}]\n"


def problems(text: bytes) -> list[str]:
    with pytest.raises(InvalidSite) as caught:
        parse_site(text, expected="shop")
    return list(caught.value.problems)


def test_what_is_not_said_has_its_default() -> None:
    site = parse_site(HEAD, expected="shop")
    assert site.privacy == Privacy(
        unknown_consent="full",
        gpc=SignalMode.ANONYMOUS,
        dnt=SignalMode.ANONYMOUS,
    )
    assert (site.time_zone, site.origins, site.rate_limit_per_second, site.redirect_hosts) == ("UTC", (), None, ())
    assert site.privacy.cookie is False
    assert not site.definitions.check("custom", "anything", {"a": 1}).violations


def test_problems_of_every_part_are_told_together() -> None:
    text = b"""
site: shop
keys: [{kind: public, key: a b}, {kind: king, key: abcd}]
origins: [https://shop.example/]
redirect_hosts: [https://pay.example]
rate_limit_per_second: 0
retention_days: 0
privacy: {gpc: maybe, cookie: "yes", colour: red}
events:
  mode: loud
  definitions:
  - {name: a, properties: {"x/y": {type: strnig}, z: {minimum: low, format: emial}}}
  - {name: "", version: 1.10}
"""
    assert [problem.split(": ")[0] for problem in problems(text)] == [
        "/keys/0/key",
        "/keys/1/kind",
        "/origins/0",
        "/redirect_hosts/0",
        "/rate_limit_per_second",
        "/retention_days",
        "/privacy/gpc",
        "/privacy/cookie",
        "/privacy/colour",
        "/events/mode",
        "/events/definitions/0/properties/x~1y/type",
        "/events/definitions/0/properties/z/minimum",
        "/events/definitions/1/name",
        "/events/definitions/1/version",
    ]


def test_a_secret_key_may_be_given_as_its_digest() -> None:
    digest = sha256(b"top-secret").hexdigest()
    site = parse_site(f"site: shop\nkeys: [{{kind: server, key: 'sha256:{digest}'}}]".encode(), expected="shop")
    assert site.keys[0].digest == digest_of("top-secret")
    assert digest not in repr(site)


def test_a_key_that_sends_events_may_name_their_stream_and_no_other_key() -> None:
    keys = "[{kind: public, key: shop-web, stream: web-2}, {kind: read, key: shop-read, stream: web-2}]"
    assert problems(f"site: shop\nkeys: {keys}".encode()) == [
        "/keys/1/stream: a read key sends no events, so it names no stream"
    ]
    (found,) = problems(b"site: shop\nkeys: [{kind: public, key: shop-web, stream: My Stream}]")
    assert found.startswith("/keys/0/stream: ")


def test_a_public_key_cannot_be_a_digest_and_no_key_stands_twice() -> None:
    digest = sha256(b"shop-read").hexdigest()
    keys = f"[{{kind: read, key: shop-read}}, {{kind: public, key: 'sha256:{digest}'}}]"
    assert problems(f"site: shop\nkeys: {keys}".encode()) == [
        "/keys/1/key: a public key stands in pages, so write it as it is",
        "/keys/1/key: is the key of an entry above; a key opens one thing",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"time_zone: UTC\ntime_zone: Europe/Berlin", "the key 'time_zone' is given twice"),
        (b"privacy: {gpc: denied, gpc: ignore}", "the key 'gpc' is given twice"),
        (b"events: !!timestamp x", "not YAML: "),
        (b"events: !!python/object/apply:os.system ['true']", "not YAML: "),
        (b"events: 2026-99-99", "not YAML: "),
        (b"{[a]: b}: c", "not YAML: "),
        (b"x: " + b"[" * 3000, "line 3: nested deeper than 32 levels"),
        (
            b"events: {definitions: [{name: a, properties: {p: &p {items: *p}}}]}",
            "line 3: *p refers to what holds it, or to nothing",
        ),
    ],
)
def test_what_yaml_would_let_pass_or_break_on_is_a_problem(line: bytes, problem: str) -> None:
    assert problem in "".join(problems(HEAD + line))


def test_off_without_quotes_is_a_mode_and_a_whole_number_a_version() -> None:
    text = HEAD + b"events: {mode: off, definitions: [{name: a, version: 2, mode: off}]}"
    events = parse_site(text, expected="shop").events
    assert (events.mode, events.definitions[0].mode, events.definitions[0].version) == ("off", "off", "2")


@example(b"[" * 5000)
@example(b"\xff\xfe")
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_the_bytes_are_they_are_a_site_or_a_problem(text: bytes) -> None:
    for document in (text, HEAD + text):
        try:
            assert isinstance(parse_site(document, expected="shop"), Site)
        except InvalidSite as error:
            assert error.problems
