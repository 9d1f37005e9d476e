"""The pages say which events end no bounce, and which words are no ids."""

from __future__ import annotations

import re
from pathlib import Path

from clickstream.collecting import interaction
from clickstream.collecting.commerce import ORDER_IDS
from clickstream.collecting.dialects import ga4, matomo_fields, posthog_event, segment_message, snowplow_fields, umami
from clickstream.privacy.nobody import NO_PERSON, NOTHING

DOCS = Path(__file__).parents[3] / "docs"
PROTOCOLS, EVENTS = (DOCS / "protocols.md").read_text(), (DOCS / "events.md").read_text()


def section(page: str, title: str) -> str:
    return page.split(f"{title}\n", 1)[1].split("\n## ")[0]


def test_every_event_that_ends_no_bounce_is_listed_by_its_protocol() -> None:
    rows = re.findall(r"^\| [^`|]+(?:`type`)? \| (.+) \|$", section(PROTOCOLS, "## What ends no bounce"), re.MULTILINE)
    listed = [found for row in rows if (found := set(re.findall("`([^`]+)`", row)))]
    dialects = (snowplow_fields, segment_message, posthog_event, ga4, umami, matomo_fields, interaction)
    assert listed == [set(dialect.BY_THEMSELVES) for dialect in dialects]
    text = section(PROTOCOLS, "## What ends no bounce").split("\n|")[0]
    assert [name for name in interaction.DENIED if f"`{name}`" not in text] == []


def test_every_word_that_is_no_id_is_listed() -> None:
    nothing, persons = re.findall(r"\n\n((?:`[^`]+`,?\s+)+)\n", section(EVENTS, "### Ids of nobody"))
    assert set(re.findall("`([^`]+)`", nothing)) == NOTHING - {""}
    assert set(re.findall("`([^`]+)`", persons)) == NO_PERSON - NOTHING


def test_every_name_of_an_orders_number_is_listed() -> None:
    assert set(ORDER_IDS) <= set(re.findall("`([^`]+)`", section(EVENTS, "### Orders")))
