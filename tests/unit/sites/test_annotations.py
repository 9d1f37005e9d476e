"""Annotations in a site's document, and what the dashboard adds to it."""

from __future__ import annotations

import pytest

from clickstream.errors import InvalidSite
from clickstream.sites.additions import added_text
from clickstream.sites.document import parse_site

HEAD = "site: shop\nkeys:\n- {kind: public, key: shop-public}\n"


def read(text: str) -> list[tuple[str, str]]:
    return [(each.at, each.text) for each in parse_site(f"{HEAD}{text}".encode(), expected="shop").annotations]


def test_a_day_and_a_minute_are_read_quoted_and_not() -> None:
    text = "annotations:\n- {at: 2026-10-14, text: ' New checkout '}\n- {at: '2026-10-14T09:30', text: Mail}\n"
    assert read(text) == [("2026-10-14", "New checkout"), ("2026-10-14T09:30", "Mail")]


@pytest.mark.parametrize(
    "at", ["'2026-02-30'", "'14.10.2026'", "'2026-10-14T25:00'", "'2026-10-14T09:30:00Z'", "2026-W40", "''", "5", "~"]
)
def test_no_moment_is_refused_at_its_place(at: str) -> None:
    with pytest.raises(InvalidSite, match=r"/annotations/0/at"):
        read(f"annotations: [{{at: {at}, text: a}}]\n")


@pytest.mark.parametrize("text", ["''", "' '", "5", "~", "'" + "a" * 301 + "'"])
def test_no_text_is_refused_at_its_place(text: str) -> None:
    with pytest.raises(InvalidSite, match=r"/annotations/0/text"):
        read(f"annotations: [{{at: '2026-10-14', text: {text}}}]\n")


def test_what_the_dashboard_adds_is_read_again() -> None:
    added = {"at": "2026-10-14", "text": "<img src=x>: it's # new"}
    text = added_text(f"{HEAD}annotations:\n- {{at: 2026-10-13, text: a}}\n".encode(), "annotations", added).decode()
    assert read(text.removeprefix(HEAD)) == [("2026-10-13", "a"), (added["at"], added["text"])]
