"""No document, whatever it holds, takes long: the sites of the others wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest

from clickstream.errors import InvalidSite
from clickstream.problems import MAX_PROBLEMS
from clickstream.sites.document import parse_site
from clickstream.sites.limits import MAX_ENTRIES, MAX_PATTERNS
from clickstream.storage.site_documents import MAX_DOCUMENT_BYTES

SITE = b"site: shop\n"
HEAD = SITE + b"keys: [{kind: public, key: shop-web}]\n"


def listed(field: bytes, entry: Callable[[int], bytes], most: int = 100_000) -> bytes:
    """A document of as many entries as fit into the limit."""
    lines, size = [HEAD, field, b":\n"], len(HEAD) + len(field) + 2
    for number in range(most):
        line = b"- " + entry(number) + b"\n"
        size += len(line)
        if size > MAX_DOCUMENT_BYTES:
            break
        lines.append(line)
    return b"".join(lines)


def chained(link: bytes) -> bytes:
    """Anchors, each of which names the one before it, over and over."""
    return (
        HEAD
        + b"a0: &a0 [1, 1]\n"
        + b"".join(b"a%d: &a%d %s\n" % (n, n, link.replace(b"*", b"*a%d" % (n - 1))) for n in range(1, 27))
    )


def key(number: int) -> bytes:
    return b"{kind: read, key: k%06d}" % number


def definitions(schemas: Iterable[bytes]) -> bytes:
    lines = [b"  - {name: e%d, properties: {p: %s}}\n" % (number, schema) for number, schema in enumerate(schemas)]
    return HEAD + b"events:\n  definitions:\n" + b"".join(lines)


REST = MAX_DOCUMENT_BYTES - len(HEAD) - 10
DOCUMENTS = {
    "aliases of lists": chained(b"[*, *]"),
    "aliases of mappings": chained(b"{a: *, b: *}"),
    "merged aliases": chained(b"{<<: [*, *]}"),
    "an alias of what holds it": HEAD + b"x: &a [*a]\n",
    "deep lists": HEAD + b"x: " + b"[" * REST,
    "deep mappings": HEAD + b"x: " + b"{a: " * (REST // 4),
    "many values": HEAD + b"x: [" + b"a," * (REST // 2 - 2) + b"]",
    "many empty lists": HEAD + b"x: [" + b"[]," * (REST // 3 - 2) + b"]",
    "many members": HEAD + b"x: {" + b",".join(b"a%d: 1" % n for n in range(REST // 12)) + b"}",
    "one long text": HEAD + b"x: " + b"a " * (REST // 2),
    "one long number": HEAD + b"x: " + b"1" * REST,
    "numbers to the base of 60": HEAD + b"x: [" + b",".join([b"1" + b":1" * 4_000] * 30) + b"]",
    "escapes": HEAD + b'x: "' + b"\\x41" * (REST // 4) + b'"',
    "empty lines": HEAD + b"\n" * REST,
    "a comment": HEAD + b"#" * REST,
    "bytes that are no text": HEAD + b"\xff" * REST,
    "keys": listed(b"keys", key).replace(HEAD, SITE),
    "the most keys": listed(b"keys", key, MAX_ENTRIES).replace(HEAD, SITE),
    "origins": listed(b"origins", lambda n: b"'https://*.a%d.example'" % n),
    "the most origins": listed(b"origins", lambda n: b"'https://*.a%d.example'" % n, MAX_ENTRIES),
    "sources": listed(b"sources", lambda n: b"{when: {utm_source: '*a*a*%d'}, source: b}" % n),
    "goals": listed(b"goals", lambda n: b"{name: g%d, event: e}" % n),
    "the most goals": listed(b"goals", lambda n: b"{name: g%d, event: e}" % n, MAX_ENTRIES),
    "goals of one name": listed(b"goals", lambda n: b"{name: g, event: e}", MAX_ENTRIES),
    "segments": listed(b"segments", lambda n: b"{name: s%d, filters: [[is, 'event:page', ['/x']]]}" % n),
    "funnels of goals that are none": listed(
        b"funnels", lambda n: b"{name: f%d, steps: [" % n + b"{goal: y}," * 9 + b"{goal: x}]}", MAX_ENTRIES
    ).replace(HEAD, HEAD + listed(b"goals", lambda n: b"{name: " + b"g" * 90 + b"%d, event: e}" % n, 999)[len(HEAD):]),
    "definitions": definitions(b"{type: string}" for _ in range(MAX_ENTRIES)),
    "definitions without a type": definitions(b"{type: nummer, tpye: string}" for _ in range(MAX_ENTRIES)),
    "the most patterns": definitions(b"{pattern: 'a{6000}b%d'}" % n for n in range(MAX_PATTERNS)),
    "patterns": definitions(b"{pattern: 'a{6000}b%d'}" % n for n in range(MAX_ENTRIES)),
    "a pattern that grows": definitions([b"{pattern: '(((a{100}){100}){100}){100}'}"]),
    "names of properties as patterns": definitions(
        b"{patternProperties: {'^a{9000}%d': {type: string}}}" % n for n in range(MAX_ENTRIES)
    ),
    "choices": definitions([b"{anyOf: [" + b"{type: string}," * (REST // 17) + b"]}"]),
    "values": definitions([b"{enum: [" + b"a%d," * 0 + b",".join(b"a%d" % n for n in range(REST // 8)) + b"]}"]),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_document_keeps_a_process_busy(name: str) -> None:
    text = DOCUMENTS[name]
    assert len(text) <= MAX_DOCUMENT_BYTES, "else it is refused for its length alone"
    began = time.process_time()
    try:
        parse_site(text, expected="shop")
    except InvalidSite as error:
        assert 1 <= len(error.problems) <= MAX_PROBLEMS
        assert len(error.message) < 1_000_000
    assert time.process_time() - began < 25


def test_a_document_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidSite, match="at most 262144 bytes"):
        parse_site(b"x" * (MAX_DOCUMENT_BYTES + 1), expected="shop")


def test_an_alias_saves_writing_a_list_twice() -> None:
    text = HEAD + b"origins: &pages ['https://shop.example']\nembed_origins: *pages\n"
    assert parse_site(text, expected="shop").embed_origins == ("https://shop.example",)
