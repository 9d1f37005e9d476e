"""Every walk over strangers' texts takes linear time, however they are nested, and ends in no exception of its own."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from clickstream.collecting import pages
from clickstream.collecting.client_context import ClientContext
from clickstream.collecting.dialect import Dialect, Item
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.event_processor import EventProcessor
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.request import client_address
from clickstream.enriching import agents
from clickstream.enriching.arrivals import Arrival, traffic
from clickstream.enriching.bots import LOOKED_AT
from clickstream.enriching.sources import read_sources
from clickstream.erasing.captured import names_in_bytes
from clickstream.erasing.damaged import bodies_in
from clickstream.erasing.naming import named_in
from clickstream.errors import InvalidRequest
from clickstream.privacy.consent_strings import Malformed, read_gpp_string, read_tc_string
from clickstream.privacy.minimising import without_ids
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, parse_site
from tests.support.bench import SETTINGS, SITE
from tests.support.linear_time import check

SOURCES = read_sources()
UNITS = (
    *(
        "a",
        "=",
        "a=",
        "&",
        "?a=",
        "%25",
        "%",
        "/",
        "http://x/?a=",
        "@",
        "a@b.",
        ".",
        "a.",
        "co.",
        ":",
        "::1:",
        "1.",
        ";",
    ),
    *('"', '\\"', "\\", "[", '["', '{"a":', "{", "}", "'", "eyJ", "eyJhIjp7fQ", "~", "-", " ", "\n", "é", "\0", ","),
    *("shop\n", "cp\n", "video", "Mozilla/", "a (", '{"event_id":"', "uid=", "utm_source=", "=%5B", "3YN"),
)


def swallowing(work: Callable[[str], object], *errors: type[Exception]) -> Callable[[str], object]:
    """The same, for what says in so many words that it will not have the text."""

    def worked(text: str) -> object:
        try:
            return work(text)
        except errors:
            return None

    return worked


WALKS: dict[str, Callable[[str], object]] = {
    "JSON": swallowing(lambda text: parse_json(text.encode()), InvalidRequest),
    "ids of an original": lambda text: without_ids({"a": text, "b": [text], text: 1}, "visitor"),
    "TC strings": swallowing(read_tc_string, Malformed),
    "GPP strings": swallowing(read_gpp_string, Malformed),
    "addresses": lambda text: pages.campaign(pages.parse_address(f"https://x.test/{text}")),
    "queries": lambda text: pages.campaign(pages.parse_address(f"https://x.test/?utm_source=a&{text}")),
    "hosts": lambda text: pages.parse_address(f"https://{text}/"),
    "clients' addresses": lambda text: client_address({"x-forwarded-for": text}, 1),
    "agents": lambda text: agents.device.__wrapped__(text[:LOOKED_AT], False),
    "arrivals": lambda text: traffic(
        Arrival("page_view", "shop.test", text.lower(), text, text, text, text), SOURCES, None
    ),
    "originals": lambda text: (
        named_in(text.encode(), text).candidates(),
        named_in(text.encode()).names_any({"a" * 9}),
    ),
    "damaged files": lambda text: bodies_in(text.encode()),
    "bytes": lambda text: names_in_bytes(text.encode(), ["canary-user-8471", "a" * 9]),
}


def judged(dialect: Dialect, member: str) -> Callable[[str], object]:
    """Judges an event of which this member is the text."""
    processor = EventProcessor.from_settings(SETTINGS, 1_000_000)
    access = Access(parse_site(SITE, expected="shop"), KeyKind.PUBLIC)
    sender = ClientContext(visitor_id="a" * 32, ip="198.51.100.0", user_agent="Firefox")
    plain = {
        "name": "x",
        "type": "track",
        "event": "x",
        "event_name": "x",
        "e": "pv",
        "p": "web",
        "url": "https://x.test",
    }

    def work(text: str) -> object:
        original = {**plain, member: text, "properties": {member: text, "list": [text], text[:50]: 1}}
        return processor.process(
            Item(original), dialect, access, sender, datetime(2026, 3, 1, tzinfo=UTC), lambda: "id"
        )

    return work


MEMBERS = (
    "name",
    "page_url",
    "url",
    "u",
    "referrer",
    "properties",
    "context",
    "cx",
    "ue_pr",
    "user_agent",
    "ua",
    "title",
)
WALKS |= {f"{name}: {member}": judged(dialect, member) for name, dialect in DIALECTS.items() for member in MEMBERS}


@pytest.mark.parametrize("name", sorted(WALKS))
def test_a_walk_takes_linear_time_whatever_a_stranger_wrote(name: str) -> None:
    for unit in UNITS:
        check(f"{name} of {unit!r}", WALKS[name], lambda length, unit=unit: (unit * length)[:length], 4_096)  # type: ignore[misc]


NESTINGS: dict[str, Callable[[str], str]] = {
    "lists": lambda text: f"[{text}]",
    "objects": lambda text: f'{{"a":{text}}}',
    "texts": lambda text: json.dumps([text]),
    "base64": lambda text: urlsafe_b64encode(json.dumps({"a": text}).encode()).decode(),
    "parameters": lambda text: f"?a={quote(text, safe='')}",
}


@pytest.mark.parametrize("nesting", sorted(NESTINGS))
@pytest.mark.parametrize("name", sorted(WALKS))
def test_no_nesting_ends_in_an_exception(name: str, nesting: str) -> None:
    text = '"a@b.example"'
    while len(text) < 8_192:
        text = NESTINGS[nesting](text)
    WALKS[name](text)
